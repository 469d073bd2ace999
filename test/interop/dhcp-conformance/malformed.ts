// Messages no client should send. Whatever is answered to them, the next good DISCOVER must be served.

import { expect } from "vitest";
import { ascii, type Bench, bytes, type Case, everything, expectType } from "./bench.ts";
import { type Client, types } from "./client.ts";
import { pxe } from "./firmware.ts";
import type { OptionPair } from "./message.ts";

const { discover } = types;
const valid: readonly OptionPair[] = [bytes(53, discover), ...pxe(7), ascii(12, "machine")];
const optionsAt = 240;

let xids = 0x7a000000;

/** Sends spoilt bytes a few at a time, and then a good DISCOVER from another machine. */
async function survives({ client }: Bench, spoil: (machine: Client) => readonly Buffer[]) {
  const machine = client();
  const payloads = spoil(machine);
  for (let at = 0; at < payloads.length; at += 64)
    await Promise.all(payloads.slice(at, at + 64).map((payload) => machine.exchange(payload)));
  expectType(await client().ask(discover), "offer");
}

const whole = (machine: Client) => {
  xids += 1;
  return machine.encode(valid, { xid: xids });
};

/** The valid message with bytes replaced from `at` on. */
function overwritten(machine: Client, at: number, ...values: number[]): Buffer {
  const bytesOf = whole(machine);
  bytesOf.set(values, at);
  return bytesOf;
}

const spoilt: readonly (readonly [string, (machine: Client) => readonly Buffer[]])[] = [
  [
    "a DISCOVER cut off at every length",
    (machine) => {
      const { length } = whole(machine);
      return Array.from({ length: length - 8 }, (_, cut) => whole(machine).subarray(0, 8 + cut));
    },
  ],
  [
    "datagrams shorter than a header",
    () => [Buffer.alloc(8), Buffer.from([1, 1, 6, 0, 1, 2, 3, 4, 5])],
  ],
  [
    "options that claim more bytes than there are",
    (machine) =>
      [1, 12, 43, 50, 53, 55, 60, 61, 77, 82, 93, 97].map((code) => {
        const end = whole(machine);
        const kept = end.subarray(0, end.lastIndexOf(255));
        return Buffer.concat([kept, Buffer.from([code, 250, 1, 2, 3])]);
      }),
  ],
  [
    "a last option without its length",
    (machine) => {
      const end = whole(machine);
      return [Buffer.concat([end.subarray(0, end.lastIndexOf(255)), Buffer.from([61])])];
    },
  ],
  [
    "wrong magic cookies",
    (machine) => [
      overwritten(machine, 236, 0, 0, 0, 0),
      overwritten(machine, 236, 99, 130, 83, 98),
    ],
  ],
  [
    "garbage instead of options",
    (machine) =>
      Array.from({ length: 32 }, (_, seed) =>
        overwritten(
          machine,
          optionsAt,
          ...Array.from({ length: 60 }, (__, index) => (index * (seed * 2 + 37) + seed) % 256),
        ),
      ),
  ],
  [
    "nested and looping vendor options",
    (machine) => [
      machine.encode([bytes(53, 1), bytes(43, 43, 255, 43, 255)], { xid: ++xids }),
      machine.encode([bytes(53, 1), bytes(82, 82, 82, 82)], { xid: ++xids }),
    ],
  ],
  [
    "an overload option in fields that overload again",
    (machine) => {
      const file = Buffer.from([52, 1, 3, 53, 1, 1, 255]);
      return [0, 1, 2, 3, 4, 255].map((value) =>
        machine.encode([bytes(52, value), bytes(53, 1)], { xid: ++xids, file, sname: file }),
      );
    },
  ],
  ["a datagram of 8 kB", (machine) => [Buffer.concat([whole(machine), Buffer.alloc(7700, 0xaa)])]],
  [
    "a datagram full of options",
    (machine) => [
      machine.encode(
        [bytes(53, 1), ...Array.from({ length: 30 }, () => ascii(12, "x".repeat(240)))],
        { xid: ++xids },
      ),
    ],
  ],
];

