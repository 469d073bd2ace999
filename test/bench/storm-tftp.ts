// Fetches a file in lock-step, as a boot ROM does (RFC 1350, 2348, 2349), for every machine of the storm. Shares no code with
// the server it measures.

import { type Ipv4, ipv4ToNumber } from "../../src/net/ipv4.ts";
import type { Loop } from "./storm-loop.ts";
import type { Arrived, StormSocket } from "./storm-udp.ts";

const blksize = 1456;
const port = 69;
const waitMs = 1_000;
const tries = 6;

interface Fetch {
  last: Buffer;
  toPort: number;
  block: number;
  octets: number;
  left: number;
  sentMs: number;
  end: (failure?: string) => void;
}

export interface TftpClients {
  /** Fetches as the machine with that address; resolves to the octets. Rejects on ERROR, and when the server is silent for long. */
  fetch(from: Ipv4, file: string): Promise<number>;
  onArrived(arrived: Arrived): void;
}

export function createTftpClients(loop: Loop, socket: () => StormSocket): TftpClients {
  const fetches = new Map<number, Fetch>();
  const send = (from: number, fetch: Fetch, datagram: Buffer) => {
    fetch.last = datagram;
    fetch.sentMs = performance.now();
    socket().send(from, fetch.toPort, datagram);
  };
  /** A firmware's timer, set anew with each packet: looks after `waitMs` when the last one was sent. */
  const watch = (from: number, fetch: Fetch) => {
    const restMs = fetch.sentMs + waitMs - performance.now();
    loop.alarm(Math.max(1, restMs), () => {
      if (fetches.get(from) !== fetch) return;
      if (performance.now() - fetch.sentMs >= waitMs) {
        fetch.left -= 1;
        if (fetch.left === 0) return fetch.end(`no answer after block ${fetch.block}`);
        send(from, fetch, fetch.last);
      }
      watch(from, fetch);
    });
  };
  return {
    fetch: (address, file) =>
      new Promise((resolve, reject) => {
        const from = ipv4ToNumber(address);
        const end = (failure?: string) => {
          fetches.delete(from);
          if (failure === undefined) resolve(fetch.octets);
          else reject(new Error(failure));
        };
        const last = request(file);
        const fetch: Fetch = {
          last,
          toPort: port,
          block: 0,
          octets: 0,
          left: tries,
          sentMs: 0,
          end,
        };
        fetches.set(from, fetch);
        send(from, fetch, last);
        watch(from, fetch);
      }),
    onArrived: ({ to, fromPort, datagram }) => {
      const fetch = fetches.get(to);
      if (fetch === undefined) return;
      const opcode = datagram.readUInt16BE(0);
      if (opcode === 5) return fetch.end(datagram.toString("latin1", 4, datagram.length - 1));
      if (fetch.toPort === port) fetch.toPort = fromPort;
      if (opcode === 6 && fetch.block === 0) return send(to, fetch, acknowledgement(0));
      if (opcode !== 3 || datagram.readUInt16BE(2) !== ((fetch.block + 1) & 0xffff)) return;
      fetch.block += 1;
      fetch.left = tries;
      fetch.octets += datagram.length - 4;
      send(to, fetch, acknowledgement(fetch.block));
      if (datagram.length - 4 < blksize) fetch.end();
    },
  };
}

function request(file: string): Buffer {
  const words = [file, "octet", "blksize", String(blksize), "tsize", "0"];
  return Buffer.concat([Buffer.of(0, 1), Buffer.from(words.map((word) => `${word}\0`).join(""))]);
}

function acknowledgement(block: number): Buffer {
  return Buffer.of(0, 4, (block >>> 8) & 255, block & 255);
}
