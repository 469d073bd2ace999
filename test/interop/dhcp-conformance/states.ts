// A client that has or had an address: INIT-REBOOT, RENEWING, REBINDING, INFORM, DECLINE and RELEASE.

import { expect } from "vitest";
import {
  asking,
  type Case,
  everything,
  expectNoLease,
  expectSilence,
  expectType,
  rebinding,
  release,
  renewing,
} from "./bench.ts";
import { address, types } from "./client.ts";
import { addresses, numeric } from "./message.ts";
import { addressIn, inPool, poolStart, rack, serverAddress } from "./site.ts";

const { discover, request, decline, inform } = types;
const foreign = address(54, "10.77.0.9");
const ours = address(54, serverAddress);

const reboot: readonly Case[] = [
  [
    "acknowledges an INIT-REBOOT with the address the client has",
    "RFC 2131 §4.3.2",
    async ({ client }) => {
      const machine = client();
      const { yiaddr } = await machine.lease();
      const ack = expectType(await machine.ask(request, [address(50, yiaddr)]), "ack");
      expect([ack.yiaddr, numeric(ack, 51), ack.ciaddr]).toEqual([yiaddr, 600, "0.0.0.0"]);
    },
  ],
  [
    "refuses an INIT-REBOOT with another address of the subnet",
    "RFC 2131 §4.3.2",
    async ({ client }) => {
      const machine = client();
      const { yiaddr } = await machine.lease();
      const wrong = yiaddr === "10.77.0.231" ? "10.77.0.230" : "10.77.0.231";
      expectType(await machine.ask(request, [address(50, wrong)]), "nak");
    },
  ],
  [
    "refuses an INIT-REBOOT with an address of another network",
    "RFC 2131 §4.3.2",
    async ({ client }) => {
      const machine = client();
      await machine.lease();
      expectType(await machine.ask(request, [address(50, "192.168.55.7")]), "nak");
    },
  ],
  [
    "refuses an unknown client's INIT-REBOOT on the wrong network",
    "RFC 2131 §4.3.2",
    async ({ client }) => {
      expectType(await client().ask(request, [address(50, "192.168.55.8")]), "nak");
    },
  ],
  [
    "is silent to an unknown client's INIT-REBOOT on the right network",
    "RFC 2131 §4.3.2 (MUST remain silent)",
    async ({ client }) => {
      expectSilence(await client().hear(request, [address(50, "10.77.0.229")]));
    },
  ],
  [
    "refuses or ignores an INIT-REBOOT with an address that another client leases",
    "RFC 2131 §4.3.2",
    async ({ client }) => {
      const { yiaddr } = await client().lease();
      expectNoLease(await client().hear(request, [address(50, yiaddr)]));
    },
  ],
];

const extending: readonly Case[] = [
  [
    "renews a lease by unicast",
    "RFC 2131 §4.3.2, §4.3.6",
    async ({ client }) => {
      const machine = client();
      const { yiaddr } = await machine.lease();
      const ack = expectType(await machine.ask(request, [everything], renewing(yiaddr)), "ack");
      expect([ack.yiaddr, numeric(ack, 51)]).toEqual([yiaddr, 600]);
      expect([yiaddr, "0.0.0.0"]).toContain(ack.ciaddr);
      expect([ack.sent.destination, ack.sent.port]).toEqual([yiaddr, 68]);
    },
  ],
  [
    "renews a lease for a client that rebinds by broadcast, and answers by unicast",
    "RFC 2131 §4.3.2, §4.1",
    async ({ client }) => {
      const machine = client();
      const { yiaddr } = await machine.lease();
      // The client has its address now and answers ARP for it.
      await machine.ask(request, [], renewing(yiaddr));
      const ack = expectType(await machine.ask(request, [], rebinding(yiaddr)), "ack");
      expect([ack.yiaddr, numeric(ack, 51)]).toEqual([yiaddr, 600]);
      expect(ack.sent.destination).toBe(yiaddr);
    },
  ],
  [
    "answers a renewal by unicast even when the broadcast flag is set",
    "RFC 2131 §4.1 (ciaddr comes before the flag)",
    async ({ client }) => {
      const machine = client();
      const { yiaddr } = await machine.lease();
      const manner = { from: yiaddr, header: { ciaddr: yiaddr, flags: 0x8000 } };
      const ack = expectType(await machine.ask(request, [], manner), "ack");
      expect(ack.sent.destination).toBe(yiaddr);
    },
  ],
  [
    "does not renew an address for a client that another client has it from",
    "RFC 2131 §4.3.2",
    async ({ client }) => {
      const { yiaddr } = await client().lease();
      const thief = client();
      await thief.lease();
      expectNoLease(await thief.hear(request, [], rebinding(yiaddr)));
    },
  ],
  [
    "does not renew what was never leased",
    "RFC 2131 §4.3.2",
    async ({ client }) => {
      expectNoLease(await client().hear(request, [], renewing("10.77.0.228")));
      expectNoLease(await client().hear(request, [], rebinding("10.77.0.227")));
    },
  ],
  [
    "does not renew an address of another network",
    "RFC 2131 §4.3.2",
    async ({ client }) => {
      const machine = client();
      await machine.lease();
      expectNoLease(await machine.hear(request, [], rebinding("192.168.55.9")));
    },
  ],
  [
    "sends the parameters again with a renewal",
    "RFC 2131 §4.3.1",
    async ({ client }) => {
      const machine = client();
      const { yiaddr } = await machine.lease();
      const ack = await machine.ask(request, [everything], renewing(yiaddr));
      expect([addresses(ack, 1), addresses(ack, 3), addresses(ack, 6)]).toEqual([
        ["255.255.255.0"],
        [rack.router],
        rack.dns,
      ]);
    },
  ],
];

const configured: readonly Case[] = [
  [
    "answers an INFORM by unicast, with parameters and without an address or a lease",
    "RFC 2131 §4.3.5",
    async ({ client }) => {
      const own = "10.77.0.30";
      const ack = expectType(await client().ask(inform, [everything], renewing(own)), "ack");
      expect([ack.yiaddr, ack.ciaddr]).toEqual(["0.0.0.0", own]);
      expect([51, 58, 59].filter((code) => ack.options.has(code))).toEqual([]);
      expect([ack.sent.destination, ack.sent.port]).toEqual([own, 68]);
      expect([addresses(ack, 54), addresses(ack, 6)]).toEqual([[serverAddress], rack.dns]);
    },
  ],
  [
    "answers an INFORM that is broadcast",
    "RFC 2131 §4.3.5, §4.4.3",
    async ({ client }) => {
      const own = "10.77.0.31";
      const machine = client();
      // The machine has its address: it answers ARP for it.
      await machine.hear(inform, [], renewing(own));
      const ack = await machine.ask(inform, [asking(1, 6)], rebinding(own));
      expect([numeric(ack, 53), ack.yiaddr, ack.sent.destination]).toEqual([5, "0.0.0.0", own]);
    },
  ],
  [
    "leases nothing on an INFORM from a pool address",
    "RFC 2131 §4.3.5 (not check for an existing lease binding)",
    async ({ client, single }) => {
      const subnet = single();
      const free = poolStart(subnet);
      await client({ behind: subnet }).hear(inform, [], rebinding(free));
      expect((await client({ behind: subnet }).ask(discover)).yiaddr).toBe(free);
    },
  ],
];

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

export const stateCases: readonly Case[] = [
  ...reboot,
  ...extending,
  ...configured,
  ...declining,
  ...releasing,
  ...notForServers,
];
