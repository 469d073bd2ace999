// Many machines at one boot plane: what it costs in memory when they are slow, and how a limited one is sent to. Traffic on
// loopback only.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { createImageCache } from "../../src/boot/image-cache.ts";
import { listenBootPlane } from "../../src/bootplane/listen.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { randomImage } from "../fakes/asset-directory.ts";
import { testBootPlane } from "../fakes/boot-plane.ts";
import { clientOf } from "../fakes/boot-plane-client.ts";
import { requireTools } from "./host.ts";

const run = promisify(execFile);
const initrd = "/boot/nixos/control-plane/initrd";
const mebibyte = 1024 * 1024;
const sizeMib = 300;
const script = new URL("bootplane-process.ts", import.meta.url).pathname;

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function startServer(budgetMib: number): Promise<{ pid: number; port: number }> {
  const argv = [script, `${budgetMib}`, `${sizeMib}`];
  const child: ChildProcess = spawn(process.execPath, argv, { stdio: ["pipe", "pipe", "inherit"] });
  closing.push(async () => {
    child.stdin?.end();
    await once(child, "exit");
  });
  const [line] = await once(child.stdout ?? child, "data");
  return { pid: child.pid ?? 0, port: Number(line) };
}

/** Asks for the initrd from one of several addresses, takes `octets` of the answer and reads no further. */
async function slowClient(port: number, index: number, octets: number): Promise<Socket> {
  const localAddress = `127.0.1.${1 + (index % 8)}`;
  const socket = connect({ port, host: "127.0.0.1", localAddress });
  socket.on("error", () => undefined);
  socket.write(`GET ${initrd} HTTP/1.1\r\nHost: boot\r\n\r\n`);
  let taken = 0;
  const enough = new Promise<void>((resolve) => {
    socket.on("data", (chunk: Buffer) => {
      taken += chunk.length;
      if (taken < octets) return;
      socket.pause();
      resolve();
    });
  });
  await enough;
  return socket;
}

function residentMib(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

describe("200 machines that take a few octets of a 300 MiB image and then none", () => {
  it.each([
    ["one copy of it in memory", 512, sizeMib + 100],
    ["no copy of it", 0, 200],
  ])("cost %s and little more", async (_, budgetMib, mostMib) => {
    const { pid, port } = await startServer(budgetMib);
    const before = residentMib(pid);
    const clients = await Promise.all(
      Array.from({ length: 200 }, (_unused, index) => slowClient(port, index, 3 * mebibyte)),
    );
    closing.push(() => clients.map((socket) => socket.destroy()));
    const grownMib = residentMib(pid) - before;
    expect(grownMib).toBeLessThan(mostMib);
    // Whoever is fast is served meanwhile.
    const local = ["--interface", "127.0.2.1", "-o", "/dev/null", "-w", "%{size_download}"];
    const url = `http://127.0.0.1:${port}${initrd}`;
    expect(Number((await run("curl", ["-sS", ...local, url])).stdout)).toBe(sizeMib * mebibyte);
  });
});

it("lets the kernel queue no more than half a mebibyte for a client", async () => {
  await requireTools({ ss: "iproute2" });
  const plane = await testBootPlane();
  closing.push(() => plane.close());
  const { port } = await listenBootPlane(plane, "127.0.0.1" as Ipv4, 0);
  const socket = await slowClient(port, 0, 1);
  closing.push(() => socket.destroy());
  const { stdout } = await run("ss", ["-tmnH", "state", "established", "sport", "=", `:${port}`]);
  expect(Number(/\btb(\d+)/.exec(stdout)?.[1])).toBeLessThanOrEqual(512 * 1024);
});

it.each([
  ["memory", 64],
  ["disk", 0],
])("gives 64 machines at once every octet from %s", async (_, budgetMib) => {
  const plane = await testBootPlane({ images: createImageCache(budgetMib * mebibyte) });
  closing.push(() => plane.close());
  const wanted = randomImage(2_000_001);
  writeFileSync(join(plane.directory, "nixos/control-plane/initrd"), wanted);
  await plane.assets.reload();
  const get = clientOf(plane);
  const answers = await Promise.all(Array.from({ length: 64 }, () => get(initrd)));
  expect(answers.filter(({ rawPayload }) => rawPayload.equals(wanted))).toHaveLength(64);
  await expect.poll(() => plane.events.length).toBe(64);
  const complete = { outcome: "complete", bytes: wanted.length };
  expect(plane.events).toMatchObject(Array.from({ length: 64 }, () => complete));
});

it("answers again when 64 downloads were broken off by their clients", async () => {
  const { port } = await startServer(512);
  const clients = await Promise.all(
    Array.from({ length: 64 }, (_, index) => slowClient(port, index, mebibyte)),
  );
  for (const socket of clients) socket.resetAndDestroy();
  const url = `http://127.0.0.1:${port}${initrd}`;
  const format = ["-o", "/dev/null", "-w", "%{size_download}"];
  const { stdout } = await run("curl", ["-sS", ...format, url]);
  expect(Number(stdout)).toBe(sizeMib * mebibyte);
});

describe("a rate", () => {
  it("is kept by two downloads of one machine together, and none of another machine's", async () => {
    await requireTools({ curl: "curl" });
    const slow = "127.0.1.1";
    const plane = await testBootPlane({
      downloadRate: (client) => (client === slow ? 2 * mebibyte : undefined),
    });
    closing.push(() => plane.close());
    const { port } = await listenBootPlane(plane, "127.0.0.1" as Ipv4, 0);
    const url = `http://127.0.0.1:${port}${initrd}`;
    const startedAt = performance.now();
    /** Until the whole image was there. */
    const seconds = async (address: string) => {
      const format = ["-o", "/dev/null", "-w", "%{size_download}"];
      const { stdout } = await run("curl", ["-sS", "--interface", address, ...format, url]);
      expect(stdout).toBe("1300001");
      return (performance.now() - startedAt) / 1000;
    };
    const [first, second, other] = await Promise.all([
      seconds(slow),
      seconds(slow),
      seconds("127.0.1.2"),
    ]);
    // 2.6 MB at 2 MiB/s, less the last slice, which is not waited for.
    expect(Math.max(first, second)).toBeGreaterThan(1.1);
    expect(other).toBeLessThan(Math.max(first, second));
  });
});
