// Boot parameters for firmware and iPXE in an authoritative subnet.

import { expect } from "vitest";
import { ascii, asking, type Bench, bytes, type Case, expectType } from "./bench.ts";
import { type Place, types } from "./client.ts";
import {
  bareClass,
  guid,
  httpBoot,
  listedClasses,
  pxe,
  pxeWithArchBytes,
  pxeWithoutArch,
} from "./firmware.ts";
import { encodeOptions, fieldText, numbers16, type OptionPair, text } from "./message.ts";
import type { Reply } from "./network.ts";
import { inPool, rack, remote, serverAddress, site } from "./site.ts";

const { discover } = types;

async function offered({ client }: Bench, options: readonly OptionPair[], place: Place = {}) {
  return expectType(await client(place).ask(discover, options), "offer");
}

/** The boot file, which stands in `file` and, when asked for, in option 67; both must agree. */
function bootFile(reply: Reply): string {
  const field = reply.options.has(52) ? "" : fieldText(reply.file);
  const option = text(reply, 67)?.replace(/\0$/, "");
  if (field !== "" && option !== undefined) expect(option, "option 67 and file").toBe(field);
  return option ?? field;
}

/** What a firmware is given, in the OFFER and in the ACK. */
const gives = (
  what: string,
  source: string,
  options: readonly OptionPair[],
  expected: string,
  place: Place = {},
): Case => [
  `gives ${what} ${expected === "" ? "an address and no boot file" : expected}`,
  source,
  async ({ client }) => {
    const machine = client(place);
    const offer = expectType(await machine.ask(discover, options), "offer");
    const ack = expectType(await machine.take(offer, options), "ack");
    expect([bootFile(offer), bootFile(ack)]).toEqual([expected, expected]);
  },
];

const iana = "RFC 4578 §2.1, IANA Processor Architecture Types";
const { scriptUrl, fallbackLoader } = site;
const pi = (oui: string, last: string): Place => ({ mac: `${oui}:77:00:${last}` });

const loaders: readonly Case[] = [
  gives("a BIOS (0)", iana, pxe(0), "undionly.kpxe"),
  gives("an x86-64 EFI (7)", iana, pxe(7), "ipxe.efi"),
  gives("an x86-64 EFI that says EFI BC (9)", iana, pxe(9), "ipxe.efi"),
  gives("a firmware that lists 9 and 7", iana, pxe(9, 7), "ipxe.efi"),
  gives("an x86-64 EFI behind a relay", iana, pxe(7), "ipxe.efi", { behind: remote }),
  ...[1, 2, 10, 11, 0x0d, 0x1b, 0x1e, 0x22, 0x27].map((arch) =>
    gives(`a firmware of architecture ${arch}`, iana, pxe(arch), ""),
  ),
  gives("a firmware of the unregistered architecture 600", iana, pxe(600), fallbackLoader),
  gives("a firmware without an architecture", iana, pxeWithoutArch, fallbackLoader),
  gives(
    "a Raspberry Pi (b8:27:eb)",
    "first-generation boot ROMs say arch 0",
    pxe(0),
    "",
    pi("b8:27:eb", "01"),
  ),
  gives(
    "a Raspberry Pi (dc:a6:32)",
    "first-generation boot ROMs say arch 0",
    pxe(0),
    "",
    pi("dc:a6:32", "02"),
  ),
  gives(
    "a Raspberry Pi (e4:5f:01)",
    "first-generation boot ROMs say arch 0",
    pxe(0),
    "",
    pi("e4:5f:01", "03"),
  ),
  [
    "gives a firmware that lists 0 and 7 a loader that it can run",
    iana,
    async (bench) => {
      expect(["undionly.kpxe", "ipxe.efi"]).toContain(bootFile(await offered(bench, pxe(0, 7))));
    },
  ],
  [
    "gives an IA32 EFI (6) no x86-64 loader",
    iana,
    async (bench) => {
      const file = bootFile(await offered(bench, pxe(6)));
      expect(["ipxe.efi", "undionly.kpxe", fallbackLoader]).not.toContain(file);
    },
  ],
  [
    "joins an option 93 that was split over two instances",
    "RFC 3396 §7",
    async (bench) => {
      const others = pxe(7).filter(([code]) => code !== 93);
      const offer = await offered(bench, [...others, bytes(93, 0), bytes(93, 7)]);
      expect(bootFile(offer)).toBe("ipxe.efi");
    },
  ],
  [
    "answers a firmware whose option 93 has an odd length or none",
    "RFC 4578 §2.1 (length is even)",
    async (bench) => {
      for (const values of [[], [7], [0, 7, 0]]) {
        const offer = await offered(bench, pxeWithArchBytes(...values));
        expect(inPool(rack, offer.yiaddr)).toBe(true);
        expect(bootFile(offer)).not.toBe("undionly.kpxe");
      }
    },
  ],
  [
    "reads the architecture out of an overloaded file field",
    "RFC 2131 §4.1",
    async ({ client }) => {
      const others = pxe(7).filter(([code]) => code !== 93);
      const file = Buffer.concat([encodeOptions([[93, numbers16(7)]]), Buffer.from([255])]);
      const machine = client();
      const offer = await machine.ask(discover, [bytes(52, 1), ...others], { header: { file } });
      expect(bootFile(offer)).toBe("ipxe.efi");
    },
  ],
];

