import { describe, expect, it } from "vitest";
import {
  decodePacket,
  encodePacket,
  type RequestPacket,
  type TftpPacket,
} from "../../src/tftp/packet.ts";
import { createTransfer } from "../../src/tftp/transfer.ts";
import { generator, runOverLink } from "../fakes/lossy-link.ts";

function request(options: Record<string, string> = {}, mode = "octet"): RequestPacket {
  return { kind: "RRQ", file: "f", mode, options: new Map(Object.entries(options)) };
}

function bytes(length: number): Buffer {
  const random = generator(length);
  return Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
}

function blocks(datagrams: readonly Buffer[]): number[] {
  return datagrams.map((datagram) => {
    const packet = decodePacket(datagram);
    return "block" in packet ? packet.block : -1;
  });
}

const ack = (block: number): TftpPacket => ({ kind: "ACK", block });

describe("option negotiation", () => {
  it.each([
    ["no option: DATA at once", {}, undefined],
    ["blksize", { blksize: "1468" }, { blksize: "1468" }],
    ["the least blksize", { blksize: "8" }, { blksize: "8" }],
    ["the largest blksize", { blksize: "65464" }, { blksize: "65464" }],
    ["a blksize below the RFC's range", { blksize: "4" }, undefined],
    ["a blksize that is no number", { blksize: "1e3" }, undefined],
    ["tsize is answered with the size", { tsize: "0" }, { tsize: "1000" }],
    ["timeout", { timeout: "5" }, { timeout: "5" }],
    ["a timeout too long to hold a transfer for", { timeout: "255" }, undefined],
    ["windowsize", { windowsize: "16" }, { windowsize: "16" }],
    ["a window larger than we send", { windowsize: "65535" }, { windowsize: "64" }],
    [
      "a window of large blocks",
      { blksize: "65464", windowsize: "9" },
      { blksize: "65464", windowsize: "2" },
    ],
    ["an unknown option", { multicast: "", tsize: "0" }, { tsize: "1000" }],
    ["a name of Object.prototype", { constructor: "1" }, undefined],
    [
      "the order of the request",
      { tsize: "0", timeout: "2", blksize: "512" },
      { tsize: "1000", timeout: "2", blksize: "512" },
    ],
  ])("%s", (_, asked, answered) => {
    const [first] = createTransfer(request(asked as Record<string, string>), bytes(1000)).start(0);
    const packet = decodePacket(first ?? Buffer.alloc(0));
    if (answered === undefined) expect(packet).toMatchObject({ kind: "DATA", block: 1 });
    else expect("options" in packet && [...packet.options]).toEqual(Object.entries(answered));
  });

  it("tells the size in netascii octets when that is the mode", () => {
    const transfer = createTransfer(request({ tsize: "0" }, "netascii"), Buffer.from("a\nb"));
    expect(transfer.start(0)).toEqual([
      encodePacket({ kind: "OACK", options: new Map([["tsize", "4"]]) }),
    ]);
  });
});

describe("a transfer", () => {
  it.each([
    [0, 512, 1],
    [511, 512, 1],
    [512, 512, 2],
    [1000, 8, 126],
  ])("of %i octets in blocks of %i takes %i blocks", (size, blksize, count) => {
    const transfer = createTransfer(request(), bytes(size));
    const sized =
      blksize === 512 ? transfer : createTransfer(request({ blksize: `${blksize}` }), bytes(size));
    const link = { loss: 0, duplication: 0, jitterMs: 0, seed: 1, limitMs: 1_000_000 };
    const result = runOverLink(sized, link);
    expect(result.received).toEqual(bytes(size));
    expect(result.sent).toBe(count + (blksize === 512 ? 0 : 1));
    expect(sized).toMatchObject({ outcome: "completed", bytes: size, retries: 0 });
  });

  it("never answers a duplicate ACK, so duplicates do not breed", () => {
    const transfer = createTransfer(request(), bytes(5000));
    transfer.start(0);
    expect(blocks(transfer.onPacket(ack(1), 1))).toEqual([2]);
    expect(transfer.onPacket(ack(1), 2)).toEqual([]);
    expect(transfer.onPacket(ack(0), 3)).toEqual([]);
    expect(transfer.onPacket(ack(7), 4)).toEqual([]);
    expect(blocks(transfer.onPacket(ack(2), 5))).toEqual([3]);
  });

  it("sends each block of a doubled link once", () => {
    const link = { loss: 0, duplication: 1, jitterMs: 0, seed: 1, limitMs: 1_000_000 };
    const result = runOverLink(createTransfer(request(), bytes(51_200)), link);
    expect(result.complete).toBe(true);
    expect(result.sent).toBe(101);
  });

  it("starts the rest of a window again after a gap", () => {
    const transfer = createTransfer(request({ windowsize: "4" }), bytes(512 * 10));
    transfer.start(0);
    expect(blocks(transfer.onPacket(ack(0), 1))).toEqual([1, 2, 3, 4]);
    expect(blocks(transfer.onPacket(ack(2), 2))).toEqual([3, 4, 5, 6]);
    expect(transfer.retries).toBe(1);
    expect(blocks(transfer.onPacket(ack(6), 3))).toEqual([7, 8, 9, 10]);
  });

  it("counts on past block 65535 with 0", () => {
    const transfer = createTransfer(request({ blksize: "8", windowsize: "64" }), bytes(8 * 70_000));
    const link = { loss: 0, duplication: 0, jitterMs: 0, seed: 1, limitMs: 1_000_000 };
    const result = runOverLink(transfer, link);
    expect(result.received.equals(bytes(8 * 70_000))).toBe(true);
    expect(transfer.outcome).toBe("completed");
  });
});

