import { describe, expect, it } from "vitest";
import {
  type Datagram,
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

function read(datagram: Datagram | undefined) {
  return decodePacket(Buffer.concat(datagram ?? []));
}

function blocks(datagrams: readonly Datagram[]): number[] {
  return datagrams.map((datagram) => {
    const packet = read(datagram);
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
    ["a blksize above the RFC's range", { blksize: "65465" }, undefined],
    ["a blksize of nothing", { blksize: "" }, undefined],
    ["a blksize that is no number", { blksize: "1e3" }, undefined],
    ["a negative blksize", { blksize: "-512" }, undefined],
    ["a blksize with a sign", { blksize: "+512" }, undefined],
    ["tsize is answered with the size", { tsize: "0" }, { tsize: "1000" }],
    ["tsize whatever the client takes it for", { tsize: "77" }, { tsize: "1000" }],
    ["a tsize that is no number", { tsize: "" }, undefined],
    ["timeout", { timeout: "5" }, { timeout: "5" }],
    ["the longest timeout", { timeout: "255" }, { timeout: "255" }],
    ["a timeout above the RFC's range", { timeout: "256" }, undefined],
    ["a timeout of nothing", { timeout: "0" }, undefined],
    ["windowsize", { windowsize: "16" }, { windowsize: "16" }],
    ["a window of nothing", { windowsize: "0" }, undefined],
    ["a window above the RFC's range", { windowsize: "65536" }, undefined],
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
    const packet = read(first);
    if (answered === undefined) expect(packet).toMatchObject({ kind: "DATA", block: 1 });
    else expect("options" in packet && [...packet.options]).toEqual(Object.entries(answered));
  });

  it("tells the size in netascii octets when that is the mode", () => {
    const transfer = createTransfer(request({ tsize: "0" }, "netascii"), Buffer.from("a\nb"));
    expect(transfer.start(0)).toEqual([
      [encodePacket({ kind: "OACK", options: new Map([["tsize", "4"]]) })],
    ]);
  });

  it("leaves tsize open when a file is too large to be counted in netascii", () => {
    const file = Buffer.alloc(4 * 1024 * 1024 + 1, "\n");
    const transfer = createTransfer(request({ tsize: "0", blksize: "8" }, "netascii"), file);
    expect(read(transfer.start(0)[0])).toMatchObject({ options: new Map([["blksize", "8"]]) });
  });

  it.each([
    ["9000", "1468"],
    ["1468", "1468"],
    ["1024", "1024"],
  ])("answers blksize %s with %s where that is the site's limit", (asked, answered) => {
    const [first] = createTransfer(request({ blksize: asked }), bytes(10), 1468).start(0);
    expect(read(first)).toMatchObject({ options: new Map([["blksize", answered]]) });
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

  it("sends a file of hundreds of megabytes from where it is", () => {
    const file = Buffer.alloc(1024);
    const transfer = createTransfer(request(), file);
    const [[, data] = []] = transfer.start(0);
    expect(data?.buffer).toBe(file.buffer);
    expect(data?.byteOffset).toBe(file.byteOffset);
  });

  it.each([1, 4])(
    "encodes netascii block by block, and any block of a window of %i again",
    (windowsize) => {
      const text = Buffer.from("line\nreturn\r\n\r\0".repeat(300));
      const wanted = Buffer.from(
        text.toString("latin1").replace(/[\r\n]/g, (end) => (end === "\n" ? "\r\n" : "\r\0")),
        "latin1",
      );
      const options = { blksize: "9", windowsize: `${windowsize}`, tsize: "0" };
      const link = { loss: 0.1, duplication: 0.1, jitterMs: 5, seed: 5, limitMs: 10_000_000 };
      const result = runOverLink(createTransfer(request(options, "netascii"), text), link);
      expect(result.received.equals(wanted)).toBe(true);
    },
  );

  it("counts on past block 65535 with 0", () => {
    const transfer = createTransfer(request({ blksize: "8", windowsize: "64" }), bytes(8 * 70_000));
    const link = { loss: 0, duplication: 0, jitterMs: 0, seed: 1, limitMs: 1_000_000 };
    const result = runOverLink(transfer, link);
    expect(result.received.equals(bytes(8 * 70_000))).toBe(true);
    expect(transfer.outcome).toBe("completed");
  });
});

describe("a window", () => {
  it("starts the rest of a window again after a gap", () => {
    const transfer = createTransfer(request({ windowsize: "4" }), bytes(512 * 10));
    transfer.start(0);
    expect(blocks(transfer.onPacket(ack(0), 1))).toEqual([1, 2, 3, 4]);
    expect(blocks(transfer.onPacket(ack(2), 2))).toEqual([3, 4, 5, 6]);
    expect(transfer.retries).toBe(1);
    expect(blocks(transfer.onPacket(ack(6), 3))).toEqual([7, 8, 9, 10]);
  });

  it("takes a repeated ACK in a window for a loss, but waits a little and answers it once", () => {
    const transfer = createTransfer(request({ windowsize: "4" }), bytes(512 * 20));
    transfer.start(0);
    expect(blocks(transfer.onPacket(ack(0), 1))).toEqual([1, 2, 3, 4]);
    expect(transfer.onPacket(ack(0), 2)).toEqual([]);
    expect(transfer.onPacket(ack(0), 9)).toEqual([]);
    expect(transfer.deadline).toBe(22);
    expect(blocks(transfer.onTimeout(22))).toEqual([1, 2, 3, 4]);
    expect(transfer.onPacket(ack(0), 23)).toEqual([]);
    expect(transfer.deadline).toBeGreaterThan(200);
    // A client that gets on in the meantime has lost nothing.
    expect(blocks(transfer.onPacket(ack(4), 24))).toEqual([5, 6, 7, 8]);
    expect(transfer.onPacket(ack(4), 25)).toEqual([]);
    expect(blocks(transfer.onPacket(ack(8), 26))).toEqual([9, 10, 11, 12]);
    expect(transfer.deadline).toBeGreaterThan(200);
  });

  it("sends no block twice when every ACK of a window comes twice", () => {
    const transfer = createTransfer(request({ windowsize: "4" }), bytes(512 * 8 + 1));
    transfer.start(0);
    const sent = [0, 0, 4, 4, 8, 8].flatMap((block) => blocks(transfer.onPacket(ack(block), 1)));
    expect(sent).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("sends a window that is larger than the file once, to its end", () => {
    const transfer = createTransfer(request({ windowsize: "16" }), bytes(512 * 2));
    transfer.start(0);
    expect(blocks(transfer.onPacket(ack(0), 1))).toEqual([1, 2, 3]);
    transfer.onPacket(ack(3), 2);
    expect(transfer).toMatchObject({ outcome: "completed", bytes: 1024 });
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

  it("gives up after five minutes of silence, however long the client's timeout is", () => {
    const transfer = createTransfer(request({ timeout: "255" }), bytes(2000));
    transfer.start(0);
    expect(transfer.deadline).toBe(255_000);
    expect(transfer.onTimeout(255_000)).toHaveLength(1);
    expect(transfer.deadline).toBe(300_000);
    expect(transfer.onTimeout(300_000)).toEqual([]);
    expect(transfer.outcome).toBe("timed-out");
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
    expect(read(answer)).toMatchObject({ kind: "ERROR", code: 4 });
    expect(transfer.outcome).toBe("failed");
  });
});

describe("the wait for an acknowledgement", () => {
  it.each([1, 2])(
    "waits less for a client that has been quick, and never less than a fifth of a second (window %i)",
    (windowsize) => {
      const transfer = createTransfer(request({ windowsize: `${windowsize}` }), bytes(512 * 100));
      transfer.start(0);
      const waits = Array.from({ length: 40 }, (_, index) => {
        transfer.onPacket(ack(windowsize * index), index + 1);
        return Math.round(transfer.deadline - (index + 1));
      });
      expect(waits.at(-1)).toBe(200);
    },
  );

  it("takes the answer to what it sent twice for no measure of the link", () => {
    const transfer = createTransfer(request({ tsize: "0" }), bytes(512 * 100));
    transfer.start(0);
    transfer.onPacket(ack(0), 1);
    expect(blocks(transfer.onTimeout(201))).toEqual([1]);
    transfer.onPacket(ack(1), 301);
    expect(transfer.deadline).toBe(701);
    transfer.onPacket(ack(2), 302);
    expect(transfer.deadline).toBe(502);
  });

  it("takes what a client says of a gap for no measure of the link", () => {
    const transfer = createTransfer(request({ windowsize: "4" }), bytes(512 * 100));
    transfer.start(0);
    transfer.onPacket(ack(0), 1);
    transfer.onPacket(ack(2), 191);
    expect(transfer.deadline).toBe(391);
  });

  it("sends a block twice to a client that has become slow, but not the stream", () => {
    const transfer = createTransfer(request({ tsize: "0" }), bytes(512 * 20));
    transfer.start(0);
    transfer.onPacket(ack(0), 1);
    let [now, sent] = [1, 1];
    for (let block = 1; block <= 20; block += 1) {
      const answerAt = now + 300;
      while (transfer.deadline < answerAt) sent += transfer.onTimeout(transfer.deadline).length;
      now = answerAt;
      sent += transfer.onPacket(ack(block), now).length;
      // The copy that it got is acknowledged too.
      sent += transfer.onPacket(ack(block), now + 1).length;
    }
    expect(sent).toBeLessThanOrEqual(21 + 2);
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

  it.each([0.3, 0.6, 0.9, 1])(
    "ends, whole or timed out, after a bounded number of sends when %d of all is lost",
    (loss) => {
      for (let seed = 1; seed <= 40; seed += 1) {
        const file = bytes(4_000 + seed);
        const windowsize = 1 + (seed % 5);
        const transfer = createTransfer(request({ windowsize: `${windowsize}` }), file);
        const link = { loss, duplication: 0.2, jitterMs: 30, seed, limitMs: 10_000_000 };
        const result = runOverLink(transfer, link);
        expect(transfer.outcome).toMatch(/^(completed|timed-out)$/);
        if (transfer.outcome === "completed") expect(result.received.equals(file)).toBe(true);
        // Seven tries for the OACK and for each block, a window at a time.
        expect(result.sent).toBeLessThanOrEqual(7 * (1 + 9 * windowsize));
        expect(result.elapsedMs).toBeLessThan(39_000 * 10);
      }
    },
  );
});
