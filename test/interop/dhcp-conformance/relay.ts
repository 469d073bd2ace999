// Clients behind relays: which subnet they are served from and how the answer travels back.

import { expect } from "vitest";
import { asking, bytes, type Case, expectSilence, expectType, renewing } from "./bench.ts";
import { address, types } from "./client.ts";
import { addresses, type OptionPair } from "./message.ts";
import { inPool, rack, relayOf, remote, serverAddress, unknownRelay } from "./site.ts";

const { discover, request } = types;

const subOption = (code: number, ...data: number[]) => [code, data.length, ...data];
const agent = (...subOptions: number[][]): OptionPair => bytes(82, ...subOptions.flat());
const hex = (data: Uint8Array | undefined) => Buffer.from(data ?? []).toString("hex");
const circuit = subOption(1, 0, 4, 0, 7);
const remoteId = subOption(2, 0, 6, 2, 0x77, 0, 0, 0, 9);
const subnetBytes = (third: number) => [10, 77, third, 0];

const travelling: readonly Case[] = [
  [
    "serves a relayed client from the subnet of giaddr and answers to the relay's port 67",
    "RFC 2131 §4.1, §4.3.1",
    async ({ client }) => {
      const machine = client({ behind: remote });
      const offer = await machine.ask(discover);
      for (const reply of [offer, await machine.take(offer)]) {
        expect(inPool(remote, reply.yiaddr)).toBe(true);
        const { destination, port, sourcePort } = reply.sent;
        expect([reply.giaddr, destination, port, sourcePort]).toEqual([
          relayOf(remote),
          relayOf(remote),
          67,
          67,
        ]);
      }
    },
  ],
  [
    "names itself in option 54 with one address in a relayed OFFER and ACK",
    "RFC 2131 §4.1, §4.3.1",
    async ({ client }) => {
      const machine = client({ behind: remote });
      const offer = await machine.ask(discover);
      for (const reply of [offer, await machine.take(offer)])
        expect(addresses(reply, 54)).toEqual([serverAddress]);
    },
  ],
  [
    "copies the broadcast flag through a relay, set or not",
    "RFC 2131 §4.3.1 table 3",
    async ({ client }) => {
      for (const flags of [0, 0x8000]) {
        const offer = await client({ behind: remote }).ask(discover, [], { header: { flags } });
        expect([offer.flags, offer.sent.destination]).toEqual([flags, relayOf(remote)]);
      }
    },
  ],
  [
    "takes a message that passed several relays, and answers with hops 0",
    "RFC 1542 §4.1, RFC 2131 §4.3.1 table 3",
    async ({ client }) => {
      const offer = await client({ behind: remote }).ask(discover, [], { header: { hops: 5 } });
      expect([offer.hops, inPool(remote, offer.yiaddr)]).toEqual([0, true]);
    },
  ],
  [
    "answers a relay that sends from a high port at port 67",
    "RFC 2131 §4.1",
    async ({ client }) => {
      const machine = client({ behind: remote });
      const { sent } = await machine.ask(discover, [], { sourcePort: 40_067 });
      expect([sent.destination, sent.port]).toEqual([relayOf(remote), 67]);
    },
  ],
  [
    "serves a relay on the server's own network from that network",
    "RFC 2131 §4.3.1",
    async ({ client }) => {
      const offer = await client({ behind: rack }).ask(discover);
      expect([inPool(rack, offer.yiaddr), offer.sent.destination, offer.sent.port]).toEqual([
        true,
        relayOf(rack),
        67,
      ]);
    },
  ],
  [
    "is silent to a relay of a network it does not know",
    "RFC 2131 §4.3.1",
    async ({ client }) => {
      expectSilence(await client({ behind: unknownRelay }).hear(discover));
    },
  ],
  [
    "renews a relayed client's lease by unicast, past the relay",
    "RFC 2131 §4.3.2, §4.3.6",
    async ({ client }) => {
      const machine = client({ behind: remote });
      const { yiaddr } = await machine.lease();
      const ack = expectType(await machine.ask(request, [asking(3)], renewing(yiaddr)), "ack");
      expect([ack.yiaddr, addresses(ack, 3), ack.sent.destination, ack.sent.port]).toEqual([
        yiaddr,
        [remote.router],
        yiaddr,
        68,
      ]);
    },
  ],
  [
    "renews a relayed client's lease when it rebinds through the relay",
    "RFC 2131 §4.3.2",
    async ({ client }) => {
      const machine = client({ behind: remote });
      const { yiaddr } = await machine.lease();
      const ack = expectType(await machine.ask(request, [], { header: { ciaddr: yiaddr } }), "ack");
      expect([ack.yiaddr, ack.sent.destination, ack.sent.port]).toEqual([
        yiaddr,
        relayOf(remote),
        67,
      ]);
    },
  ],
  [
    "refuses a client that moved from one relay's network to another's",
    "RFC 2131 §4.3.2",
    async ({ client }) => {
      const { mac, lease } = client();
      const { yiaddr } = await lease();
      const moved = client({ mac, behind: remote });
      expectType(await moved.ask(request, [address(50, yiaddr)]), "nak");
    },
  ],
];

