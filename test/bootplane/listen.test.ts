import { Worker } from "node:worker_threads";
import { afterEach, expect, it } from "vitest";
import { type Listening, listenBootPlane } from "../../src/bootplane/listen.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { type TestBootPlane, testBootPlane } from "../fakes/boot-plane.ts";

const open: TestBootPlane[] = [];
afterEach(async () => {
  for (const plane of open.splice(0)) await plane.close();
});

async function listen(address: string, port: number): Promise<Listening> {
  const plane = await testBootPlane();
  open.push(plane);
  return listenBootPlane(plane, address as Ipv4, port);
}

it("takes a free port, answers there, and frees it when it is closed", async () => {
  const first = await listen("127.0.0.1", 0);
  expect(first.status()).toBe("running");
  expect((await fetch(`http://127.0.0.1:${first.port}/health`)).status).toBe(200);
  await first.close();
  expect(first.status()).toBe("stopped");
  const second = await listen("127.0.0.1", first.port);
  expect(second.port).toBe(first.port);
});

it("is on its own address alone", async () => {
  const { port } = await listen("127.0.0.5", 0);
  await expect(fetch(`http://127.0.0.1:${port}/health`)).rejects.toThrow();
});

it.each([
  ["a port that another has", "127.0.0.1", "EADDRINUSE"],
  ["an address of another machine", "192.0.2.1", "EADDRNOTAVAIL"],
])("refuses %s, with the name of both and the remedy", async (_, address, why) => {
  const { port } = await listen("127.0.0.1", 0);
  await expect(listen(address, port)).rejects.toThrow(
    `HTTP on ${address} port ${port}: ${why}: see that an interface has this address`,
  );
});

const knocking = `
  const { workerData: { port, count, connected } } = require("node:worker_threads");
  const { connect } = require("node:net");
  let open = 0;
  for (let i = 0; i < count; i++)
    connect(port, "127.0.0.1", () => {
      open += 1;
      if (open < count) return;
      Atomics.store(connected, 0, 1);
      Atomics.notify(connected, 0);
    }).on("error", () => undefined);
`;

it("keeps a whole rack waiting at its door while it is busy, and turns nobody away to try again a second later", async () => {
  const { port } = await listen("127.0.0.1", 0);
  const connected = new Int32Array(new SharedArrayBuffer(4));
  const workerData = { port, count: 2_000, connected };
  const rack = new Worker(knocking, { eval: true, workerData });
  try {
    // Nothing is accepted meanwhile: whom the kernel doesn't queue is not connected when this ends.
    expect(Atomics.wait(connected, 0, 0, 4_000)).toBe("ok");
  } finally {
    await rack.terminate();
  }
});
