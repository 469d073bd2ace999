// A client that has or had an address: INIT-REBOOT, RENEWING, REBINDING and INFORM.

import { expect } from "vitest";
import {
  asking,
  type Case,
  everything,
  expectNoLease,
  expectSilence,
  expectType,
  rebinding,
  renewing,
} from "./bench.ts";
import { address, types } from "./client.ts";
import { addresses, numeric } from "./message.ts";
import { poolStart, rack, serverAddress } from "./site.ts";

const { discover, request, inform } = types;

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
      const ack = await machine.ask(request, [asking(1, 3, 6)], renewing(yiaddr));
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

export const stateCases: readonly Case[] = [...reboot, ...extending, ...configured];