const survivals: readonly Case[] = spoilt.map(
  ([what, spoil]): Case => [
    `survives ${what}`,
    "RFC 2131 §2, RFC 2132 §2",
    async (bench) => {
      await survives(bench, spoil);
    },
  ],
);

const headers = (
  [
    ["a hardware type that is not Ethernet", { htype: 6 }],
    ["hardware type 0", { htype: 0 }],
    ["a hardware address of no bytes", { hlen: 0 }],
    ["a hardware address of 17 bytes", { hlen: 17 }],
    ["a hardware address of 255 bytes", { hlen: 255 }],
  ] as const
).map(
  ([what, header]): Case => [
    `survives ${what}, and sends back no length beyond chaddr's 16 bytes`,
    "RFC 2131 §2",
    async (bench) => {
      const machine = bench.client();
      const replies = await machine.exchange(
        machine.encode([bytes(53, 1)], { xid: ++xids, ...header }),
      );
      for (const { hlen } of replies) expect(hlen).toBeLessThanOrEqual(16);
      expectType(await bench.client().ask(discover), "offer");
    },
  ],
);

const tolerated: readonly Case[] = [
  [
    "is silent to an option 53 of no byte",
    "RFC 2132 §9.6",
    async ({ client }) => {
      const machine = client();
      expect(await machine.exchange(machine.encode([bytes(53)], { xid: ++xids }))).toEqual([]);
    },
  ],
  [
    "serves a DISCOVER without an END",
    "RFC 2131 §4.1; old firmware leaves it out",
    async ({ client }) => {
      const machine = client();
      const bytesOf = machine.encode([bytes(53, 1), everything], { xid: ++xids });
      const [offer] = await machine.exchange(bytesOf.subarray(0, bytesOf.lastIndexOf(255)));
      expectType(offer, "offer");
    },
  ],
  [
    "serves a DISCOVER of fewer than 300 bytes",
    "RFC 1542 §2.1; RFC 2131 §2 sets no least size",
    async ({ client }) => {
      const machine = client();
      const bytesOf = machine.encode([bytes(53, 1)], { xid: ++xids });
      const [offer] = await machine.exchange(bytesOf.subarray(0, bytesOf.lastIndexOf(255) + 1));
      expectType(offer, "offer");
    },
  ],
  [
    "serves a DISCOVER with pads between its options",
    "RFC 2132 §3.1",
    async ({ client }) => {
      const machine = client();
      const head = machine.encode([], { xid: ++xids }).subarray(0, optionsAt);
      const options = Buffer.from([0, 0, 53, 1, 1, 0, 55, 2, 0, 1, 0, 0, 0, 61, 2, 0, 9, 255]);
      const [offer] = await machine.exchange(Buffer.concat([head, options, Buffer.alloc(80)]));
      expect(offer?.options.get(61)?.toString("hex")).toBe("0009");
    },
  ],
  [
    "reads no options behind the END",
    "RFC 2132 §3.2",
    async ({ client }) => {
      const machine = client();
      const head = machine.encode([], { xid: ++xids }).subarray(0, optionsAt);
      const options = Buffer.from([53, 1, 1, 255, 61, 2, 0, 9, 255]);
      const [offer] = await machine.exchange(Buffer.concat([head, options, Buffer.alloc(80)]));
      expect(expectType(offer, "offer").options.has(61)).toBe(false);
    },
  ],
  [
    "serves a client with an empty parameter list",
    "RFC 2132 §9.8",
    async ({ client }) => {
      expectType(await client().ask(discover, [bytes(55)]), "offer");
    },
  ],
  [
    "serves a client with control characters in its host name and class",
    "RFC 2132 §3.14, §9.13",
    async ({ client }) => {
      const spoilt = "a\0b\r\n\x1b[2J\"'`$(reboot);\xff";
      const options = [ascii(12, spoilt), ascii(60, spoilt), ascii(77, spoilt), bytes(12)];
      const machine = client();
      const offer = await machine.ask(discover, options);
      expectType(await machine.take(offer, options), "ack");
    },
  ],
];

export const malformedCases: readonly Case[] = [...survivals, ...headers, ...tolerated];
