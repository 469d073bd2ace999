// What RFC 1350, 2347, 2348, 2349 and 7440 ask of a server that is read from, played octet by octet. On loopback.

import { randomBytes } from "node:crypto";
import { performance } from "node:perf_hooks";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { TftpPacket } from "../../src/tftp/packet.ts";
import { createTftpServer, type TftpEvent, type TftpServer } from "../../src/tftp/server.ts";
import { heldFile } from "../fakes/held-file.ts";
import { openClient, type RawClient, type Reply } from "./tftp-client.ts";

const address = "127.0.0.3" as Ipv4;
const clientAddress = "127.0.0.4";

const files = new Map([
  ["small", Buffer.from("a small file\n")],
  ["empty", Buffer.alloc(0)],
  ["exact", randomBytes(512 * 3)],
  ["file", randomBytes(10_000)],
  ["wrap", randomBytes(8 * 65_600 + 3)],
  ["text", Buffer.from("one\ntwo\r\nthree\r")],
]);
const fileOf = (name: string) => files.get(name) ?? Buffer.alloc(0);

let server: TftpServer;
let port: number;
const events: TftpEvent[] = [];
const open: RawClient[] = [];

beforeAll(async () => {
  server = createTftpServer({
    ...{ address, port: 0 },
    files: async (name) => heldFile(files.get(name)),
    onFault: (error) => {
      throw error;
    },
    onEvent: (event) => events.push(event),
    now: () => performance.now(),
    logger: pino({ level: "silent" }),
  });
  port = await server.start();
});
afterEach(() => {
  for (const client of open.splice(0)) client.close();
  events.length = 0;
});
afterAll(() => server?.close());

async function client(from = clientAddress, at = 0): Promise<RawClient> {
  const made = await openClient({ address, port }, from, at);
  open.push(made);
  return made;
}

/** RRQ as a client writes it: the strings one behind the other. */
function rrq(...words: readonly string[]): Buffer {
  return Buffer.from(`\0\x01${words.map((word) => `${word}\0`).join("")}`, "latin1");
}

const ack = (block: number): TftpPacket => ({ kind: "ACK", block });
const bye: TftpPacket = { kind: "ERROR", code: 0, message: "enough" };
const blocksOf = (replies: readonly Reply[]) =>
  replies.map(({ packet }) => ("block" in packet ? packet.block : packet.kind));
const hasEnded = (file: string, outcome: string) =>
  expect.poll(() => events.findLast((event) => event.file === file)?.outcome).toBe(outcome);

/** Asks for the file and reads it to its end in lock step, or in the window that was agreed. */
async function fetched(...words: readonly string[]): Promise<Buffer> {
  const reader = await client();
  reader.send(rrq(...words));
  const parts: Buffer[] = [];
  let blksize = 512;
  let windowsize = 1;
  for (let next = 1; ; ) {
    const { packet, port: transfer } = await reader.next();
    if (packet.kind === "OACK") {
      blksize = Number(packet.options.get("blksize") ?? 512);
      windowsize = Number(packet.options.get("windowsize") ?? 1);
      reader.send(ack(0), transfer);
      continue;
    }
    if (packet.kind !== "DATA") throw new Error(JSON.stringify(packet));
    if (packet.block !== (next & 0xffff)) continue;
    parts.push(packet.data);
    const isLast = packet.data.length < blksize;
    if (isLast || next % windowsize === 0) reader.send(ack(packet.block), transfer);
    if (isLast) return Buffer.concat(parts);
    next += 1;
  }
}

