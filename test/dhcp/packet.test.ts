import { describe, expect, it } from "vitest";
import { option } from "../../src/dhcp/options.ts";
import { decodePacket, encodePacket, type Packet } from "../../src/dhcp/packet.ts";
import { loadDialogues } from "../fixtures/dhcp.ts";
import { ip, request, selecting } from "./site.ts";

const cookie = Buffer.from("63825363", "hex");

/** A BOOTREQUEST from 52:54:00:12:34:56 with the given octets behind the magic cookie. */
function datagram(options: string, change: (bytes: Buffer) => void = () => {}): Buffer {
  const header = Buffer.alloc(236);
  Buffer.from("01010600deadbeef", "hex").copy(header);
  Buffer.from("525400123456", "hex").copy(header, 28);
  const bytes = Buffer.concat([header, cookie, Buffer.from(options, "hex")]);
  change(bytes);
  return bytes;
}

function decoded(bytes: Uint8Array): Packet {
  const packet = decodePacket(bytes);
  if ("malformed" in packet) throw new Error(packet.malformed);
  return packet;
}

const hex = (packet: Packet, number: number) => packet.options.get(number)?.toString("hex");

describe("decodePacket", () => {
  it("reads every fixed field", () => {
    const bytes = datagram("350101ff", (b) => {
      b.writeUInt8(3, 3);
      b.writeUInt16BE(258, 8);
      b.writeUInt16BE(0x8000, 10);
      for (const [i, at] of [12, 16, 20, 24].entries()) b.writeUInt32BE(0x0a000001 + i, at);
      b.write("boothost", 44);
      b.write("undionly.kpxe", 108);
    });
    expect(decodePacket(bytes)).toEqual({
      op: 1,
      htype: 1,
      hlen: 6,
      hops: 3,
      xid: 0xdeadbeef,
      secs: 258,
      flags: 0x8000,
      ciaddr: "10.0.0.1",
      yiaddr: "10.0.0.2",
      siaddr: "10.0.0.3",
      giaddr: "10.0.0.4",
      chaddr: Buffer.from("52540012345600000000000000000000", "hex"),
      sname: "boothost",
      file: "undionly.kpxe",
      options: new Map([[53, Buffer.of(1)]]),
    });
  });

  it.each([
    ["pad octets anywhere", "0000350101003d02abcd00ff00", { 53: "01", 61: "abcd" }],
    ["a missing END", "3501013d02abcd", { 53: "01", 61: "abcd" }],
    ["an empty option", "3501015000ff", { 53: "01", 80: "" }],
    ["whatever follows END", "350101ff3d02abcd", { 53: "01" }],
    [
      "an option in parts, joined in order (RFC 3396)",
      "3d01aa3501013d01bbff",
      { 53: "01", 61: "aabb" },
    ],
    ["no options at all", "", {}],
    ["an overload of no legal value, as none", "340109350101ff", { 52: "09", 53: "01" }],
  ])("reads %s", (_, options, expected) => {
    const packet = decoded(datagram(options));
    const found = [...packet.options].map(([number, data]) => [number, data.toString("hex")]);
    expect(Object.fromEntries(found)).toEqual(expected);
  });

  it("reads names that fill their field without a NUL", () => {
    const packet = decoded(datagram("350101ff", (b) => b.fill("a", 44, 236)));
    expect([packet.sname.length, packet.file.length]).toEqual([64, 128]);
  });
});

