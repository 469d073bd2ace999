// Who a client is: hardware address, client identifier and reservation.

import { expect } from "vitest";
import { asking, bytes, type Case, expectNoLease, expectType } from "./bench.ts";
import { address, types } from "./client.ts";
import type { OptionPair } from "./message.ts";
import {
  inPool,
  node,
  nodeInPool,
  rack,
  relayOf,
  remote,
  reservationOf,
  serverAddress,
} from "./site.ts";

const { discover, request } = types;

const duid = [0, 1, 0, 1, 0x2a, 0x11, 0x22, 0x33, 2, 0x77, 1, 2, 3, 4];
const identifiers: readonly (readonly [string, number[]])[] = [
  ["of the hardware type and address", [1, 2, 0x77, 1, 1, 1, 1]],
  ["of two bytes", [0, 7]],
  ["of RFC 4361's form", [255, 0, 0, 0, 1, ...duid]],
  ["that is a firmware's GUID", [0, ...Array.from({ length: 16 }, (_, index) => 0xa0 + index)]],
  ["of 255 bytes", Array.from({ length: 255 }, (_, index) => (index * 7) % 256)],
  ["of text", [0, ...Buffer.from("rack-7/machine-12")]],
];

const echo: readonly Case[] = identifiers.map(
  ([what, id]): Case => [
    `echoes a client identifier ${what} in OFFER and ACK`,
    "RFC 6842 §3, RFC 2132 §9.14",
    async ({ client }) => {
      const machine = client();
      const options: OptionPair[] = [bytes(61, ...id), [57, Uint8Array.of(5, 0xdc)]];
      const offer = await machine.ask(discover, options);
      for (const reply of [offer, await machine.take(offer, options)])
        expect([...(reply.options.get(61) ?? [])]).toEqual(id);
    },
  ],
);

const odd: readonly Case[] = [
  [
    "puts no client identifier into a reply when none was sent",
    "RFC 6842 §3",
    async ({ client }) => {
      const machine = client();
      const offer = await machine.ask(discover, [asking(1, 61)]);
      for (const reply of [offer, await machine.take(offer)])
        expect(reply.options.has(61)).toBe(false);
    },
  ],
  [
    "serves a client with an identifier of one byte and of none",
    "RFC 2132 §9.14 (minimum length 2)",
    async ({ client }) => {
      for (const id of [[], [1]]) {
        const machine = client();
        const options = [bytes(61, ...id)];
        const offer = expectType(await machine.ask(discover, options), "offer");
        expectType(await machine.take(offer, options), "ack");
      }
    },
  ],
  [
    "takes an identifier that was split over two instances as one",
    "RFC 3396 §7, RFC 6842 §3",
    async ({ client }) => {
      const offer = await client().ask(discover, [bytes(61, 0, 1, 2), bytes(61, 3, 4, 5)]);
      expect(offer.options.get(61)?.toString("hex")).toBe("000102030405");
    },
  ],
  [
    "tells two machines that send the same identifier apart",
    "RFC 4361 §6.1; cloned machines share identifiers",
    async ({ client }) => {
      const options = [bytes(61, 0, 0xc1, 0x0e, 0xd0)];
      const [first, second] = [await client().lease(options), await client().lease(options)];
      expect(second.yiaddr).not.toBe(first.yiaddr);
    },
  ],
];

const reserved: readonly Case[] = [
  [
    "gives a reserved machine its address",
    "RFC 2131 §4.3.1",
    async ({ client }) => {
      const { mac, address: own } = node(2);
      expect((await client({ mac }).lease()).yiaddr).toBe(own);
    },
  ],
  [
    "gives a reserved machine its address under every identifier it has while it boots",
    "RFC 4578 §2.3, RFC 4361; firmware, iPXE, installer and system each have their own",
    async ({ client }) => {
      const { mac, address: own } = node(3);
      const machine = client({ mac });
      const chain = [...identifiers.slice(0, 4).map(([, id]) => [bytes(61, ...id)]), []];
      for (const options of chain) expect((await machine.lease(options)).yiaddr).toBe(own);
    },
  ],
  [
    "gives a machine without a reservation one address under every identifier it has",
    "the PXE chain: RFC 4578 §2.3, RFC 4361",
    async ({ client }) => {
      const machine = client();
      const held = new Set<string>();
      for (const [, id] of identifiers.slice(0, 4))
        held.add((await machine.lease([bytes(61, ...id)])).yiaddr);
      expect(held.size).toBe(1);
    },
  ],
  [
    "gives a machine that sends a reserved machine's identifier another address",
    "RFC 2131 §4.2",
    async ({ client }) => {
      const { mac, address: own } = node(4);
      const id = [0, 4, 4, 4, 4, 4, 4, 4];
      expect((await client({ mac }).lease([bytes(61, ...id)])).yiaddr).toBe(own);
      const thief = await client().lease([bytes(61, ...id)]);
      expect(thief.yiaddr).not.toBe(own);
      expect(inPool(rack, thief.yiaddr)).toBe(true);
    },
  ],
  [
    "offers a stranger that asks for a reserved address another one",
    "RFC 2131 §4.3.1",
    async ({ client }) => {
      for (const { address: own } of [node(5), nodeInPool]) {
        const offer = await client().ask(discover, [address(50, own)]);
        expect(offer.yiaddr).not.toBe(own);
        expect(inPool(rack, offer.yiaddr)).toBe(true);
      }
    },
  ],
  [
    "does not acknowledge a reserved address to a stranger that reboots or renews",
    "RFC 2131 §4.3.2",
    async ({ client }) => {
      const { address: own } = node(6);
      expectNoLease(await client().hear(request, [address(50, own)]));
      expectNoLease(await client().hear(request, [], { header: { ciaddr: own } }));
    },
  ],
  [
    "gives a reserved machine its address even when it asks for another",
    "RFC 2131 §4.3.1",
    async ({ client }) => {
      const { mac, address: own } = node(7);
      expect((await client({ mac }).ask(discover, [address(50, "10.77.0.200")])).yiaddr).toBe(own);
    },
  ],
  [
    "refuses a reserved machine that reboots with another address",
    "RFC 2131 §4.3.2",
    async ({ client }) => {
      const { mac } = node(8);
      const machine = client({ mac });
      await machine.lease();
      expectType(await machine.ask(request, [address(50, "10.77.0.201")]), "nak");
    },
  ],
  [
    "serves a reserved machine that moved behind a relay from that network",
    "RFC 2131 §4.3.1",
    async ({ client }) => {
      const { mac } = node(9);
      const { yiaddr, giaddr } = await client({ mac, behind: remote }).lease();
      expect([inPool(remote, yiaddr), giaddr]).toEqual([true, relayOf(remote)]);
    },
  ],
  [
    "gives a reserved machine behind a relay its address",
    "RFC 2131 §4.3.1",
    async ({ client }) => {
      const { mac, address: own } = reservationOf(remote);
      expect((await client({ mac, behind: remote }).lease()).yiaddr).toBe(own);
    },
  ],
  [
    "offers a reserved machine its address again after it declined it",
    "RFC 2131 §4.3.3; a declined reservation must not lock its machine out",
    async ({ client, single }) => {
      const subnet = single();
      const { mac } = reservationOf(subnet);
      const machine = client({ mac, behind: subnet });
      const { yiaddr } = await machine.lease();
      machine.tell(types.decline, [address(54, serverAddress), address(50, yiaddr)]);
      expectType(await machine.ask(discover), "offer");
    },
  ],
];

export const identityCases: readonly Case[] = [...echo, ...odd, ...reserved];