describe("a request is answered", () => {
  it.each([
    ["with DATA 1 when it has no options", ["file", "octet"], "DATA"],
    ["whatever the case of its mode", ["file", "OcTeT"], "DATA"],
    ["with DATA when it asks for unknown options only", ["file", "octet", "multicast", ""], "DATA"],
    ["with DATA when its blksize is below 8", ["file", "octet", "blksize", "7"], "DATA"],
    ["with DATA when its blksize is above 65464", ["file", "octet", "blksize", "65465"], "DATA"],
    ["with DATA when its blksize is no number", ["file", "octet", "blksize", "big"], "DATA"],
    ["with DATA when its blksize is negative", ["file", "octet", "blksize", "-1"], "DATA"],
    ["with DATA when its blksize is empty", ["file", "octet", "blksize", ""], "DATA"],
    ["with DATA when its timeout is 0", ["file", "octet", "timeout", "0"], "DATA"],
    ["with DATA when its timeout is 256", ["file", "octet", "timeout", "256"], "DATA"],
    ["with DATA when its windowsize is 0", ["file", "octet", "windowsize", "0"], "DATA"],
    ["with tsize", ["file", "octet", "tsize", "0"], { tsize: "10000" }],
    ["with the tsize of an empty file", ["empty", "octet", "tsize", "0"], { tsize: "0" }],
    ["with the tsize in netascii", ["text", "netascii", "tsize", "0"], { tsize: "19" }],
    ["with blksize 8", ["file", "octet", "blksize", "8"], { blksize: "8" }],
    ["with blksize 65464", ["file", "octet", "blksize", "65464"], { blksize: "65464" }],
    ["with timeout 255", ["file", "octet", "timeout", "255"], { timeout: "255" }],
    [
      "with less than windowsize 65535",
      ["file", "octet", "windowsize", "65535"],
      { windowsize: "64" },
    ],
    ["with option names in any case", ["file", "octet", "BlkSize", "1024"], { blksize: "1024" }],
    [
      "with all options, in the order it has them",
      [
        "file",
        "octet",
        "windowsize",
        "4",
        "x",
        "y",
        "timeout",
        "3",
        "tsize",
        "0",
        "blksize",
        "600",
      ],
      { windowsize: "4", timeout: "3", tsize: "10000", blksize: "600" },
    ],
    [
      "with the first of an option that it has twice",
      ["file", "octet", "blksize", "600", "blksize", "700"],
      { blksize: "600" },
    ],
  ])("%s", async (_, words, answer) => {
    const reader = await client();
    reader.send(rrq(...words));
    const reply = await reader.next();
    expect(reply.address).toBe(address);
    expect(reply.port).not.toBe(port);
    if (answer === "DATA") {
      expect(reply.packet).toEqual({
        kind: "DATA",
        block: 1,
        data: fileOf("file").subarray(0, 512),
      });
    } else {
      expect("options" in reply.packet && [...reply.packet.options]).toEqual(
        Object.entries(answer),
      );
    }
    reader.send(bye, reply.port);
    await hasEnded(words[0] ?? "", "aborted-by-client");
  });
});

describe("a request is refused", () => {
  it.each([
    ["as not found when there is no such file", rrq("none", "octet"), 1],
    ["as not found when the name is percent-encoded", rrq("%2e%2e/file", "octet"), 1],
    ["as not found when it names a drive", rrq("C:\\file", "octet"), 1],
    ["when it leads out of the tree", rrq("../file", "octet"), 2],
    ["when it leads out of the tree half-way", rrq("a/../../file", "octet"), 2],
    ["when it leads out of the tree with backslashes", rrq("..\\file", "octet"), 2],
    ["when its name is empty", rrq("", "octet"), 2],
    ["when its name is very long", rrq("a".repeat(400), "octet"), 2],
    ["when it wants to write", Buffer.from("\0\x02new\0octet\0"), 2],
    ["when it wants to write with options", Buffer.from("\0\x02new\0octet\0tsize\x0010\0"), 2],
    ["when its mode is mail", rrq("file", "mail"), 4],
    ["when its mode is unknown", rrq("file", "binary"), 4],
    ["when its mode is empty", rrq("file", ""), 4],
    ["when its mode is cut off", Buffer.from("\0\x01file\0octet"), 4],
    ["when it has no mode", Buffer.from("\0\x01file\0"), 4],
    ["when its name is cut off", Buffer.from("\0\x01file"), 4],
  ])("%s", async (_, request, code) => {
    const reader = await client();
    reader.send(request);
    const { packet } = await reader.next();
    expect(packet).toMatchObject({ kind: "ERROR", code });
    expect("message" in packet && packet.message).not.toBe("");
    expect(await reader.all(100)).toEqual([]);
  });

  it.each([
    ["ACK", ack(0)],
    ["DATA", { kind: "DATA", block: 1, data: Buffer.from("x") }],
    ["ERROR", bye],
    ["OACK", { kind: "OACK", options: new Map() }],
    ["an unknown opcode", Buffer.from([0, 9])],
    ["one octet", Buffer.from([0])],
    ["an empty datagram", Buffer.alloc(0)],
  ] as const)("by silence on port 69 when it is %s", async (_, packet) => {
    const reader = await client();
    reader.send(packet as TftpPacket | Buffer);
    expect(await reader.all(100)).toEqual([]);
  });
});