describe("decodePacket, of an overloaded or broken message,", () => {
  it.each([
    [1, "", "sname", { 12: "aa", 15: undefined }],
    [2, "file", "", { 12: undefined, 15: "bb" }],
    [3, "", "", { 12: "aa", 15: "bb" }],
  ])(
    "with overload %i reads options out of file, sname or both",
    (overload, file, sname, names) => {
      const packet = decoded(
        datagram(`34010${overload}350101ff`, (b) => {
          b.write(overload & 1 ? "\x0c\x01\xaa\xff" : "file", 108, "latin1");
          b.write(overload & 2 ? "\x0f\x01\xbb\xff" : "sname", 44, "latin1");
        }),
      );
      expect([packet.file, packet.sname]).toEqual([file, sname]);
      expect({ 12: hex(packet, 12), 15: hex(packet, 15) }).toEqual(names);
    },
  );

  it("joins an option across options, file and sname in this order", () => {
    const packet = decoded(
      datagram("3401033d01aaff", (b) => {
        b.write("\x3d\x01\xbb\xff", 108, "latin1");
        b.write("\x3d\x01\xcc\xff", 44, "latin1");
      }),
    );
    expect(hex(packet, option.clientId)).toBe("aabbcc");
  });

  it.each([
    ["a short datagram", datagram("").subarray(0, 239), 239],
    ["nothing", Buffer.alloc(0), 0],
    ["another op", datagram("ff", (b) => b.writeUInt8(3, 0)), 0],
    ["an hlen over 16", datagram("ff", (b) => b.writeUInt8(17, 2)), 2],
    ["another cookie", datagram("ff", (b) => b.writeUInt8(0, 236)), 236],
    ["an option without length", datagram("35"), 240],
    ["an option longer than the datagram", datagram("3501013dff00"), 243],
    [
      "an option longer than its file field",
      datagram("340101ff", (b) => b.writeUInt16BE(0x0cff, 108)),
      108,
    ],
  ])("calls %s malformed and says where", (_, bytes, offset) => {
    expect(decodePacket(bytes)).toEqual({ malformed: expect.any(String), offset });
  });
});

describe("encodePacket", () => {
  it("is undone by decodePacket", () => {
    const packet = selecting("10.0.100.100", {
      hops: 1,
      flags: 0x8000,
      giaddr: ip("10.0.100.1"),
      sname: "host",
      file: "undionly.kpxe",
      options: { 61: Buffer.alloc(600, 7), 77: Buffer.from("iPXE"), 80: Buffer.alloc(0) },
    });
    const { datagram: bytes, leftOut } = encodePacket(packet, 1472);
    expect(decodePacket(bytes)).toEqual(packet);
    expect(leftOut).toEqual([]);
  });

  it("pads to 300 octets, puts the message type first and the relay's option last", () => {
    const options = new Map([82, 61, 53].map((number) => [number, Buffer.of(9)]));
    const { datagram: bytes } = encodePacket({ ...request("DISCOVER"), options });
    expect(bytes.length).toBe(300);
    expect(bytes.subarray(240, 251).toString("hex")).toBe("3501093d0109520109ff00");
  });

  it("splits long options (RFC 3396)", () => {
    const options = new Map([[61, Buffer.alloc(256, 1)]]);
    const { datagram: bytes } = encodePacket({ ...request("DISCOVER"), options }, 1472);
    expect([bytes[240], bytes[241], bytes[497], bytes[498]]).toEqual([61, 255, 61, 1]);
  });

  it.each([
    ["both free", "", "", 3, []],
    ["file taken", "undionly.kpxe", "", 2, [202, 203]],
    ["sname taken", "", "host", 1, [203]],
    ["both taken", "undionly.kpxe", "host", undefined, [201, 202, 203]],
  ])("uses file and sname for what does not fit, %s", (_, file, sname, overload, leftOut) => {
    const options = new Map([
      [53, Buffer.of(2)],
      [200, Buffer.alloc(255, 200)],
      [201, Buffer.alloc(50, 201)],
      [202, Buffer.alloc(60, 202)],
      [203, Buffer.alloc(61, 203)],
      [82, Buffer.alloc(40, 82)],
    ]);
    const encoded = encodePacket({ ...request("DISCOVER"), file, sname, options });
    const packet = decoded(encoded.datagram);
    expect(packet.options.get(option.overload)?.[0]).toBe(overload);
    expect(encoded.leftOut).toEqual(leftOut);
    expect([packet.file, packet.sname]).toEqual([file, sname]);
    for (const [number, data] of options)
      expect(packet.options.get(number)).toEqual(leftOut.includes(number) ? undefined : data);
  });
});

describe("recorded datagrams", () => {
  const captures = loadDialogues().flatMap(({ name, datagrams }) =>
    datagrams.map(({ hex }, index): [string, Buffer] => [
      `${name}, datagram ${index + 1},`,
      Buffer.from(hex, "hex"),
    ]),
  );

  it.each(captures)(
    "%s cut short anywhere is malformed or holds a part of its options",
    (_, bytes) => {
      const whole = decoded(bytes);
      for (let length = 0; length < bytes.length; length++) {
        const packet = decodePacket(bytes.subarray(0, length));
        if ("malformed" in packet) continue;
        for (const [number, data] of packet.options)
          expect(whole.options.get(number)?.subarray(0, data.length)).toEqual(data);
      }
    },
  );
});
