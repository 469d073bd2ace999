// DISCOVER, OFFER, REQUEST and ACK of a client that has no address yet.

import { expect } from "vitest";
import { asking, bytes, type Case, everything, expectSilence, expectType } from "./bench.ts";
import { address, types } from "./client.ts";
import { addresses } from "./message.ts";
import { addressIn, inPool, poolStart, rack, serverAddress } from "./site.ts";

const { discover } = types;

const answers: readonly Case[] = [
  [
    "answers a DISCOVER with an OFFER of a pool address",
    "RFC 2131 §4.3.1",
    async ({ client }) => {
      const offer = expectType(await client().ask(discover), "offer");
      expect(inPool(rack, offer.yiaddr)).toBe(true);
    },
  ],
  [
    "acknowledges the REQUEST for its offer with the offered address",
    "RFC 2131 §4.3.2",
    async ({ client }) => {
      const machine = client();
      const offer = await machine.ask(discover);
      expect(expectType(await machine.take(offer), "ack").yiaddr).toBe(offer.yiaddr);
    },
  ],
  [
    "fills the OFFER's fixed fields as the table says",
    "RFC 2131 §4.3.1 table 3",
    async ({ client }) => {
      const machine = client();
      const header = { xid: 0xfeedface };
      const offer = await machine.ask(discover, [], { header });
      expect(offer).toMatchObject({
        op: 2,
        htype: 1,
        hlen: 6,
        hops: 0,
        xid: 0xfeedface,
        flags: 0,
        ciaddr: "0.0.0.0",
        giaddr: "0.0.0.0",
      });
      expect(offer.chaddr.toString("hex")).toBe(machine.chaddr.toString("hex").padEnd(32, "0"));
    },
  ],
  [
    "fills the ACK's fixed fields as the table says",
    "RFC 2131 §4.3.1 table 3",
    async ({ client }) => {
      const machine = client();
      const offer = await machine.ask(discover);
      const ack = await machine.take(offer, [], { header: { xid: 0x80000001 } });
      expect(ack).toMatchObject({
        op: 2,
        htype: 1,
        hlen: 6,
        hops: 0,
        xid: 0x80000001,
        flags: 0,
        ciaddr: "0.0.0.0",
        giaddr: "0.0.0.0",
      });
      expect(ack.chaddr.toString("hex")).toBe(machine.chaddr.toString("hex").padEnd(32, "0"));
    },
  ],
  [
    "answers a client that has been trying for a while with secs 0",
    "RFC 2131 §4.3.1 table 3",
    async ({ client }) => {
      const machine = client();
      const manner = { header: { secs: 77 } };
      const offer = await machine.ask(discover, [], manner);
      expect([offer.secs, (await machine.take(offer, [], manner)).secs]).toEqual([0, 0]);
    },
  ],
  [
    "takes a transaction id of zero and of all ones",
    "RFC 2131 §2",
    async ({ client }) => {
      for (const xid of [0, 0xffffffff])
        expect((await client().ask(discover, [], { header: { xid } })).xid).toBe(xid);
    },
  ],
  [
    "broadcasts to a client that sets the broadcast flag, and copies the flag",
    "RFC 2131 §4.1",
    async ({ client }) => {
      const machine = client();
      const manner = { header: { flags: 0x8000 } };
      const offer = await machine.ask(discover, [], manner);
      const ack = await machine.take(offer, [], manner);
      for (const { flags, sent } of [offer, ack])
        expect([flags, sent.destination]).toEqual([0x8000, "255.255.255.255"]);
    },
  ],
  [
    "sends a client without the flag its OFFER to port 68, to the new address or by broadcast",
    "RFC 2131 §4.1",
    async ({ client }) => {
      const machine = client();
      const { sent, yiaddr } = await machine.ask(discover);
      expect([sent.sourcePort, sent.port]).toEqual([67, 68]);
      const pair = `${sent.etherDestination} ${sent.destination}`;
      expect([
        `ff:ff:ff:ff:ff:ff 255.255.255.255`,
        `${machine.mac} 255.255.255.255`,
        `${machine.mac} ${yiaddr}`,
      ]).toContain(pair);
    },
  ],
  [
    "names itself in option 54 of OFFER and ACK, and sends from that address",
    "RFC 2131 §4.3.1 table 3, RFC 2132 §9.7",
    async ({ client }) => {
      const machine = client();
      const offer = await machine.ask(discover);
      for (const reply of [offer, await machine.take(offer)])
        expect([addresses(reply, 54), reply.sent.source]).toEqual([[serverAddress], serverAddress]);
    },
  ],
  [
    "pads OFFER and ACK to 300 bytes at least, with an END and nothing but zeros after it",
    "RFC 1542 §2.1, RFC 2131 §4.1",
    async ({ client }) => {
      const machine = client();
      const offer = await machine.ask(discover, [asking(1)]);
      for (const reply of [offer, await machine.take(offer, [asking(1)])]) {
        expect(reply.sizeBytes).toBeGreaterThanOrEqual(300);
        expect(reply.ended).toBe(true);
        expect(reply.trailer.every((byte) => byte === 0)).toBe(true);
      }
    },
  ],
  [
    "sends no option twice in an ordinary reply, and option 53 in one byte",
    "RFC 2131 §4.1, RFC 2132 §9.6",
    async ({ client }) => {
      const { instances } = await client().ask(discover, [everything]);
      const codes = instances.map(({ code }) => code);
      expect(codes).toEqual([...new Set(codes)]);
      expect(instances.find(({ code }) => code === 53)?.data).toHaveLength(1);
    },
  ],
  [
    "answers a message once",
    "RFC 2131 §4.1",
    async ({ client }) => {
      const machine = client();
      const payload = machine.encode([bytes(53, discover)], { xid: 0x5150_0001 });
      expect(await machine.exchange(payload)).toHaveLength(1);
    },
  ],
  [
    "acknowledges a repeated REQUEST again with the same address",
    "RFC 2131 §4.3.2",
    async ({ client }) => {
      const machine = client();
      const offer = await machine.ask(discover);
      const acks = [await machine.take(offer), await machine.take(offer)];
      for (const ack of acks) expect(expectType(ack, "ack").yiaddr).toBe(offer.yiaddr);
    },
  ],
  [
    "takes a REQUEST whose transaction id differs from its DISCOVER's",
    "RFC 2131 §4.4.1",
    async ({ client }) => {
      const machine = client();
      const offer = await machine.ask(discover);
      const ack = await machine.take(offer, [], { header: { xid: 0x13572468 } });
      expect(expectType(ack, "ack")).toMatchObject({ xid: 0x13572468, yiaddr: offer.yiaddr });
    },
  ],
];