describe("a file arrives whole", () => {
  it.each([
    ["in blocks of 512", ["file", "octet"]],
    ["with its last, empty block when it is a multiple of 512", ["exact", "octet"]],
    ["when it is empty", ["empty", "octet"]],
    ["when leading slashes and stray octets are around its name", ["//file\xff", "octet"]],
    ["in one block larger than itself", ["file", "octet", "blksize", "65464"]],
    ["past block 65535", ["wrap", "octet", "blksize", "8"]],
    ["past block 65535 in windows", ["wrap", "octet", "blksize", "8", "windowsize", "7"]],
    ["in a window larger than itself", ["file", "octet", "windowsize", "64"]],
    ["in windows of large blocks", ["wrap", "octet", "blksize", "60000", "windowsize", "4"]],
  ])("%s", async (_, words) => {
    const name = (words[0] ?? "").replace(/[^a-z]/g, "");
    expect((await fetched(...words)).equals(fileOf(name))).toBe(true);
    await hasEnded(name, "completed");
  });

  it("in netascii, with CR LF for LF and CR NUL for CR", async () => {
    expect(await fetched("text", "netascii")).toEqual(Buffer.from("one\r\ntwo\r\0\r\nthree\r\0"));
  });

  it("to twenty clients at once", async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => fetched("file", "octet")));
    expect(all.every((octets) => octets.equals(fileOf("file")))).toBe(true);
  });
});

describe("in lock step", () => {
  it("a repeated ACK is not answered: no Sorcerer's Apprentice", async () => {
    const reader = await client();
    reader.send(rrq("file", "octet", "blksize", "512"));
    const { port: transfer } = await reader.next();
    for (const block of [0, 0, 1, 1, 1, 2]) reader.send(ack(block), transfer);
    expect(blocksOf(await reader.all(100))).toEqual([1, 2, 3]);
    reader.send(bye, transfer);
  });

  it("an ACK of a block that was not sent yet is not answered", async () => {
    const reader = await client();
    reader.send(rrq("file", "octet"));
    const { port: transfer } = await reader.next();
    reader.send(ack(2), transfer);
    reader.send(ack(9), transfer);
    expect(await reader.all(100)).toEqual([]);
    reader.send(ack(1), transfer);
    expect(blocksOf([await reader.next()])).toEqual([2]);
    reader.send(bye, transfer);
  });

  it("DATA and OACK are sent again when nothing comes", async () => {
    const readers = await Promise.all([client(), client()]);
    readers[0]?.send(rrq("file", "octet"));
    readers[1]?.send(rrq("file", "octet", "tsize", "0"));
    for (const reader of readers) {
      const first = await reader.next();
      const again = await reader.next();
      expect(again).toEqual(first);
      reader.send(bye, again.port);
    }
  });

  it("the client's timeout is what is waited", async () => {
    const reader = await client();
    reader.send(rrq("file", "octet", "timeout", "2"));
    const first = await reader.next();
    expect(await reader.all(1_500)).toEqual([]);
    expect(await reader.next()).toEqual(first);
    reader.send(bye, first.port);
  });
});

