// Feeds TFTP requests and transfers datagrams of every bad kind, in virtual time, and watches what is sent. No sockets; the
// same seed sends the same datagrams.

import { judgeRequest } from "../../src/tftp/judge.ts";
import {
  type Datagram,
  decodePacket,
  encodePacket,
  type RequestPacket,
  type TftpPacket,
} from "../../src/tftp/packet.ts";
import { createTransfer, type Transfer } from "../../src/tftp/transfer.ts";
import { seededRandom } from "../fakes/seeded-random.ts";
import { type FuzzOptions, type FuzzReport, type FuzzStep, runFuzz } from "./report.ts";

type Random = (below: number) => number;

interface Session {
  readonly transfer: Transfer;
  readonly request: RequestPacket;
  readonly file: Buffer;
  /** The last block that was sent, as it is on the wire. */
  sent: number;
}

interface World {
  readonly random: Random;
  readonly sessions: Session[];
  nowMs: number;
}

const slots = 64;
// The most that options.ts lets a window hold, and the headers.
const maxWindow = 64;
const maxWindowBytes = 128 * 1024 + maxWindow * 4;
const files = [0, 1, 511, 512, 5_000, 70_000].map((length) => Buffer.alloc(length, "a\r\nb\0"));

export function fuzzTftp(options: FuzzOptions): FuzzReport {
  const world: World = { random: seededRandom(options.seed), sessions: [], nowMs: 0 };
  return runFuzz(options, () => step(world));
}

function step(world: World): FuzzStep {
  const { random, sessions } = world;
  const slot = random(slots);
  const session = sessions[slot];
  const datagram = nextDatagram(random, session);
  world.nowMs += random(3);
  if (random(500) === 0) world.nowMs += random(20_000);
  if (random(5_000) === 0) world.nowMs += 300_000;
  const problems: string[] = [];
  const startedNs = process.hrtime.bigint();
  let done: { readonly kind: string; readonly sent: readonly Datagram[] };
  try {
    done = take(world, slot, datagram, problems);
  } catch (error) {
    done = { kind: "thrown", sent: [] };
    problems.push(`it threw: ${error instanceof Error ? error.stack : String(error)}`);
  }
  const tookNs = Number(process.hrtime.bigint() - startedNs);
  const current = sessions[slot];
  if (current !== undefined) problems.push(...wrongIn(current, done.sent));
  const datagrams = [datagram.toString("hex")];
  return {
    ...{ packets: 1, tookNs, kinds: [current?.transfer.outcome ?? done.kind] },
    problems: problems.map((problem) => ({ problem, datagrams })),
  };
}

/** As the server does: a request may begin a transfer, everything else is for the one that is under way. */
function take(world: World, slot: number, datagram: Buffer, problems: string[]) {
  const packet = decodePacket(datagram);
  const session = world.sessions[slot];
  if (!("malformed" in packet) && (packet.kind === "RRQ" || packet.kind === "WRQ")) {
    const begun = begin(world, packet);
    if (begun === undefined) return { kind: "refused", sent: [] };
    world.sessions[slot] = begun;
    return { kind: "begun", sent: begun.transfer.start(world.nowMs) };
  }
  const kind = "malformed" in packet ? "malformed" : packet.kind;
  if (session === undefined) return { kind: "nobody's", sent: [] };
  return { kind, sent: onPacket(session, packet, world.nowMs, problems) };
}

function begin({ random }: World, request: RequestPacket): Session | undefined {
  const name = judgeRequest(request);
  if (typeof name !== "string") return undefined;
  if (/(^|\/)\.\.(\/|$)|^\/|[^\x20-\x7e]/.test(name))
    throw new Error(`the name ${name} was let pass`);
  const file = files[random(files.length)] ?? Buffer.alloc(0);
  return { transfer: createTransfer(request, file), request, file, sent: 0 };
}

function onPacket(
  session: Session,
  packet: ReturnType<typeof decodePacket>,
  nowMs: number,
  problems: string[],
): Datagram[] {
  const { transfer } = session;
  const hadEnded = transfer.outcome !== undefined;
  const late = transfer.onTimeout(nowMs);
  const answers = "malformed" in packet ? [] : transfer.onPacket(packet, nowMs);
  if (hadEnded && late.length + answers.length > 0) problems.push("it sent after its end");
  if (!("malformed" in packet) && packet.kind === "ERROR" && answers.length > 0)
    problems.push("an ERROR was answered");
  if (transfer.outcome === undefined && !(transfer.deadline <= nowMs + 300_000))
    problems.push(`it waits until ${transfer.deadline}, and it is ${nowMs}`);
  if (transfer.bytes > 2 * session.file.length)
    problems.push("more was acknowledged than there is");
  return late.length > 0 ? late : answers;
}

