// How long a reply may be, how it is fitted, and what is read out of file and sname.

import { expect } from "vitest";
import { asking, type Bench, bytes, type Case, everything, expectType } from "./bench.ts";
import { address, type Manner, types } from "./client.ts";
import { addresses, encodeOptions, numbers16, type OptionPair, text } from "./message.ts";
import { long, type Subnet, wide } from "./site.ts";

const { discover } = types;

async function offered({ client }: Bench, options: readonly OptionPair[], behind?: Subnet) {
  const machine = client(behind === undefined ? {} : { behind });
  return expectType(await machine.ask(discover, options), "offer");
}

const sizes: readonly Case[] = [
  ...(
    [
      ["that names no size", []],
      ["that names 576", [[57, numbers16(576)]]],
      ["that names less than the minimum", [[57, numbers16(100)]]],
      ["that names a size in one byte", [bytes(57, 3)]],
    ] as const
  ).map(
    ([what, size]): Case => [
      `keeps a datagram within 576 bytes for a client ${what}`,
      "RFC 2131 §2, RFC 2132 §9.10",
      async (bench) => {
        const offer = await offered(bench, [...size, everything], wide);
        expect(offer.sizeBytes + 28).toBeLessThanOrEqual(576);
        expect([addresses(offer, 1), offer.ended]).toEqual([["255.255.255.0"], true]);
        expect([53, 54, 51].filter((code) => !offer.options.has(code))).toEqual([]);
      },
    ],
  ),
  [
    "uses file and sname when the options do not fit otherwise",
    "RFC 2131 §4.1, RFC 2132 §9.3",
    async (bench) => {
      const offer = await offered(bench, [asking(1, 3, 6, 15, 28, 42)], wide);
      expect(offer.sizeBytes + 28).toBeLessThanOrEqual(576);
      expect(offer.options.get(52)?.length).toBe(1);
      expect([addresses(offer, 6), addresses(offer, 42)]).toEqual([wide.dns, wide.ntp]);
      expect(text(offer, 15)).toBe(wide.domain);
    },
  ],
  [
    "uses no overload when the client takes larger messages",
    "RFC 2132 §9.10",
    async (bench) => {
      const options = [[57, numbers16(1500)] as const, asking(1, 3, 6, 15, 28, 42)];
      const offer = await offered(bench, options, wide);
      expect([offer.options.has(52), addresses(offer, 6), addresses(offer, 42)]).toEqual([
        false,
        wide.dns,
        wide.ntp,
      ]);
    },
  ],
  [
    "splits an option of more than 255 bytes into pieces that follow each other",
    "RFC 3396 §5",
    async (bench) => {
      const offer = await offered(bench, [[57, numbers16(1500)], asking(1, 6)], long);
      expect(addresses(offer, 6)).toEqual(long.dns);
      const pieces = offer.instances.filter(({ code }) => code === 6);
      expect(pieces.length).toBeGreaterThan(1);
    },
  ],
  [
    "never sends a reply above the client's size, however much is asked for",
    "RFC 2132 §9.10",
    async (bench) => {
      for (const size of [576, 700, 1000]) {
        const offer = await offered(bench, [[57, numbers16(size)], asking(1, 3, 6)], long);
        expect(offer.sizeBytes + 28).toBeLessThanOrEqual(size);
      }
    },
  ],
];

/** A DISCOVER with options in its file and sname fields. */
function overloaded(options: { file?: OptionPair[]; sname?: OptionPair[]; value: number }): Manner {
  const field = (pairs: OptionPair[] = []) =>
    Buffer.concat([encodeOptions(pairs), Buffer.from([255])]);
  const { file, sname } = options;
  return { header: { file: field(file), sname: field(sname) } };
}

const overload: readonly Case[] = [
  [
    "reads the message type out of an overloaded file field",
    "RFC 2131 §4.1, RFC 2132 §9.3",
    async ({ client }) => {
      const machine = client();
      const { header } = overloaded({ file: [bytes(53, discover)], value: 1 });
      const payload = machine.encode([bytes(52, 1)], { xid: 0x0f11e001, ...header });
      const [offer] = await machine.exchange(payload);
      expectType(offer, "offer");
    },
  ],
  [
    "reads the client identifier out of an overloaded sname field",
    "RFC 2131 §4.1",
    async ({ client }) => {
      const manner = overloaded({ sname: [bytes(61, 0, 9, 9, 9)], value: 2 });
      const offer = await client().ask(discover, [bytes(52, 2)], manner);
      expect(offer.options.get(61)?.toString("hex")).toBe("00090909");
    },
  ],
  [
    "reads the requested address out of an overloaded sname field",
    "RFC 2131 §4.1",
    async ({ client, double }) => {
      const behind = double();
      const wanted = `${behind.cidr.replace(/\d+\/\d+$/, "")}101`;
      const manner = overloaded({ sname: [address(50, wanted)], value: 2 });
      expect((await client({ behind }).ask(discover, [bytes(52, 2)], manner)).yiaddr).toBe(wanted);
    },
  ],
  [
    "reads options out of both fields, file before sname",
    "RFC 2131 §4.1",
    async ({ client }) => {
      const manner = overloaded({
        file: [bytes(61, 0, 1, 2)],
        sname: [bytes(61, 3, 4)],
        value: 3,
      });
      const offer = await client().ask(discover, [bytes(52, 3)], manner);
      expect(offer.options.get(61)?.toString("hex")).toBe("0001020304");
    },
  ],
  [
    "reads no options out of file and sname without option 52",
    "RFC 2132 §9.3",
    async ({ client }) => {
      const manner = overloaded({
        file: [bytes(61, 7, 7, 7)],
        sname: [bytes(61, 8, 8)],
        value: 0,
      });
      const offer = await client().ask(discover, [], manner);
      expect(offer.options.has(61)).toBe(false);
    },
  ],
];

export const sizeCases: readonly Case[] = [...sizes, ...overload];