const rfc3004 = "RFC 3004 §4";
const chained: readonly Case[] = [
  gives("iPXE (bare user class)", rfc3004, [...pxe(7), bareClass("iPXE")], scriptUrl),
  gives("iPXE (listed user class)", rfc3004, [...pxe(7), listedClasses("iPXE")], scriptUrl),
  gives(
    "iPXE (among other classes)",
    rfc3004,
    [...pxe(0), listedClasses("rack", "iPXE")],
    scriptUrl,
  ),
  gives("iPXE on BIOS", rfc3004, [...pxe(0), bareClass("iPXE")], scriptUrl),
  gives("iPXE on ARM", rfc3004, [...pxe(11), bareClass("iPXE")], scriptUrl),
  gives(
    "iPXE on a Raspberry Pi",
    rfc3004,
    [...pxe(0), bareClass("iPXE")],
    scriptUrl,
    pi("b8:27:eb", "04"),
  ),
  gives(
    "iPXE (option 175 without a class)",
    "iPXE's encapsulated options",
    [...pxe(7), bytes(175, 177, 5, 1, 0x80, 0x86, 0x10, 0x0e)],
    scriptUrl,
  ),
  gives("iPXE without an architecture", rfc3004, [...pxeWithoutArch, bareClass("iPXE")], scriptUrl),
  gives(
    "iPXE (user class in two instances)",
    "RFC 3396 §7",
    [...pxe(7), bareClass("iP"), bareClass("XE")],
    scriptUrl,
  ),
  ...["notiPXE", "iPXEx", "ipxe", "iPX", "PXE"].map((name) =>
    gives(`a client of the class "${name}"`, rfc3004, [...pxe(7), bareClass(name)], "ipxe.efi"),
  ),
  gives(
    'a client of the listed class "notiPXE"',
    rfc3004,
    [...pxe(7), listedClasses("notiPXE")],
    "ipxe.efi",
  ),
  gives("a client with an empty user class", rfc3004, [...pxe(7), bytes(77)], "ipxe.efi"),
  gives(
    "a client whose user class lies about its length",
    rfc3004,
    [...pxe(7), bytes(77, 200, 0x69, 0x50)],
    "ipxe.efi",
  ),
  [
    "reads the user class out of an overloaded sname field",
    "RFC 2131 §4.1",
    async ({ client }) => {
      const sname = Buffer.concat([encodeOptions([bareClass("iPXE")]), Buffer.from([255])]);
      const offer = await client().ask(discover, [bytes(52, 2), ...pxe(7)], { header: { sname } });
      expect(bootFile(offer)).toBe(scriptUrl);
    },
  ],
];

const http: readonly Case[] = [
  [
    "gives a 64-bit HTTP boot firmware (16) a URL and the class HTTPClient",
    "UEFI 2.10 §24.7.3.1",
    async ({ client }) => {
      const machine = client();
      const offer = await machine.ask(discover, httpBoot(16));
      for (const reply of [offer, await machine.take(offer, httpBoot(16))]) {
        expect(bootFile(reply)).toMatch(/^http:\/\/10\.77\.0\.1[:/]\S+$/);
        expect(text(reply, 60)).toBe("HTTPClient");
      }
    },
  ],
  [
    "never gives a 32-bit HTTP boot firmware (15) the 64-bit loader",
    "UEFI 2.10 §24.7.3.1",
    async ({ client }) => {
      const offer = await client().ask(discover, httpBoot(15));
      expect(bootFile(offer)).not.toMatch(/\bipxe\.efi$/);
      expect(offer.yiaddr).toMatch(/^10\.77\.0\./);
    },
  ],
];

