// Subnets where another server gives the addresses (proxyDHCP, PXE 2.1 §2.2), and subnets that are not served.

import { expect } from "vitest";
import { ascii, asking, type Bench, bytes, type Case, expectSilence, expectType } from "./bench.ts";
import { address, type Manner, types } from "./client.ts";
import { bareClass, guid, httpBoot, pxe } from "./firmware.ts";
import { addresses, fieldText, type OptionPair, text } from "./message.ts";
import type { Reply } from "./network.ts";
import { offLink, proxyAddress, proxyLink, site } from "./site.ts";

const { discover, request, inform } = types;
const own = "10.78.0.77";
/** From a machine that has an address of the other server's, to the boot server's port. */
const toBootServer: Manner = { from: own, port: 4011, sourcePort: 4011, header: { ciaddr: own } };

const bootFile = (reply: Reply) => text(reply, 67)?.replace(/\0$/, "") ?? fieldText(reply.file);

const machine = ({ client }: Bench, link = proxyLink) => client({ link });

/** Nothing that a client could take for an address. */
function expectNoAddress(reply: Reply): void {
  expect(reply.yiaddr).toBe("0.0.0.0");
  expect([1, 3, 6, 51, 58, 59].filter((code) => reply.options.has(code))).toEqual([]);
}

