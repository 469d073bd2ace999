import { describe, expect, it } from "vitest";
import { readClient } from "../../src/dhcp/client.ts";
import { destinationOf } from "../../src/dhcp/destination.ts";
import { option } from "../../src/dhcp/options.ts";
import type { Packet } from "../../src/dhcp/packet.ts";
import { replyLimit } from "../../src/dhcp/reply.ts";
import {
  createSite,
  type Fields,
  ip,
  lease,
  node01,
  renewing,
  request,
  selecting,
  stranger,
} from "./site.ts";

const u32 = (value: number) => {
  const data = Buffer.alloc(4);
  data.writeUInt32BE(value);
  return data;
};

function answer(packet: Packet, site = createSite()): Packet {
  const { reply, event } = site.send(packet);
  if (reply === undefined) throw new Error(event.reason);
  expect(event.reason ?? "").not.toMatch("no room");
  return reply.packet;
}

const offer = (fields: Fields) => answer(request("DISCOVER", fields));
const hexOf = (packet: Packet, number: number) => packet.options.get(number)?.toString("hex");
const textOf = (packet: Packet, number: number) => packet.options.get(number)?.toString("latin1");

describe("OFFER and ACK", () => {
  it("copy xid, flags, giaddr and chaddr, and zero the rest (RFC 2131 table 3)", () => {
    const sent = { secs: 9, hops: 2, flags: 0x8000, giaddr: ip("10.0.100.1") };
    expect(offer(sent)).toMatchObject({
      op: 2,
      htype: 1,
      hlen: 6,
      hops: 0,
      xid: 0x12345678,
      secs: 0,
      flags: 0x8000,
      ciaddr: "0.0.0.0",
      yiaddr: "10.0.100.100",
      siaddr: "10.0.100.10",
      giaddr: "10.0.100.1",
      chaddr: request("DISCOVER").chaddr,
      sname: "",
      file: "",
    });
  });

  it("ACK repeats ciaddr when the client has sent one", () => {
    const site = createSite([lease("10.0.100.100", stranger)]);
    expect(answer(renewing("10.0.100.100"), site)).toMatchObject({
      ciaddr: "10.0.100.100",
      yiaddr: "10.0.100.100",
    });
  });
});

describe("the parameters of OFFER and ACK", () => {
  it("are the runbook's for a client that names none", () => {
    const packet = answer(selecting("10.0.100.50", { mac: node01 }));
    const options = Object.fromEntries(
      [...packet.options].map(([number, data]) => [number, data.toString("hex")]),
    );
    expect(options).toEqual({
      53: "05",
      54: "0a00640a",
      51: "00000258",
      58: "0000012c",
      59: "0000020d",
      1: "ffffff00",
      3: "0a006401",
      6: "0a00640108080808",
      12: Buffer.from("node01").toString("hex"),
      15: Buffer.from("prov.example.com").toString("hex"),
      28: "0a0064ff",
    });
  });

  it("are only what is asked for, in that order, but the mask before the router", () => {
    const options = { [option.parameterList]: Buffer.of(15, 3, 1, 42, 3) };
    expect([...offer({ options }).options.keys()]).toEqual([53, 54, 51, 58, 59, 15, 1, 3]);
    const nothing = offer({ options: { [option.parameterList]: Buffer.alloc(0) } });
    expect([...nothing.options.keys()]).toEqual([53, 54, 51, 58, 59]);
  });

  it.each([
    [undefined, 600],
    [1, 60],
    [900, 900],
    [86_400, 7200],
    [0xffffffff, 7200],
  ])("turn a wish for %s seconds into a lease of %i", (wish, seconds) => {
    const options = wish === undefined ? {} : { [option.leaseTime]: u32(wish) };
    expect(offer({ options }).options.get(option.leaseTime)?.readUInt32BE()).toBe(seconds);
  });

  it("hold options 61, 97 and 82 as sent, 82 last, and only when sent", () => {
    const sent = { 61: "ff0102", 97: "000102", 82: "0104abcd0000" };
    const options = Object.fromEntries(
      Object.entries(sent).map(([number, data]) => [number, Buffer.from(data, "hex")]),
    );
    const packet = offer({ options });
    for (const [number, data] of Object.entries(sent))
      expect(hexOf(packet, Number(number))).toBe(data);
    expect([...packet.options.keys()].at(-1)).toBe(82);
    for (const number of [61, 97, 82]) expect(hexOf(offer({}), number)).toBeUndefined();
  });

  it("hold no host name for a stranger", () => {
    const options = { 12: Buffer.from("mine"), [option.parameterList]: Buffer.of(12) };
    expect(textOf(offer({ options }), option.hostName)).toBeUndefined();
  });
});

