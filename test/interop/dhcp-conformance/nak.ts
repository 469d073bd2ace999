// The NAK: where it goes and what it must not hold (RFC 2131 §4.3.1 table 3, §4.3.2).

import { expect } from "vitest";
import { ascii, asking, type Bench, bytes, type Case, everything, expectType } from "./bench.ts";
import { address, type Manner, types } from "./client.ts";
import { addresses, fieldText, numbers16, type OptionPair } from "./message.ts";
import { relayOf, remote, serverAddress } from "./site.ts";

const elsewhere = address(50, "192.168.55.77");
const agent: OptionPair = [82, Buffer.from([1, 4, 0, 1, 2, 3])];

/** The NAK that a client with a lease gets when it asks for an address of another network. */
async function refused(
  { client }: Bench,
  options: readonly OptionPair[] = [],
  manner: Manner = {},
  relayed = false,
) {
  const machine = client(relayed ? { behind: remote } : {});
  await machine.lease(options);
  return expectType(await machine.ask(types.request, [elsewhere, ...options], manner), "nak");
}

export const nakCases: readonly Case[] = [
  [
    "sends a NAK with no address in its fixed fields",
    "RFC 2131 §4.3.1 table 3",
    async (bench) => {
      const nak = await refused(bench, [everything], { header: { xid: 0x4e414b01 } });
      expect(nak).toMatchObject({
        op: 2,
        xid: 0x4e414b01,
        ciaddr: "0.0.0.0",
        yiaddr: "0.0.0.0",
        siaddr: "0.0.0.0",
        giaddr: "0.0.0.0",
      });
    },
  ],
  [
    "sends a NAK with nothing but options 53, 54, 56, 61 and 82 whatever was asked for",
    "RFC 2131 §4.3.1 table 3",
    async (bench) => {
      const nak = await refused(bench, [everything, ascii(60, "PXEClient:Arch:00007:UNDI:003001")]);
      const besides = [...nak.options.keys()].filter(
        (code) => ![53, 54, 56, 60, 61, 82, 97].includes(code),
      );
      expect(besides).toEqual([]);
    },
  ],
  [
    "sends a NAK without a lease time, T1 and T2",
    "RFC 2131 §4.3.1 table 3",
    async (bench) => {
      const nak = await refused(bench, [asking(51, 58, 59)]);
      expect([51, 58, 59].filter((code) => nak.options.has(code))).toEqual([]);
    },
  ],
  [
    "names itself in a NAK",
    "RFC 2131 §4.3.1 table 3 (server identifier: MUST)",
    async (bench) => {
      expect(addresses(await refused(bench), 54)).toEqual([serverAddress]);
    },
  ],
  [
    "broadcasts a NAK even to a client that did not set the flag",
    "RFC 2131 §4.1, §4.3.2",
    async (bench) => {
      const { sent } = await refused(bench);
      expect([sent.destination, sent.port]).toEqual(["255.255.255.255", 68]);
    },
  ],
  [
    "broadcasts a NAK to a client that claims an address of its own",
    "RFC 2131 §4.1 (in all cases, when giaddr is zero)",
    async ({ client }) => {
      const { yiaddr } = await client().lease();
      const machine = client();
      await machine.lease();
      // An address of another client's: a NAK or silence. A NAK must be broadcast.
      const reply = await machine.hear(types.request, [], { header: { ciaddr: yiaddr } });
      if (reply === undefined) return;
      expect(expectType(reply, "nak").sent.destination).toBe("255.255.255.255");
    },
  ],
  [
    "sends a relayed client's NAK to the relay, with the broadcast flag set",
    "RFC 2131 §4.3.2",
    async (bench) => {
      const nak = await refused(bench, [], {}, true);
      expect([nak.giaddr, nak.flags & 0x8000, nak.sent.destination, nak.sent.port]).toEqual([
        relayOf(remote),
        0x8000,
        relayOf(remote),
        67,
      ]);
    },
  ],
  [
    "echoes the client identifier in a NAK",
    "RFC 6842 §3",
    async (bench) => {
      const id = [0, 1, 2, 3, 4, 5, 6, 7, 8];
      const nak = await refused(bench, [bytes(61, ...id)]);
      expect([...(nak.options.get(61) ?? [])]).toEqual(id);
    },
  ],
  [
    "puts no client identifier into a NAK when none was sent",
    "RFC 6842 §3",
    async (bench) => {
      expect((await refused(bench)).options.has(61)).toBe(false);
    },
  ],
  [
    "echoes the relay's option 82 in a NAK, as the last option",
    "RFC 3046 §2.2",
    async (bench) => {
      const nak = await refused(bench, [agent], {}, true);
      expect(nak.options.get(82)?.toString("hex")).toBe("010400010203");
      expect(nak.instances.at(-1)?.code).toBe(82);
    },
  ],
  [
    "sends a NAK without a boot file or server name",
    "RFC 2131 §4.3.1 table 3 (sname, file: unused)",
    async (bench) => {
      const nak = await refused(bench, [
        ascii(60, "PXEClient:Arch:00007:UNDI:003001"),
        [93, numbers16(7)],
        asking(66, 67),
      ]);
      expect([fieldText(nak.file), fieldText(nak.sname)]).toEqual(["", ""]);
      expect(nak.options.has(66) || nak.options.has(67)).toBe(false);
    },
  ],
  [
    "lets a client start anew right after a NAK",
    "RFC 2131 §3.2 (4)",
    async ({ client }) => {
      const machine = client();
      await machine.lease();
      expectType(await machine.ask(types.request, [elsewhere]), "nak");
      expect((await machine.lease()).yiaddr).toMatch(/^10\.77\.0\./);
    },
  ],
];
