// A machine with a reservation that takes its lease again and again, one request at a time and each sent once, through a relay of its own.
// `node reserved-machine.ts COUNT SECONDS`; prints one line of JSON: the exchanges tried and the milliseconds of
// those that ended in the reserved address. Shares no code with the server it measures.

import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { addresses, reservedMac } from "./lab.ts";

export interface Visits {
  readonly attempts: number;
  readonly succeededMs: readonly number[];
}

const [count = 0, seconds = 0] = process.argv.slice(2).map(Number);
const port = 67;
const answerTimeoutMs = 1000;
const pauseMs = 20;
const discover = 1;
const offer = 2;
const request = 3;
const ack = 5;

const octets = (address: string) => Buffer.from(address.split(".").map(Number));
const socket = createSocket("udp4");
const listening = once(socket, "listening");
socket.bind(port, addresses.reservedRelay);
await listening;

/** A message of RFC 2131 §2 with these options behind the message type. */
function message(type: number, xid: number, options: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(240);
  header.set([1, 1, 6, 1]);
  header.writeUInt32BE(xid, 4);
  header.set(octets(addresses.reservedRelay), 24);
  header.set(Buffer.from(reservedMac.replaceAll(":", ""), "hex"), 28);
  header.writeUInt32BE(0x63825363, 236);
  const bytes = Buffer.concat([header, Buffer.of(53, 1, type), ...options, Buffer.of(255)]);
  return Buffer.concat([bytes, Buffer.alloc(Math.max(0, 300 - bytes.length))]);
}

/** The address in the answer of this type to this xid; undefined when the datagram is something else. */
function granted(datagram: Buffer, type: number, xid: number): Buffer | undefined {
  if (datagram.length < 240 || datagram[0] !== 2 || datagram.readUInt32BE(4) !== xid)
    return undefined;
  for (let at = 240; at + 2 < datagram.length; at += 2 + (datagram[at + 1] ?? 0))
    if (datagram[at] === 53)
      return datagram[at + 2] === type ? Buffer.from(datagram.subarray(16, 20)) : undefined;
  return undefined;
}

/** Sends a message once and waits for the address it is answered with. */
function ask(datagram: Buffer, answerType: number, xid: number): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const end = (address: Buffer | undefined) => {
      clearTimeout(timer);
      socket.off("message", hear);
      resolve(address);
    };
    const hear = (answer: Buffer) => {
      const address = granted(answer, answerType, xid);
      if (address !== undefined) end(address);
    };
    const timer = setTimeout(() => end(undefined), answerTimeoutMs);
    socket.on("message", hear);
    socket.send(datagram, port, addresses.server);
  });
}

/** One exchange of four messages; true when it ended in the reserved address. */
async function visit(): Promise<boolean> {
  const xid = randomInt(2 ** 32);
  const offered = await ask(message(discover, xid, []), offer, xid);
  if (offered === undefined) return false;
  const options = [
    Buffer.concat([Buffer.of(50, 4), offered]),
    Buffer.concat([Buffer.of(54, 4), octets(addresses.server)]),
  ];
  const bound = await ask(message(request, xid, options), ack, xid);
  return bound?.equals(octets(addresses.reserved)) ?? false;
}

const endAt = performance.now() + seconds * 1000;
const succeededMs: number[] = [];
let attempts = 0;
while (attempts < count && performance.now() < endAt) {
  const startedAt = performance.now();
  attempts += 1;
  if (await visit()) succeededMs.push(performance.now() - startedAt);
  await pause(pauseMs);
}
socket.close();
process.stdout.write(`${JSON.stringify({ attempts, succeededMs } satisfies Visits)}\n`);