const offers: readonly Case[] = [
  [
    "offers a PXE client boot parameters and no address",
    "PXE 2.1 §2.2.1, §2.2.3",
    async (bench) => {
      const offer = expectType(await machine(bench).ask(discover, pxe(0)), "offer");
      expectNoAddress(offer);
      expect([text(offer, 60), addresses(offer, 54)]).toEqual(["PXEClient", [proxyAddress]]);
    },
  ],
  ...(
    [
      [0, "undionly.kpxe"],
      [7, "ipxe.efi"],
      [9, "ipxe.efi"],
    ] as const
  ).map(
    ([arch, file]): Case => [
      `offers a firmware of architecture ${arch} ${file} and where it lies`,
      "PXE 2.1 §2.2.3, RFC 4578 §2.1",
      async (bench) => {
        const offer = expectType(await machine(bench).ask(discover, pxe(arch)), "offer");
        expect([bootFile(offer), offer.siaddr]).toEqual([file, proxyAddress]);
      },
    ],
  ),
  [
    "offers iPXE the script",
    "RFC 3004 §4",
    async (bench) => {
      const options = [...pxe(7), bareClass("iPXE")];
      const offer = expectType(await machine(bench).ask(discover, options), "offer");
      // The host may be the server's address on either network.
      const path = new URL(site.scriptUrl).pathname;
      expect(bootFile(offer)).toMatch(/^http:\/\//);
      expect(new URL(bootFile(offer)).pathname).toBe(path);
      expectNoAddress(offer);
    },
  ],
  [
    "offers an HTTP boot firmware a URL and the class HTTPClient",
    "UEFI 2.10 §24.7.3.1 (proxyDHCP)",
    async (bench) => {
      const offer = expectType(await machine(bench).ask(discover, httpBoot(16)), "offer");
      expect([text(offer, 60), bootFile(offer)]).toEqual([
        "HTTPClient",
        expect.stringMatching(/^http:\/\//),
      ]);
      expectNoAddress(offer);
    },
  ],
  [
    "echoes the machine GUID in a proxy offer",
    "RFC 4578 §2.3, PXE 2.1 §2.2.3",
    async (bench) => {
      const offer = await machine(bench).ask(discover, pxe(7));
      expect([...(offer.options.get(97) ?? [])]).toEqual(guid);
    },
  ],
  [
    "echoes the client identifier in a proxy offer",
    "RFC 6842 §3",
    async (bench) => {
      const offer = await machine(bench).ask(discover, [...pxe(7), bytes(61, 0, 5, 6, 7)]);
      expect(offer.options.get(61)?.toString("hex")).toBe("00050607");
    },
  ],
  [
    "copies the transaction, the flags and the hardware address into a proxy offer",
    "RFC 2131 §4.3.1 table 3",
    async (bench) => {
      const one = machine(bench);
      const header = { xid: 0x70726f78, flags: 0x8000 };
      const offer = await one.ask(discover, pxe(7), { header });
      expect([offer.xid, offer.flags, offer.sent.destination, offer.op]).toEqual([
        0x70726f78,
        0x8000,
        "255.255.255.255",
        2,
      ]);
      expect(offer.chaddr.subarray(0, 6).equals(one.chaddr)).toBe(true);
      expect(offer.sizeBytes).toBeGreaterThanOrEqual(300);
    },
  ],
];

const silences: readonly Case[] = (
  [
    ["a DISCOVER of no boot client", discover, [asking(1, 3, 6)]],
    ["a DISCOVER of another vendor class", discover, [ascii(60, "MSFT 5.0"), asking(1, 3, 6)]],
    ["a firmware without a loader (11)", discover, pxe(11)],
    [
      "a REQUEST for another server's address",
      request,
      [...pxe(7), address(54, "10.78.0.254"), address(50, "10.78.0.99")],
    ],
    ["an INIT-REBOOT of a PXE client", request, [...pxe(7), address(50, "10.78.0.98")]],
    ["an INIT-REBOOT with an address of another network", request, [address(50, "192.168.9.9")]],
    ["an INFORM of no boot client", inform, [asking(1, 3, 6)]],
  ] as const
).map(
  ([what, type, options]): Case => [
    `is silent in a proxy subnet to ${what}`,
    "PXE 2.1 §2.2.1; the other server's business",
    async (bench) => {
      expectSilence(await machine(bench).hear(type, options as readonly OptionPair[]));
    },
  ],
);

const bootServer: readonly Case[] = [
  [
    "answers a REQUEST on port 4011 from port 4011 to the client's own port",
    "PXE 2.1 §2.2.1 step 5 and 6",
    async (bench) => {
      const ack = expectType(await machine(bench).ask(request, pxe(7), toBootServer), "ack");
      const { sourcePort, destination, port } = ack.sent;
      expect([sourcePort, destination, port]).toEqual([4011, own, 4011]);
      expect([bootFile(ack), text(ack, 60), ack.yiaddr]).toEqual([
        "ipxe.efi",
        "PXEClient",
        "0.0.0.0",
      ]);
    },
  ],
  [
    "answers a REQUEST on port 4011 that came from port 68 at port 68",
    "PXE 2.1 §2.2.1 (UNDI firmware asks from 68)",
    async (bench) => {
      const manner = { ...toBootServer, sourcePort: 68 };
      const ack = expectType(await machine(bench).ask(request, pxe(0), manner), "ack");
      expect([ack.sent.sourcePort, ack.sent.port, bootFile(ack)]).toEqual([
        4011,
        68,
        "undionly.kpxe",
      ]);
    },
  ],
  [
    "answers an INFORM on port 4011",
    "PXE 2.1 §2.2.1",
    async (bench) => {
      const ack = expectType(await machine(bench).ask(inform, pxe(7), toBootServer), "ack");
      expect([ack.sent.sourcePort, bootFile(ack)]).toEqual([4011, "ipxe.efi"]);
      expect(ack.options.has(51)).toBe(false);
    },
  ],
  [
    "answers on port 4011 without a lease time, and echoes the machine GUID",
    "PXE 2.1 §2.2.3, RFC 4578 §2.3",
    async (bench) => {
      const ack = await machine(bench).ask(request, pxe(9), toBootServer);
      expect([51, 58, 59].filter((code) => ack.options.has(code))).toEqual([]);
      expect([...(ack.options.get(97) ?? [])]).toEqual(guid);
      expect(addresses(ack, 54)).toEqual([proxyAddress]);
    },
  ],
  [
    "is silent on port 4011 to a firmware without a loader and to no boot client",
    "PXE 2.1 §2.2.1",
    async (bench) => {
      for (const options of [pxe(11), [asking(1, 3)]])
        expectSilence(await machine(bench).hear(request, options, toBootServer));
    },
  ],
];

const off: readonly Case[] = [
  [
    "is silent in a subnet that is switched off",
    "the site's mode",
    async (bench) => {
      const from = "10.79.0.9";
      for (const options of [[], pxe(7)]) {
        const one = machine(bench, offLink);
        expectSilence(await one.hear(discover, options));
        expectSilence(await one.hear(request, [...options, address(50, "192.168.9.9")]));
        expectSilence(await one.hear(inform, options, { from, header: { ciaddr: from } }));
      }
    },
  ],
  [
    "is silent on port 4011 in a subnet that is switched off",
    "the site's mode",
    async (bench) => {
      const from = "10.79.0.10";
      const manner = { from, port: 4011, header: { ciaddr: from } };
      expectSilence(await machine(bench, offLink).hear(request, pxe(7), manner));
    },
  ],
];

export const proxyCases: readonly Case[] = [...offers, ...silences, ...bootServer, ...off];