describe("the end of a transfer", () => {
  it("waits twice as long after each timeout, starts anew after progress, and gives up in the end", () => {
    const transfer = createTransfer(request(), bytes(2000));
    transfer.start(0);
    const waits: number[] = [];
    for (let now = 0; transfer.outcome === undefined; ) {
      waits.push(transfer.deadline - now);
      now = transfer.deadline;
      transfer.onTimeout(now);
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 8000, 8000, 8000]);
    expect(transfer).toMatchObject({ outcome: "timed-out", retries: 6, bytes: 0 });

    const other = createTransfer(request({ timeout: "3" }), bytes(2000));
    other.start(0);
    expect(other.deadline).toBe(3_000);
    other.onTimeout(3_000);
    expect(other.deadline).toBe(9_000);
    other.onPacket(ack(0), 4_000);
    expect(other.deadline).toBe(7_000);
  });

  it("does nothing on a timer that fires early", () => {
    const transfer = createTransfer(request(), bytes(10));
    transfer.start(0);
    expect(transfer.onTimeout(999)).toEqual([]);
    expect(transfer.retries).toBe(0);
  });

  it("ends when the client sends ERROR, as EDK2 does once it knows the size", () => {
    const transfer = createTransfer(request({ tsize: "0" }), bytes(10));
    transfer.start(0);
    expect(transfer.onPacket({ kind: "ERROR", code: 8, message: "" }, 1)).toEqual([]);
    expect(transfer).toMatchObject({ outcome: "aborted-by-client", deadline: Infinity });
    expect(transfer.onPacket(ack(0), 2)).toEqual([]);
  });

  it("answers DATA in a read with ERROR 4", () => {
    const transfer = createTransfer(request(), bytes(10));
    transfer.start(0);
    const [answer] = transfer.onPacket({ kind: "DATA", block: 1, data: Buffer.alloc(0) }, 1);
    expect(decodePacket(answer ?? Buffer.alloc(0))).toMatchObject({ kind: "ERROR", code: 4 });
    expect(transfer.outcome).toBe("failed");
  });
});

describe("a bad link", () => {
  const links = [1, 2, 3, 4].flatMap((seed) =>
    [1, 4, 16, 64].map((windowsize) => ({ seed, windowsize })),
  );
  it.each(links)(
    "arrives whole over a link that loses, doubles and reorders (seed $seed, window $windowsize)",
    ({ seed, windowsize }) => {
      const file = bytes(200_000);
      const options = { blksize: "1468", windowsize: `${windowsize}`, tsize: "0" };
      const link = { loss: 0.1, duplication: 0.1, jitterMs: 20, seed, limitMs: 10_000_000 };
      const result = runOverLink(createTransfer(request(options), file), link);
      expect(result.complete).toBe(true);
      expect(result.received.equals(file)).toBe(true);
      // A partial ACK starts the window again, so a window costs at most itself for each block that is missed.
      expect(result.sent).toBeLessThan((windowsize + 2) * (200_000 / 1468));
    },
  );
});