const information: readonly (readonly [string, number[][]])[] = [
  ["with one sub-option", [circuit]],
  ["with three sub-options", [circuit, remoteId, subOption(151, 0, 1, 2, 3)]],
  ["of 255 bytes", [subOption(1, ...Array.from({ length: 253 }, (_, index) => index % 256))]],
  ["with an unknown sub-option", [subOption(200, 1, 2, 3), circuit]],
  ["with a sub-option that runs past its end", [circuit, [2, 40, 1, 2]]],
];

const echoing: readonly Case[] = information.map(
  ([what, subOptions]): Case => [
    `echoes option 82 ${what}, unchanged and last, in OFFER and ACK`,
    "RFC 3046 §2.1, §2.2",
    async ({ client }) => {
      const machine = client({ behind: remote });
      const option = agent(...subOptions);
      const options = [asking(1, 3, 6), [57, Uint8Array.of(5, 0xdc)] as const, option];
      const offer = await machine.ask(discover, options);
      for (const reply of [offer, await machine.take(offer, options)]) {
        expect(hex(reply.options.get(82))).toBe(hex(option[1]));
        expect(reply.instances.at(-1)?.code).toBe(82);
      }
    },
  ],
);

const steering: readonly Case[] = [
  [
    "adds no option 82 of its own",
    "RFC 3046 §2.2",
    async ({ client }) => {
      expect((await client({ behind: remote }).ask(discover)).options.has(82)).toBe(false);
    },
  ],
  [
    "takes the subnet from the relay's link selection and answers to giaddr",
    "RFC 3527 §3",
    async ({ client }) => {
      const machine = client({ behind: rack });
      const options = [agent(subOption(5, ...subnetBytes(1)))];
      const offer = await machine.ask(discover, options);
      for (const reply of [offer, await machine.take(offer, options)]) {
        expect(inPool(remote, reply.yiaddr)).toBe(true);
        expect(reply.sent.destination).toBe(relayOf(rack));
        expect(hex(reply.options.get(82))).toBe("05040a4d0100");
      }
    },
  ],
  [
    "takes the subnet from the subnet selection option and echoes it",
    "RFC 3011 §3, §4",
    async ({ client }) => {
      const offer = await client({ behind: rack }).ask(discover, [bytes(118, ...subnetBytes(1))]);
      expect(inPool(remote, offer.yiaddr)).toBe(true);
      expect(hex(offer.options.get(118))).toBe("0a4d0100");
    },
  ],
  [
    "prefers the link selection to the subnet selection option",
    "RFC 3527 §3",
    async ({ client }) => {
      const options = [bytes(118, ...subnetBytes(0)), agent(subOption(5, ...subnetBytes(1)))];
      const offer = await client({ behind: rack }).ask(discover, options);
      expect(inPool(remote, offer.yiaddr)).toBe(true);
    },
  ],
  [
    "leases nothing from another subnet when the link selection names none that it knows",
    "RFC 3527 §3, RFC 3011 §3",
    async ({ client }) => {
      const options = [agent(subOption(5, 172, 31, 9, 0))];
      expectSilence(await client({ behind: rack }).hear(discover, options));
    },
  ],
  [
    "is not steered to another subnet by option 82 of a client that is attached directly",
    "RFC 3046 §2.1, §5 (giaddr 0: not to be trusted)",
    async ({ client }) => {
      const reply = await client().hear(discover, [agent(subOption(5, ...subnetBytes(1)))]);
      if (reply !== undefined) expect(inPool(rack, reply.yiaddr)).toBe(true);
    },
  ],
];

export const relayCases: readonly Case[] = [...travelling, ...echoing, ...steering];
