import { describe, expect, it } from "vitest";
import { decodePacket, encodePacket, type TftpPacket } from "../../src/tftp/packet.ts";

const options = new Map([
  ["blksize", "1468"],
  ["tsize", "0"],
]);

const packets: readonly TftpPacket[] = [
  { kind: "RRQ", file: "undionly.kpxe", mode: "octet", options: new Map() },
  { kind: "RRQ", file: "ipxe.efi", mode: "netascii", options },
  { kind: "WRQ", file: "x", mode: "octet", options: new Map() },
  { kind: "DATA", block: 65535, data: Buffer.from("abc") },
  { kind: "DATA", block: 1, data: Buffer.alloc(0) },
  { kind: "ACK", block: 0 },
  { kind: "ERROR", code: 1, message: "file not found" },
  { kind: "OACK", options },
];

describe("TFTP packets", () => {
  it.each(packets)("reads back what it wrote: $kind", (packet) => {
    expect(decodePacket(encodePacket(packet))).toEqual(packet);
  });

  it("reads iPXE's request for its loader", () => {
    const octets = Buffer.from(
      "0001697078652e656669006f6374657400626c6b73697a65003134333200747369" + "7a65003000",
      "hex",
    );
    expect(decodePacket(octets)).toEqual({
      kind: "RRQ",
      file: "ipxe.efi",
      mode: "octet",
      options: new Map([
        ["blksize", "1432"],
        ["tsize", "0"],
      ]),
    });
  });

  it.each([
    ["an empty datagram", "", "shorter than an opcode"],
    ["one octet", "00", "shorter than an opcode"],
    ["an unknown opcode", "0009", "unknown opcode 9"],
    ["a name without an end", "00016162", "RRQ without an end of the file name"],
    ["a request without a mode", "0001616200", "RRQ without an end of the mode"],
    ["a mode without an end", "00016162006f63746574", "RRQ without an end of the mode"],
    ["an ACK without a block", "000400", "ACK without a block number"],
    ["DATA without a block", "0003", "DATA without a block number"],
    ["an ERROR without a code", "000500", "ERROR without a code"],
  ])("names what is wrong with %s", (_, hex, malformed) => {
    expect(decodePacket(Buffer.from(hex, "hex"))).toMatchObject({ malformed });
  });

  it("takes option names and modes in any case, and the first of a repeated option", () => {
    const octets = Buffer.from("\0\x01f\0OcTeT\0BLKSIZE\x001024\0blksize\x008\0", "latin1");
    expect(decodePacket(octets)).toEqual({
      kind: "RRQ",
      file: "f",
      mode: "octet",
      options: new Map([["blksize", "1024"]]),
    });
  });

  it.each([
    ["zero padding", "\0\x01f\0octet\0tsize\x000\0\0\0\0"],
    ["a last option without its NUL", "\0\x01f\0octet\0tsize\x000\0blksize\x0014"],
  ])("ignores %s after the options", (_, text) => {
    const packet = decodePacket(Buffer.from(text, "latin1"));
    expect(packet).toMatchObject({ options: new Map([["tsize", "0"]]) });
  });

  it("reads every truncation as malformed or as the same packet with fewer options", () => {
    for (const packet of packets) {
      const whole = encodePacket(packet);
      for (let length = 0; length < whole.length; length += 1) {
        const read = decodePacket(whole.subarray(0, length));
        if ("malformed" in read || packet.kind !== "RRQ" || read.kind !== "RRQ") continue;
        expect(read.file).toBe(packet.file);
        for (const [name, value] of read.options) expect(packet.options.get(name)).toBe(value);
      }
    }
  });

  it("never throws, whatever the octets", () => {
    let seed = 1;
    const random = () => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return seed / 2 ** 32;
    };
    for (let round = 0; round < 50_000; round += 1) {
      const packet = packets[Math.floor(random() * packets.length)] as TftpPacket;
      const octets = encodePacket(packet);
      for (let change = 0; change < 3; change += 1)
        octets[Math.floor(random() * octets.length)] = Math.floor(random() * 256);
      decodePacket(octets.subarray(0, Math.floor(random() * (octets.length + 1))));
    }
  });
});