const offers: readonly Case[] = [
  [
    "makes a client the same offer again",
    "RFC 2131 §4.3.1",
    async ({ client }) => {
      const machine = client();
      const { yiaddr } = await machine.ask(discover);
      expect((await machine.ask(discover)).yiaddr).toBe(yiaddr);
    },
  ],
  [
    "offers ten clients ten addresses while none has been taken",
    "RFC 2131 §4.3.1",
    async ({ client }) => {
      const offered = await Promise.all(
        Array.from({ length: 10 }, async () => (await client().ask(discover)).yiaddr),
      );
      expect(new Set(offered).size).toBe(10);
    },
  ],
  [
    "holds an offer: the only address is not offered to a second client",
    "RFC 2131 §4.3.1, §3.1",
    async ({ client, single }) => {
      const subnet = single();
      const first = client({ behind: subnet });
      const offer = await first.ask(discover);
      expectSilence(await client({ behind: subnet }).hear(discover));
      expect(expectType(await first.take(offer), "ack").yiaddr).toBe(poolStart(subnet));
    },
  ],
  [
    "offers a client that has a lease the same address",
    "RFC 2131 §4.3.1",
    async ({ client }) => {
      const machine = client();
      const { yiaddr } = await machine.lease();
      expect((await machine.ask(discover)).yiaddr).toBe(yiaddr);
    },
  ],
  [
    "offers the address a DISCOVER asks for when it is free",
    "RFC 2131 §4.3.1, RFC 2132 §9.1",
    async ({ client, double }) => {
      const subnet = double();
      const wanted = addressIn(subnet, 101);
      const machine = client({ behind: subnet });
      expect((await machine.ask(discover, [address(50, wanted)])).yiaddr).toBe(wanted);
    },
  ],
  [
    "offers another address than the one that another client leases",
    "RFC 2131 §4.3.1",
    async ({ client }) => {
      const { yiaddr } = await client().lease();
      const offer = await client().ask(discover, [address(50, yiaddr)]);
      expect(offer.yiaddr).not.toBe(yiaddr);
      expect(inPool(rack, offer.yiaddr)).toBe(true);
    },
  ],
  ...(
    [
      ["outside the pool", "10.77.0.20"],
      ["of another network", "192.0.2.9"],
      ["of the server itself", serverAddress],
      ["of the network", "10.77.0.0"],
      ["of the broadcast", "10.77.0.255"],
      ["0.0.0.0", "0.0.0.0"],
      ["255.255.255.255", "255.255.255.255"],
    ] as const
  ).map(
    ([what, wanted]): Case => [
      `offers a pool address to a client that asks for the address ${what}`,
      "RFC 2131 §4.3.1",
      async ({ client }) => {
        const offer = await client().ask(discover, [address(50, wanted)]);
        expect(inPool(rack, offer.yiaddr)).toBe(true);
      },
    ],
  ),
  [
    "survives an option 50 of the wrong length",
    "RFC 2132 §9.1",
    async ({ client }) => {
      for (const data of [[], [10, 77], [10, 77, 0, 200, 1]])
        expectType(await client().ask(discover, [bytes(50, ...data)]), "offer");
    },
  ],
];

export const exchangeCases: readonly Case[] = [...answers, ...offers];
