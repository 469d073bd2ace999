// Which REQUEST takes an offer, and for how long.

import { expect } from "vitest";
import { bytes, type Case, everything, expectNoLease, expectSilence, expectType } from "./bench.ts";
import { address, identity, types } from "./client.ts";
import { number32, numeric } from "./message.ts";
import { node, poolStart, serverAddress } from "./site.ts";

const { discover, request } = types;

const selecting: readonly Case[] = [
  [
    "is silent to a REQUEST that names another server",
    "RFC 2131 §3.1, §4.3.2",
    async ({ client }) => {
      const machine = client();
      const { yiaddr } = await machine.ask(discover);
      const named = [address(54, "10.77.0.9"), address(50, yiaddr)];
      expectSilence(await machine.hear(request, named));
    },
  ],
  [
    "frees an offered address at once when its client takes another server's offer",
    "RFC 2131 §3.1 (4), §4.3.2",
    async ({ client, single }) => {
      const subnet = single();
      const first = client({ behind: subnet });
      await first.ask(discover);
      const other = [address(54, "10.77.0.9"), address(50, "10.88.0.9")];
      expectSilence(await first.hear(request, other));
      const { yiaddr } = await client({ behind: subnet }).ask(discover);
      expect(yiaddr).toBe(poolStart(subnet));
    },
  ],
  [
    "does not let another machine's REQUEST to another server free an offer",
    "RFC 2131 §4.3.2",
    async ({ client, single }) => {
      const subnet = single();
      const first = client({ behind: subnet });
      const offer = await first.ask(discover);
      const other = [address(54, "10.77.0.9"), address(50, offer.yiaddr)];
      expectSilence(await client({ behind: subnet }).hear(request, other));
      expectType(await first.take(offer), "ack");
    },
  ],
  [
    "keeps a lease when its client's REQUEST names another server",
    "RFC 2131 §4.3.2",
    async ({ client }) => {
      const machine = client();
      const { yiaddr } = await machine.lease();
      expectSilence(await machine.hear(request, [address(54, "10.77.0.9"), address(50, yiaddr)]));
      expect((await client().ask(discover, [address(50, yiaddr)])).yiaddr).not.toBe(yiaddr);
    },
  ],
  [
    "does not acknowledge another address than the offered one when that is leased",
    "RFC 2131 §4.3.2",
    async ({ client }) => {
      const { yiaddr: taken } = await client().lease();
      const machine = client();
      await machine.ask(discover);
      expectNoLease(await machine.hear(request, [address(54, serverAddress), address(50, taken)]));
    },
  ],
  [
    "does not acknowledge a REQUEST for another machine's reserved address",
    "RFC 2131 §4.3.2",
    async ({ client }) => {
      const machine = client();
      await machine.ask(discover);
      const named = [address(54, serverAddress), address(50, node(1).address)];
      expectNoLease(await machine.hear(request, named));
    },
  ],
  [
    "takes the offer out of the OFFER's own option 54",
    "RFC 2131 §4.3.2",
    async ({ client }) => {
      const machine = client();
      const offer = await machine.ask(discover);
      const [server, wanted] = identity(offer);
      if (server === undefined || wanted === undefined) throw new Error("no offer");
      // The order of the options is the client's affair.
      expectType(await machine.ask(request, [wanted, server]), "ack");
    },
  ],
];

const strangers: readonly Case[] = (
  [
    ["without option 50 and ciaddr", [], {}],
    ["with option 54 but without option 50", [address(54, serverAddress)], {}],
    ["with ciaddr and option 50 both", [address(50, "10.77.0.233")], { ciaddr: "10.77.0.233" }],
    [
      "with ciaddr, option 50 and option 54",
      [address(54, serverAddress), address(50, "10.77.0.232")],
      { ciaddr: "10.77.0.232" },
    ],
    [
      "for a free address that was never offered",
      [address(54, serverAddress), address(50, "10.77.0.234")],
      {},
    ],
    ["for option 50 of 0.0.0.0", [address(54, serverAddress), address(50, "0.0.0.0")], {}],
  ] as const
).map(
  ([what, options, header]): Case => [
    `leases nothing to a stranger's REQUEST ${what}`,
    "RFC 2131 §4.3.2",
    async ({ client }) => {
      expectNoLease(await client().hear(request, options, { header }));
    },
  ],
);

const leaseTimes: readonly Case[] = (
  [
    ["the site's time when none is asked for", undefined, [600]],
    ["the time asked for", 1800, [1800]],
    ["the minimum when less is asked for", 5, [60]],
    ["the maximum when more is asked for", 86_400, [7200]],
    ["the maximum when infinity is asked for", 0xffffffff, [7200]],
    ["a time of its own choice when zero is asked for", 0, [60, 600]],
  ] as const
).map(
  ([what, asked, granted]): Case => [
    `grants ${what}, in OFFER and ACK`,
    "RFC 2131 §4.3.1, RFC 2132 §9.2",
    async ({ client }) => {
      const machine = client();
      const options = asked === undefined ? [] : [[51, number32(asked)] as const];
      const offer = await machine.ask(discover, options);
      for (const reply of [offer, await machine.take(offer, options)])
        expect(granted).toContain(numeric(reply, 51));
    },
  ],
);

const times: readonly Case[] = [
  [
    "sets T1 before T2 before the end of the lease",
    "RFC 2131 §4.4.5, RFC 2132 §9.11, §9.12",
    async ({ client }) => {
      const machine = client();
      const ack = await machine.lease([everything]);
      const [t1 = 300, t2 = 525, lease = 0] = [58, 59, 51].map((code) => numeric(ack, code));
      expect([t1 < t2, t2 < lease]).toEqual([true, true]);
    },
  ],
  [
    "survives an option 51 of the wrong length",
    "RFC 2132 §9.2",
    async ({ client }) => {
      for (const data of [[], [1], [0, 0, 9, 9, 9]])
        expectType(await client().ask(discover, [bytes(51, ...data)]), "offer");
    },
  ],
];

export const selectingCases: readonly Case[] = [
  ...selecting,
  ...strangers,
  ...leaseTimes,
  ...times,
];
