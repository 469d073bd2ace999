// The thread that sends the images, from its start to a fault of it.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Worker } from "node:worker_threads";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import type { DownloadEnd } from "../../src/bootplane/download-loop.ts";
import { createDownloads } from "../../src/bootplane/downloads.ts";
import { loadLibc } from "../../src/net/libc.ts";

const octets = 100;
/** A thread that ends with its first order. */
const ending = `require("node:worker_threads").parentPort.once("message", () => process.exit(3));`;
const image = Buffer.alloc(octets);

/** Downloads on a real connection, and what came of them; `startWorker` as createDownloads takes it. */
async function place(now = () => 0, startWorker?: () => Worker) {
  const logs: string[] = [];
  const logger = pino({}, { write: (line: string) => void logs.push(line) });
  const patience = { leastBytesPerSecond: 1, windowMs: 30_000 };
  const downloads = createDownloads(patience, logger, now, startWorker);
  const source = { address: (await loadLibc()).address(image) };
  const ends: DownloadEnd[] = [];
  const seen = { closed: 0 };
  const server = createServer((request, response) => {
    response.writeHead(200, { "content-length": octets, connection: "close" });
    // No number of an octet.
    const start = request.url === "/fault" ? Number.NaN : 0;
    const order = { source, start, end: octets, client: "a", rate: undefined };
    const run = downloads.run(response, request.socket, order, () => void seen.closed++);
    void run.then((end) => ends.push(end));
  }).listen(0, "127.0.0.1");
  onTestFinished(async () => {
    await downloads.close();
    server.close();
  });
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  const get = async (path: string) =>
    (await (await fetch(`http://127.0.0.1:${port}${path}`)).arrayBuffer()).byteLength;
  return { downloads, get, ends, logs, seen };
}

const cut: DownloadEnd = { outcome: "cut", bytes: 0 };

test("a fault of the thread cuts what is under way, and the next download has a new thread", async () => {
  const { downloads, get, ends, logs, seen } = await place();
  await expect(get("/fault")).rejects.toThrow();
  expect(await get("/")).toBe(octets);
  await expect.poll(() => seen.closed).toBe(2);
  expect(ends).toEqual([cut, { outcome: "complete", bytes: octets }]);
  expect(logs.join()).toContain("the thread that sends the images has failed");
  expect(downloads.trouble()).toBeUndefined();
});

test("a thread that ends without an error cuts what is under way", async () => {
  const { get, ends, logs } = await place(undefined, () => new Worker(ending, { eval: true }));
  await expect(get("/")).rejects.toThrow();
  expect(ends).toEqual([cut]);
  expect(logs.join()).toContain("the thread ended with 3");
});

test("a thread that fails three times within a minute is trouble, and left alone until that is over", async () => {
  let [nowMs, started] = [0, 0];
  const { downloads, get } = await place(
    () => nowMs,
    () => {
      started += 1;
      return new Worker(ending, { eval: true });
    },
  );
  for (const atMs of [0, 30_000, 59_999]) {
    expect(downloads.trouble()).toBeUndefined();
    nowMs = atMs;
    await expect(get("/")).rejects.toThrow();
  }
  expect(downloads.trouble()).toMatch(/^images can't be sent: .*: the thread ended with 3$/);
  await expect(get("/")).rejects.toThrow();
  expect(started).toBe(3);
  nowMs = 60_000;
  expect(downloads.trouble()).toBeUndefined();
  await expect(get("/")).rejects.toThrow();
  expect(started).toBe(4);
  // Those of the last minute are three again.
  expect(downloads.trouble()).toBeDefined();
});
