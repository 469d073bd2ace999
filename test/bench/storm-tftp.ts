// Fetches a file in lock-step, as a boot ROM does (RFC 1350, 2348, 2349). Shares no code with the server it measures.

import { createSocket } from "node:dgram";

const blksize = 1456;
const port = 69;
const waitMs = 1_000;
const tries = 6;

/** Fetches from an address of this machine; resolves to the octets. Rejects on ERROR, and when the server is silent for long. */
export function fetchByTftp(from: string, server: string, file: string): Promise<number> {
  const socket = createSocket("udp4");
  let timer: NodeJS.Timeout | undefined;
  const fetched = new Promise<number>((resolve, reject) => {
    let last = request(file);
    let toPort = port;
    let block = 0;
    let octets = 0;
    let left = tries;
    const send = (datagram: Buffer) => {
      last = datagram;
      socket.send(datagram, toPort, server);
      clearTimeout(timer);
      timer = setTimeout(() => {
        left -= 1;
        if (left === 0) reject(new Error(`no answer after block ${block}`));
        else send(last);
      }, waitMs);
    };
    socket.on("error", reject);
    socket.on("message", (datagram, sender) => {
      const opcode = datagram.readUInt16BE(0);
      if (opcode === 5) return reject(new Error(datagram.subarray(4, -1).toString("latin1")));
      if (toPort === port) toPort = sender.port;
      if (opcode === 6 && block === 0) return send(acknowledgement(0));
      if (opcode !== 3 || datagram.readUInt16BE(2) !== ((block + 1) & 0xffff)) return;
      block += 1;
      left = tries;
      octets += datagram.length - 4;
      send(acknowledgement(block));
      if (datagram.length - 4 < blksize) resolve(octets);
    });
    socket.bind(0, from, () => send(last));
  });
  return fetched.finally(() => {
    clearTimeout(timer);
    socket.close();
  });
}

function request(file: string): Buffer {
  const words = [file, "octet", "blksize", String(blksize), "tsize", "0"];
  return Buffer.concat([Buffer.of(0, 1), Buffer.from(words.map((word) => `${word}\0`).join(""))]);
}

function acknowledgement(block: number): Buffer {
  const datagram = Buffer.of(0, 4, 0, 0);
  datagram.writeUInt16BE(block & 0xffff, 2);
  return datagram;
}
