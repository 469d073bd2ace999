// Clients that take more than their share.

import { expect } from "vitest";
import { type Case, expectSilence, expectType } from "./bench.ts";
import { address, type Client, types } from "./client.ts";
import { crowd, inPool, poolStart, reservationOf, serverAddress } from "./site.ts";

const { discover, request, decline } = types;

const many = (count: number, make: () => Client) => Array.from({ length: count }, make);

export const abuseCases: readonly Case[] = [
  [
    "serves a reserved machine while 200 strangers ask at once",
    "RFC 2131 §4.3.1; a pool of 50 addresses",
    async ({ client }) => {
      const strangers = many(200, () => client({ behind: crowd })).map((one) => one.hear(discover));
      const { mac, address: own } = reservationOf(crowd);
      expect((await client({ mac, behind: crowd }).lease()).yiaddr).toBe(own);
      const offered = (await Promise.all(strangers)).flatMap((offer) => offer?.yiaddr ?? []);
      expect(offered.every((one) => inPool(crowd, one))).toBe(true);
    },
  ],
  [
    "offers no address twice when more clients ask at once than there are addresses",
    "RFC 2131 §4.3.1, §3.1",
    async ({ client, double }) => {
      const behind = double();
      const asked = many(20, () => client({ behind })).map((one) => one.hear(discover));
      const offered = (await Promise.all(asked)).flatMap((offer) => offer?.yiaddr ?? []);
      expect(offered.sort()).toEqual([poolStart(behind), poolStart(behind).replace(/100$/, "101")]);
    },
  ],
  [
    "is silent to a stranger when the pool is used up, and still serves the reserved machine",
    "RFC 2131 §4.3.1",
    async ({ client, double }) => {
      const behind = double();
      const { mac, address: own } = reservationOf(behind);
      await client({ behind }).lease();
      await client({ behind }).lease();
      expectSilence(await client({ behind }).hear(discover));
      expect((await client({ mac, behind }).lease()).yiaddr).toBe(own);
    },
  ],
  [
    "renews a lease of a pool that is used up",
    "RFC 2131 §4.3.2",
    async ({ client, single }) => {
      const behind = single();
      const owner = client({ behind });
      const { yiaddr } = await owner.lease();
      expectSilence(await client({ behind }).hear(discover));
      const ack = await owner.ask(request, [], { header: { ciaddr: yiaddr } });
      expect(expectType(ack, "ack").yiaddr).toBe(yiaddr);
    },
  ],
  [
    "loses no address to a flood of DECLINEs from machines that have none",
    "RFC 2131 §4.3.3",
    async ({ client, double }) => {
      const behind = double();
      const [first, second] = [poolStart(behind), poolStart(behind).replace(/100$/, "101")];
      for (const one of many(40, () => client({ behind })))
        for (const wanted of [first, second])
          one.tell(decline, [address(54, serverAddress), address(50, wanted)]);
      const leased = [await client({ behind }).lease(), await client({ behind }).lease()];
      expect(leased.map(({ yiaddr }) => yiaddr).sort()).toEqual([first, second]);
    },
  ],
  [
    "loses no address to REQUESTs in no valid state",
    "RFC 2131 §4.3.2",
    async ({ client, double }) => {
      const behind = double();
      const { yiaddr } = await client({ behind }).lease();
      await Promise.all(many(20, () => client({ behind })).map((one) => one.hear(request)));
      const other = await client({ behind }).lease();
      expect([inPool(behind, other.yiaddr), other.yiaddr === yiaddr]).toEqual([true, false]);
    },
  ],
  [
    "keeps a reserved machine's address through a stranger's DECLINE and RELEASE of it",
    "RFC 2131 §4.3.3, §4.3.4",
    async ({ client, single }) => {
      const behind = single();
      const { mac, address: own } = reservationOf(behind);
      const machine = client({ mac, behind });
      await machine.lease();
      const thief = client({ behind });
      thief.tell(decline, [address(54, serverAddress), address(50, own)]);
      const manner = { from: own, header: { ciaddr: own } };
      thief.tell(types.release, [address(54, serverAddress)], manner);
      const ack = await machine.ask(request, [], { header: { ciaddr: own } });
      expect(expectType(ack, "ack").yiaddr).toBe(own);
      expect((await machine.ask(discover)).yiaddr).toBe(own);
    },
  ],
];