describe("the answer to network boot firmware", () => {
  const pxe = {
    [option.vendorClass]: Buffer.from("PXEClient:Arch:00007:UNDI:003000"),
    [option.clientArch]: Buffer.of(0, 7),
    [option.parameterList]: Buffer.of(1, 3, 43, 60, 66, 67),
  };

  it("names the boot file in the header and in option 67, and keeps EDK2 from asking port 4011", () => {
    const packet = offer({ options: pxe });
    expect(packet).toMatchObject({ file: "ipxe.efi", siaddr: "10.0.100.10" });
    expect(textOf(packet, option.bootFileName)).toBe("ipxe.efi");
    expect(textOf(packet, option.tftpServerName)).toBe("10.0.100.10");
    expect(textOf(packet, option.vendorClass)).toBe("PXEClient");
    expect(hexOf(packet, option.vendorSpecific)).toBe("060108ff");
  });

  it("names it in the header alone when option 67 is not asked for", () => {
    const packet = offer({ options: { ...pxe, [option.parameterList]: Buffer.of(1, 3) } });
    expect(packet.file).toBe("ipxe.efi");
    expect(packet.options.has(option.bootFileName)).toBe(false);
  });

  it("to UEFI HTTP boot carries its class and a URL, and no PXE options", () => {
    const packet = offer({
      options: {
        [option.vendorClass]: Buffer.from("HTTPClient:Arch:00016:UNDI:003000"),
        [option.clientArch]: Buffer.of(0, 16),
      },
    });
    expect(packet.file).toBe("http://10.0.100.10:8080/boot/ipxe.efi");
    expect(textOf(packet, option.vendorClass)).toBe("HTTPClient");
    expect(packet.options.has(option.vendorSpecific)).toBe(false);
  });

  it("without a boot file for it is an address and that there is no boot server, and the event says why", () => {
    const { event, reply } = createSite().send(
      request("DISCOVER", { options: { ...pxe, [option.clientArch]: Buffer.of(0, 11) } }),
    );
    expect(event.reason).toBe("no boot file: no known architecture");
    expect(reply?.packet.file).toBe("");
    for (const number of [66, 67]) expect(reply?.packet.options.has(number)).toBe(false);
    expect(reply && hexOf(reply.packet, option.vendorSpecific)).toBe("060108ff");
  });

  it("puts a name too long for the header in option 67", () => {
    const file = `http://10.0.100.10/${"a".repeat(120)}`;
    const site = createSite([], { policy: { bootFile: () => ({ file }) } });
    const packet = answer(request("DISCOVER"), site);
    expect(packet.file).toBe("");
    expect(textOf(packet, option.bootFileName)).toBe(file);
  });
});

describe("INFORM", () => {
  it("is answered to ciaddr with parameters, and neither an address nor a time", () => {
    const site = createSite();
    const { reply, event } = site.send(request("INFORM", { ciaddr: ip("10.0.100.77") }));
    expect(event).toMatchObject({ kind: "dhcp-informed", address: "10.0.100.77" });
    expect(reply?.destination).toEqual({ address: "10.0.100.77", port: 68 });
    expect(reply?.packet).toMatchObject({ yiaddr: "0.0.0.0", ciaddr: "10.0.100.77" });
    expect([...(reply?.packet.options.keys() ?? [])]).toEqual([53, 54, 1, 3, 6, 15, 28]);
    expect([...site.journal.rows.values()]).toEqual([]);
  });

  it.each([
    ["without ciaddr", {}, "INFORM without ciaddr"],
    [
      "from a foreign network",
      { ciaddr: ip("192.0.2.7") },
      "INFORM from 192.0.2.7, which is in no network served here",
    ],
  ])("%s is ignored", (_, fields: Fields, reason) => {
    const { event, reply } = createSite().send(request("INFORM", fields));
    expect([event.reason, reply]).toEqual([reason, undefined]);
  });
});

it.each(["OFFER", "ACK", "NAK"] as const)("a server's own %s is ignored", (type) => {
  expect(createSite().send(request(type)).event.reason).toBe(`${type} is a server's message`);
});

describe("the size of an answer", () => {
  it.each([
    [undefined, 548],
    [300, 548],
    [576, 548],
    [1260, 1232],
    [1500, 1472],
    [9000, 1472],
  ])("for a client that takes %s octets is at most %i", (maxSize, maxBytes) => {
    const data = Buffer.alloc(2);
    data.writeUInt16BE(maxSize ?? 0);
    const options = maxSize === undefined ? {} : { [option.maxSize]: data };
    const client = readClient(request("DISCOVER", { options }));
    if ("ignore" in client) throw new Error(client.ignore);
    expect(replyLimit(client)).toBe(maxBytes);
  });
});

describe("destinationOf", () => {
  const relay = ip("10.0.100.1");
  const address = ip("10.0.100.77");
  const elsewhere = ip("192.0.2.7");
  const nobody = ip("0.0.0.0");
  const network = { network: ip("10.0.100.0"), prefix: 24 };
  it.each([
    ["OFFER", relay, address, 0x8000, "10.0.100.1 67"],
    ["NAK", relay, address, 0, "10.0.100.1 67"],
    ["ACK", nobody, address, 0, "10.0.100.77 68"],
    ["ACK", nobody, address, 0x8000, "10.0.100.77 68"],
    ["NAK", nobody, address, 0, "255.255.255.255 68"],
    ["OFFER", nobody, nobody, 0, "255.255.255.255 68"],
    ["OFFER", nobody, address, 0, "10.0.100.77 68"],
    // Whoever asks does not have it, and its owner has not asked.
    ["OFFER", nobody, elsewhere, 0, "255.255.255.255 68"],
    ["ACK", nobody, nobody, 0x8000, "255.255.255.255 68"],
  ] as const)("sends %s for giaddr %s, ciaddr %s, flags %i to %s", (...row) => {
    const [type, giaddr, ciaddr, flags, expected] = row;
    const { address: to, port } = destinationOf(
      request("REQUEST", { giaddr, ciaddr, flags }),
      type,
      network,
    );
    expect(`${to} ${port}`).toBe(expected);
  });
});