/** What of these datagrams no client may be sent. */
function wrongIn(session: Session, sent: readonly Datagram[]): string[] {
  if (sent.length === 0) return [];
  const bytes = sent.reduce((sum, parts) => sum + Buffer.concat(parts).length, 0);
  if (sent.length > maxWindow || bytes > maxWindowBytes)
    return [`it sent ${sent.length} datagrams of ${bytes} octets for one`];
  return sent.flatMap((parts) => {
    const packet = decodePacket(Buffer.concat(parts));
    if ("malformed" in packet) return ["it sent what cannot be read"];
    if (packet.kind === "ERROR") return [];
    if (packet.kind === "OACK") {
      const strange = [...packet.options.keys()].filter((key) => !session.request.options.has(key));
      return strange.map((key) => `it acknowledged ${key}, which was not asked for`);
    }
    if (packet.kind !== "DATA") return [`it sent ${packet.kind}`];
    session.sent = packet.block;
    const [, data] = parts;
    const isOfFile = data?.buffer === session.file.buffer || data?.length === 0;
    return isOfFile || session.request.mode === "netascii" ? [] : ["it sent a copy"];
  });
}

const names = [
  "ipxe.efi",
  "/grub/grub.cfg-01-02-00-00-00-00-01",
  "\\EFI\\boot.efi",
  "..\\x",
  "a/../b",
];
const modes = ["octet", "netascii", "OCTET", "mail", ""];
const optionNames = [
  "blksize",
  "tsize",
  "timeout",
  "windowsize",
  "BLKSIZE",
  "multicast",
  "__proto__",
];
const values = [
  "0",
  "1",
  "8",
  "64",
  "512",
  "1468",
  "65464",
  "65465",
  "255",
  "-1",
  "1e9",
  "",
  "9".repeat(40),
];

function nextDatagram(random: Random, session: Session | undefined): Buffer {
  const octets = Buffer.from(encodePacket(nextPacket(random, session)));
  return random(3) === 0 ? mutated(random, octets) : octets;
}

function nextPacket(random: Random, session: Session | undefined): TftpPacket {
  const choice = session === undefined || session.transfer.outcome !== undefined ? 0 : random(40);
  if (choice === 0) return nextRequest(random);
  if (choice < 34) {
    const offset = choice < 28 ? 0 : random(140) - 70;
    return { kind: "ACK", block: ((session?.sent ?? 0) + offset) & 0xffff };
  }
  if (choice < 37) return { kind: "ACK", block: random(65_536) };
  if (choice === 37)
    return { kind: "DATA", block: random(65_536), data: Buffer.alloc(random(600)) };
  if (choice === 38) return { kind: "ERROR", code: random(12), message: "x".repeat(random(40)) };
  return { kind: "OACK", options: new Map([["blksize", "8"]]) };
}

function nextRequest(random: Random): RequestPacket {
  const options = new Map<string, string>();
  for (let count = random(6); count > 0; count -= 1)
    options.set(pick(random, optionNames), pick(random, values));
  const mode = pick(random, modes.slice(0, random(3) === 0 ? modes.length : 2));
  return { kind: random(30) === 0 ? "WRQ" : "RRQ", file: pick(random, names), mode, options };
}

function mutated(random: Random, octets: Buffer): Buffer {
  for (let count = random(4); count > 0 && octets.length > 0; count -= 1) {
    const at = random(octets.length);
    octets[at] = random(2) === 0 ? random(256) : (octets[at] ?? 0) ^ (1 << random(8));
  }
  if (random(3) === 0) return octets.subarray(0, random(octets.length + 1));
  if (random(6) === 0) return Buffer.concat([octets, octets.subarray(random(octets.length + 1))]);
  if (random(50) === 0) return Buffer.concat([octets, Buffer.alloc(random(60_000), random(256))]);
  return octets;
}

function pick(random: Random, from: readonly string[]): string {
  return from[random(from.length)] ?? "";
}
