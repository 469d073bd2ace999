// Machines that fetch an image and throw it away, all in this one process so that it takes little of the processors:
// http-client.ts HOST PORT PATH SIZE CLIENTS DOWNLOADS ADDRESS... Each client makes its downloads one after the other, on a new
// connection each, from one of the addresses. Prints a Downloads as JSON.

import { connect } from "node:net";

export interface Downloads {
  /** From the first request to the last octet of all. */
  readonly seconds: number;
  /** Of each download that arrived whole: from the connection's start to the last octet. */
  readonly downloadMs: readonly number[];
  /** How those ended that did not. */
  readonly failures: readonly string[];
  /** Processor time of all this. */
  readonly cpuSeconds: number;
}

const [host = "", port = "", path = "", size = "", clients = "", downloads = "", ...addresses] =
  process.argv.slice(2);
const request = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
const headEnd = "\r\n\r\n";
// One for all: nobody looks at what is in it but the head of each answer, in the moment that it comes.
const buffer = Buffer.allocUnsafe(1024 * 1024);

/** Resolves to the body's octets, as long as the answer was a 200. */
function download(localAddress: string): Promise<number> {
  return new Promise((resolve) => {
    let [octets, body] = [0, Number.NaN];
    const onread = {
      buffer,
      callback: (length: number) => {
        if (octets === 0 && buffer.toString("latin1", 9, 12) === "200")
          body = -(buffer.indexOf(headEnd) + headEnd.length);
        octets += length;
        return true;
      },
    };
    const socket = connect({ host, port: Number(port), localAddress, onread });
    socket.on("error", () => undefined);
    socket.once("close", () => resolve(octets + body));
    socket.write(request);
  });
}

const downloadMs: number[] = [];
const failures: string[] = [];
const startedMs = performance.now();
await Promise.all(
  Array.from({ length: Number(clients) }, async (_, client) => {
    const address = addresses[client % addresses.length] ?? "";
    for (let turn = 0; turn < Number(downloads); turn += 1) {
      const beganMs = performance.now();
      const octets = await download(address);
      if (octets === Number(size)) downloadMs.push(performance.now() - beganMs);
      else failures.push(`${octets} octets in place of ${size}`);
    }
  }),
);
const seconds = (performance.now() - startedMs) / 1000;
const { user, system } = process.cpuUsage();
const cpuSeconds = (user + system) / 1e6;
const done: Downloads = { seconds, downloadMs, failures, cpuSeconds };
process.stdout.write(JSON.stringify(done));
