// DECLINE and RELEASE, and messages that no client sends.

import { expect } from "vitest";
import {
  type Case,
  expectNoLease,
  expectSilence,
  expectType,
  rebinding,
  release,
  renewing,
} from "./bench.ts";
import { address, types } from "./client.ts";
import { addressIn, inPool, poolStart, serverAddress } from "./site.ts";

const { discover, request, decline } = types;
const foreign = address(54, "10.77.0.9");
const ours = address(54, serverAddress);

const declining: readonly Case[] = [
  [
    "answers neither DECLINE nor RELEASE",
    "RFC 2131 §4.3.3, §4.3.4",
    async ({ client }) => {
      const machine = client();
      const first = await machine.lease();
      const released = { from: first.yiaddr, header: { ciaddr: first.yiaddr } };
      expectSilence(await machine.hear(types.release, [ours], released));
      const second = await machine.lease();
      expectSilence(await machine.hear(decline, [ours, address(50, second.yiaddr)]));
    },
  ],
  [
    "puts an address aside that its owner declines",
    "RFC 2131 §4.3.3",
    async ({ client, double }) => {
      const subnet = double();
      const machine = client({ behind: subnet });
      const { yiaddr } = await machine.lease();
      machine.tell(decline, [ours, address(50, yiaddr)]);
      const offer = await machine.ask(discover);
      expect(offer.yiaddr).not.toBe(yiaddr);
      expect(inPool(subnet, offer.yiaddr)).toBe(true);
    },
  ],
  [
    "offers a declined address to nobody else either",
    "RFC 2131 §4.3.3",
    async ({ client, single }) => {
      const subnet = single();
      const machine = client({ behind: subnet });
      const { yiaddr } = await machine.lease();
      machine.tell(decline, [ours, address(50, yiaddr)]);
      expectSilence(await client({ behind: subnet }).hear(discover));
    },
  ],
  [
    "ignores a DECLINE of a lease by a machine that does not own it",
    "RFC 2131 §4.3.3",
    async ({ client, single }) => {
      const subnet = single();
      const owner = client({ behind: subnet });
      const { yiaddr } = await owner.lease();
      client({ behind: subnet }).tell(decline, [ours, address(50, yiaddr)]);
      expectType(await owner.ask(request, [], rebinding(yiaddr)), "ack");
    },
  ],
  [
    "ignores a DECLINE of a free address",
    "RFC 2131 §4.3.3",
    async ({ client, single }) => {
      const subnet = single();
      client({ behind: subnet }).tell(decline, [ours, address(50, poolStart(subnet))]);
      expect((await client({ behind: subnet }).ask(discover)).yiaddr).toBe(poolStart(subnet));
    },
  ],
  [
    "ignores a DECLINE that names another server",
    "RFC 2131 §4.3.3, §4.4.4 table 5",
    async ({ client, single }) => {
      const subnet = single();
      const owner = client({ behind: subnet });
      const { yiaddr } = await owner.lease();
      owner.tell(decline, [foreign, address(50, yiaddr)]);
      expectType(await owner.ask(request, [], rebinding(yiaddr)), "ack");
    },
  ],
  [
    "survives a DECLINE without options 50 and 54",
    "RFC 2131 §4.4.4 table 5",
    async ({ client, single }) => {
      const subnet = single();
      const owner = client({ behind: subnet });
      const { yiaddr } = await owner.lease();
      expectSilence(await owner.hear(decline, []));
      expectType(await owner.ask(request, [], rebinding(yiaddr)), "ack");
    },
  ],
];

const releasing: readonly Case[] = [
  [
    "gives a released address to another client",
    "RFC 2131 §4.3.4",
    async ({ client, single }) => {
      const subnet = single();
      const owner = client({ behind: subnet });
      const lease = await owner.lease();
      release(owner, lease);
      expect((await client({ behind: subnet }).lease()).yiaddr).toBe(lease.yiaddr);
    },
  ],
  [
    "ignores a RELEASE by a machine that does not own the lease",
    "RFC 2131 §4.3.4",
    async ({ client, single }) => {
      const subnet = single();
      const owner = client({ behind: subnet });
      const lease = await owner.lease();
      release(client({ behind: subnet }), lease);
      expectSilence(await client({ behind: subnet }).hear(discover));
      expectType(await owner.ask(request, [], renewing(lease.yiaddr)), "ack");
    },
  ],
  [
    "ignores a RELEASE that names another server",
    "RFC 2131 §4.3.4, §4.4.4 table 5",
    async ({ client, single }) => {
      const subnet = single();
      const owner = client({ behind: subnet });
      const { yiaddr } = await owner.lease();
      owner.tell(types.release, [foreign], renewing(yiaddr));
      expectSilence(await client({ behind: subnet }).hear(discover));
    },
  ],
  [
    "offers a client its released address again",
    "RFC 2131 §4.3.1, §4.3.4",
    async ({ client }) => {
      const machine = client();
      const wanted = "10.77.0.243";
      const lease = await machine.lease([address(50, wanted)]);
      release(machine, lease);
      // Somebody else comes in between.
      expect((await client().ask(discover)).yiaddr).not.toBe(lease.yiaddr);
      expect((await machine.ask(discover)).yiaddr).toBe(lease.yiaddr);
    },
  ],
  [
    "does not renew a lease that was released and is another client's now",
    "RFC 2131 §4.3.2, §4.3.4",
    async ({ client, single }) => {
      const subnet = single();
      const machine = client({ behind: subnet });
      const lease = await machine.lease();
      release(machine, lease);
      expect((await client({ behind: subnet }).lease()).yiaddr).toBe(lease.yiaddr);
      expectNoLease(await machine.hear(request, [], rebinding(lease.yiaddr)));
    },
  ],
  [
    "ignores a RELEASE of an address that is not the sender's lease",
    "RFC 2131 §4.3.4",
    async ({ client, double }) => {
      const subnet = double();
      const machine = client({ behind: subnet });
      const lease = await machine.lease();
      const other = addressIn(subnet, lease.yiaddr === addressIn(subnet, 100) ? 101 : 100);
      machine.tell(types.release, [ours], renewing(other));
      expect((await machine.ask(discover)).yiaddr).toBe(lease.yiaddr);
    },
  ],
];

const notForServers: readonly Case[] = (
  [
    ["a message without option 53 (BOOTP)", [], {}],
    ["an OFFER", [[53, Uint8Array.of(2)]], {}],
    ["an ACK", [[53, Uint8Array.of(5)]], {}],
    ["a NAK", [[53, Uint8Array.of(6)]], {}],
    ["a FORCERENEW", [[53, Uint8Array.of(9)]], {}],
    ["a message of type 0", [[53, Uint8Array.of(0)]], {}],
    ["a message of type 200", [[53, Uint8Array.of(200)]], {}],
    ["a DISCOVER with op 2 (BOOTREPLY)", [[53, Uint8Array.of(1)]], { op: 2 }],
    ["a DISCOVER with op 0", [[53, Uint8Array.of(1)]], { op: 0 }],
  ] as const
).map(
  ([what, options, header]): Case => [
    `is silent to ${what}`,
    "RFC 2131 §2, §4.3",
    async ({ client }) => {
      const machine = client();
      const xid = 0x6e6f0000 + machine.chaddr.readUInt16BE(4);
      expect(await machine.exchange(machine.encode(options, { xid, ...header }))).toEqual([]);
    },
  ],
);

export const givingUpCases: readonly Case[] = [...declining, ...releasing, ...notForServers];