describe("in a window", () => {
  async function inWindow(reader: RawClient): Promise<number> {
    reader.send(rrq("file", "octet", "windowsize", "4"));
    const { port: transfer } = await reader.next();
    reader.send(ack(0), transfer);
    expect(blocksOf([await reader.next(), await reader.next()])).toEqual([1, 2]);
    expect(blocksOf([await reader.next(), await reader.next()])).toEqual([3, 4]);
    return transfer;
  }

  it("an ACK in its middle is answered from there on", async () => {
    const reader = await client();
    const transfer = await inWindow(reader);
    reader.send(ack(2), transfer);
    expect(blocksOf(await reader.all(100))).toEqual([3, 4, 5, 6]);
    reader.send(bye, transfer);
  });

  it("nothing more is sent before its ACK", async () => {
    const reader = await client();
    const transfer = await inWindow(reader);
    expect(await reader.all(100)).toEqual([]);
    reader.send(ack(4), transfer);
    expect(blocksOf(await reader.all(100))).toEqual([5, 6, 7, 8]);
    reader.send(bye, transfer);
  });

  it("the loss of its first block is made good, once", async () => {
    const reader = await client();
    const transfer = await inWindow(reader);
    for (const block of [0, 0, 0]) reader.send(ack(block), transfer);
    expect(blocksOf(await reader.all(120))).toEqual([1, 2, 3, 4]);
    reader.send(bye, transfer);
  });
});

describe("a transfer belongs to two ports", () => {
  it.each([
    ["another port of the same address", clientAddress, false],
    ["the same port of another address", "127.0.0.5", true],
  ])("%s gets ERROR 5, and the transfer goes on", async (_, from, samePort) => {
    const reader = await client();
    const stranger = await client(from, samePort ? reader.port : 0);
    reader.send(rrq("small", "octet"));
    const { port: transfer } = await reader.next();
    stranger.send(ack(1), transfer);
    expect((await stranger.next()).packet).toMatchObject({ kind: "ERROR", code: 5 });
    stranger.send(bye, transfer);
    expect(await stranger.all(100)).toEqual([]);
    expect(await reader.all(50)).toEqual([]);
    reader.send(ack(1), transfer);
    await hasEnded("small", "completed");
  });

  it("a request that comes twice begins one transfer", async () => {
    const reader = await client();
    reader.send(rrq("file", "octet"));
    reader.send(rrq("file", "octet"));
    const replies = await reader.all(200);
    expect(blocksOf(replies)).toEqual([1]);
    reader.send(bye, replies[0]?.port ?? 0);
  });

  it("a new request from the same port is a new transfer, without an ERROR of the old one", async () => {
    const reader = await client();
    reader.send(rrq("file", "octet"));
    const first = await reader.next();
    reader.send(rrq("small", "octet"));
    const second = await reader.next();
    expect(second.packet).toMatchObject({ kind: "DATA", data: fileOf("small") });
    expect(second.port).not.toBe(first.port);
    reader.send(ack(1), second.port);
    await hasEnded("small", "completed");
    expect(await reader.all(100)).toEqual([]);
  });
});

describe("a transfer ends", () => {
  it.each([
    ["the size is known, as PXE does", 0],
    ["the options are refused", 8],
  ])("without a word when the client sends ERROR because %s", async (_, code) => {
    const reader = await client();
    reader.send(rrq("file", "octet", "tsize", "0"));
    const { port: transfer } = await reader.next();
    reader.send({ kind: "ERROR", code, message: "" }, transfer);
    await hasEnded("file", "aborted-by-client");
    expect(await reader.all(1_100)).toEqual([]);
  });

  it("with ERROR 4 when the client sends DATA", async () => {
    const reader = await client();
    reader.send(rrq("file", "octet"));
    const { port: transfer } = await reader.next();
    reader.send({ kind: "DATA", block: 1, data: Buffer.from("x") }, transfer);
    expect((await reader.next()).packet).toMatchObject({ kind: "ERROR", code: 4 });
    expect(await reader.all(100)).toEqual([]);
  });
});
