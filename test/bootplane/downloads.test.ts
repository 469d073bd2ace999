// The thread that sends the images, from its start to a fault of it.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import type { DownloadEnd } from "../../src/bootplane/download-loop.ts";
import { createDownloads } from "../../src/bootplane/downloads.ts";
import { loadLibc } from "../../src/net/libc.ts";

const octets = 100;
const image = Buffer.alloc(octets);

test("a fault of the thread cuts what is under way, and the next download has a new thread", async () => {
  const logs: string[] = [];
  const logger = pino({}, { write: (line: string) => void logs.push(line) });
  const downloads = createDownloads({ leastBytesPerSecond: 1, windowMs: 30_000 }, logger);
  const source = { address: (await loadLibc()).address(image) };
  const ends: DownloadEnd[] = [];
  let closed = 0;
  const server = createServer((request, response) => {
    response.writeHead(200, { "content-length": octets, connection: "close" });
    // No number of an octet.
    const start = request.url === "/fault" ? Number.NaN : 0;
    const order = { source, start, end: octets, client: "a", rate: undefined };
    const run = downloads.run(response, request.socket, order, () => void closed++);
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
  await expect(get("/fault")).rejects.toThrow();
  expect(await get("/")).toBe(octets);
  await expect.poll(() => closed).toBe(2);
  expect(ends).toEqual([
    { outcome: "cut", bytes: 0 },
    { outcome: "complete", bytes: octets },
  ]);
  expect(logs.join()).toContain("the thread that sends the images has failed");
});