const fields: readonly Case[] = [
  [
    "names the boot server in siaddr and, when asked, in option 66",
    "RFC 2131 §2, RFC 2132 §9.4",
    async ({ client }) => {
      const machine = client();
      const offer = await machine.ask(discover, pxe(7));
      for (const reply of [offer, await machine.take(offer, pxe(7))])
        expect([reply.siaddr, text(reply, 66)?.replace(/\0$/, "")]).toEqual([
          serverAddress,
          serverAddress,
        ]);
    },
  ],
  [
    "writes the boot file into file with a NUL, and into option 67 exactly",
    "RFC 2131 §2, RFC 2132 §9.5",
    async (bench) => {
      const offer = await offered(bench, pxe(7));
      expect(offer.file.toString("latin1").replace(/\0*$/, "\0")).toBe("ipxe.efi\0");
      expect(text(offer, 67)).toBe("ipxe.efi");
    },
  ],
  [
    "answers a PXE client's class with PXEClient",
    "PXE 2.1 §2.2.3, RFC 4578 §2.4",
    async ({ client }) => {
      const machine = client();
      const offer = await machine.ask(discover, pxe(7));
      for (const reply of [offer, await machine.take(offer, pxe(7))])
        expect(text(reply, 60)).toBe("PXEClient");
    },
  ],
  [
    "tells a PXE client to take the boot file from this reply (option 43, discovery control 8)",
    "PXE 2.1 §2.2.3 table 2-1",
    async (bench) => {
      const { options } = await offered(bench, pxe(7));
      const data = options.get(43) ?? Buffer.alloc(0);
      const at = data.indexOf(Buffer.from([6, 1]));
      expect(at).toBeGreaterThanOrEqual(0);
      expect(data.readUInt8(at + 2) & 8).toBe(8);
    },
  ],
  [
    "sends neither class nor vendor options to a client that is no PXE client, even when asked",
    "RFC 2132 §9.13, §8.4",
    async (bench) => {
      const offer = await offered(bench, [asking(1, 3, 43, 60, 66, 67)]);
      expect([43, 60].filter((code) => offer.options.has(code))).toEqual([]);
    },
  ],
  [
    "sends no PXE options to a client of another vendor class",
    "RFC 2132 §9.13, §8.4",
    async (bench) => {
      const offer = await offered(bench, [ascii(60, "udhcp 1.36.1"), asking(1, 3, 43, 60)]);
      expect([43, 60].filter((code) => offer.options.has(code))).toEqual([]);
    },
  ],
  [
    "joins a vendor class that was split over two instances",
    "RFC 3396 §7",
    async (bench) => {
      const others = pxe(7).filter(([code]) => code !== 60);
      const split = [ascii(60, "PXECl"), ascii(60, "ient:Arch:00007:UNDI:003016")];
      expect(text(await offered(bench, [...split, ...others]), 60)).toBe("PXEClient");
    },
  ],
  ...(
    [
      ["of 17 bytes", guid],
      ["of a wrong length", [0, 1, 2, 3, 4]],
      ["of an unknown type", [1, ...guid.slice(1)]],
      ["of zeros", Array.from({ length: 17 }, () => 0)],
    ] as const
  ).map(
    ([what, id]): Case => [
      `echoes a machine GUID ${what}`,
      "RFC 4578 §2.3, PXE 2.1 §2.2.3",
      async ({ client }) => {
        const machine = client();
        const options = [...pxe(7).filter(([code]) => code !== 97), bytes(97, ...id)];
        const offer = await machine.ask(discover, options);
        for (const reply of [offer, await machine.take(offer, options)])
          expect([...(reply.options.get(97) ?? [])]).toEqual([...id]);
      },
    ],
  ),
  [
    "sends no machine GUID to a client that sent none",
    "RFC 4578 §2.3",
    async (bench) => {
      const offer = await offered(
        bench,
        pxe(7).filter(([code]) => code !== 97),
      );
      expect(offer.options.has(97)).toBe(false);
    },
  ],
  [
    "keeps a PXE client's OFFER within 576 bytes",
    "RFC 2131 §2",
    async (bench) => {
      const offer = await offered(bench, pxe(7));
      expect(offer.sizeBytes + 28).toBeLessThanOrEqual(576);
    },
  ],
  [
    "answers a PXE client's INFORM with its boot file",
    "PXE 2.1 §2.2, RFC 2131 §4.3.5",
    async ({ client }) => {
      const own = "10.77.0.33";
      const manner = { from: own, header: { ciaddr: own } };
      const ack = expectType(await client().ask(types.inform, pxe(7), manner), "ack");
      expect([bootFile(ack), ack.yiaddr, ack.options.has(51)]).toEqual([
        "ipxe.efi",
        "0.0.0.0",
        false,
      ]);
    },
  ],
];

export const pxeCases: readonly Case[] = [...loaders, ...chained, ...http, ...fields];
