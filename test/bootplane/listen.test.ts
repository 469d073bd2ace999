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
  return listenBootPlane(plane.app, address as Ipv4, port);
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
