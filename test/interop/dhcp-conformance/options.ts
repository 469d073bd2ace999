// What the options of a reply hold, which of them are sent, and how they are laid out.

import { expect } from "vitest";
import { ascii, asking, type Bench, type Case, everything, expectType } from "./bench.ts";
import { types } from "./client.ts";
import { addresses, addressText, numeric, type OptionPair, text } from "./message.ts";
import { node, rack, remote, type Subnet } from "./site.ts";

const { discover } = types;

async function offered({ client }: Bench, options: readonly OptionPair[], behind?: Subnet) {
  const machine = client(behind === undefined ? {} : { behind });
  return expectType(await machine.ask(discover, options), "offer");
}

/** Reads option 121: destinations with their routers (RFC 3442). */
function routes(data: Buffer): string[] {
  const found: string[] = [];
  for (let at = 0; at < data.length; ) {
    const width = data.readUInt8(at);
    const significant = Math.ceil(width / 8);
    const network = Buffer.alloc(4);
    data.copy(network, 0, at + 1, at + 1 + significant);
    const via = data.subarray(at + 1 + significant, at + 5 + significant);
    found.push(`${addressText(network)}/${width} ${addressText(via)}`);
    at += 5 + significant;
  }
  return found;
}

/** Reads option 119, with RFC 1035 compression or without (RFC 3397 §2). */
function domains(data: Buffer): string[] {
  const found: string[] = [];
  for (let at = 0; at < data.length; ) {
    const labels: string[] = [];
    let reader = at;
    let jumped = false;
    for (let hops = 0; hops < 64; hops += 1) {
      const length = data.readUInt8(reader);
      if (length === 0) break;
      if (length >= 0xc0) {
        if (!jumped) at = reader + 2;
        jumped = true;
        reader = data.readUInt16BE(reader) & 0x3fff;
        continue;
      }
      labels.push(data.toString("latin1", reader + 1, reader + 1 + length));
      reader += 1 + length;
    }
    if (!jumped) at = reader + 1;
    found.push(labels.join("."));
  }
  return found;
}

const contents: readonly Case[] = [
  [
    "sends mask, router, name servers, broadcast address and domain",
    "RFC 2132 §3.3, §3.5, §3.8, §5.3, §3.17",
    async (bench) => {
      const offer = await offered(bench, [asking(1, 3, 6, 15, 28)]);
      expect([1, 3, 6, 28].map((code) => addresses(offer, code))).toEqual([
        ["255.255.255.0"],
        [rack.router],
        rack.dns,
        ["10.77.0.255"],
      ]);
      expect(text(offer, 15)).toBe(rack.domain);
    },
  ],
  [
    "sends time servers and the interface's MTU",
    "RFC 2132 §8.3, §5.1",
    async (bench) => {
      const offer = await offered(bench, [asking(42, 26)]);
      expect([addresses(offer, 42), offer.options.get(26)?.length, numeric(offer, 26)]).toEqual([
        rack.ntp,
        2,
        1400,
      ]);
    },
  ],
  [
    "sends classless routes with only the significant bytes of their destinations",
    "RFC 3442",
    async (bench) => {
      const offer = await offered(bench, [asking(121, 3)]);
      expect(routes(offer.options.get(121) ?? Buffer.alloc(0))).toEqual(
        rack.routes.map(({ to, via }) => `${to} ${via}`),
      );
    },
  ],
  [
    "sends the search list in DNS encoding",
    "RFC 3397 §2",
    async (bench) => {
      const offer = await offered(bench, [asking(119)]);
      expect(domains(offer.options.get(119) ?? Buffer.alloc(0))).toEqual(rack.searchDomains);
    },
  ],
  [
    "tells a reserved machine its host name",
    "RFC 2132 §3.14",
    async (bench) => {
      const { mac, address: reserved, hostName } = node(0);
      const offer = await bench.client({ mac }).ask(discover, [asking(12)]);
      expect([offer.yiaddr, text(offer, 12)]).toEqual([reserved, hostName]);
    },
  ],
  [
    "tells a reserved machine its own host name and not the one it sends",
    "RFC 2132 §3.14",
    async (bench) => {
      const { mac, hostName } = node(0);
      const sent = [asking(12), ascii(12, "localhost")];
      expect(text(await bench.client({ mac }).ask(discover, sent), 12)).toBe(hostName);
    },
  ],
  [
    "sends the same parameters in OFFER and ACK",
    "RFC 2131 §4.3.1 (must not conflict)",
    async ({ client }) => {
      const machine = client();
      const offer = await machine.ask(discover, [everything]);
      const ack = await machine.take(offer, [everything]);
      const shown = ({ options }: typeof ack) =>
        [1, 3, 6, 15, 28, 42, 26, 119, 121].map((code) => options.get(code)?.toString("hex"));
      expect(shown(ack)).toEqual(shown(offer));
    },
  ],
  [
    "gives a relayed client its own subnet's parameters",
    "RFC 2131 §4.3.1",
    async (bench) => {
      const offer = await offered(bench, [asking(1, 3, 15, 28, 42, 26)], remote);
      expect([addresses(offer, 3), addresses(offer, 28), text(offer, 15)]).toEqual([
        [remote.router],
        ["10.77.1.255"],
        remote.domain,
      ]);
      expect(offer.options.has(42) || offer.options.has(26)).toBe(false);
    },
  ],
];

const choice: readonly Case[] = [
  [
    "sends no option that was not asked for",
    "RFC 2131 §4.3.1, RFC 2132 §9.8",
    async (bench) => {
      const offer = await offered(bench, [asking(1)]);
      const unasked = [3, 6, 12, 15, 26, 42, 66, 67, 119, 121, 43, 60, 97];
      expect(unasked.filter((code) => offer.options.has(code))).toEqual([]);
      expect(addresses(offer, 1)).toEqual(["255.255.255.0"]);
    },
  ],
  [
    "sends the options in the order they were asked for",
    "RFC 2132 §9.8 (MUST try)",
    async (bench) => {
      const wanted = [15, 6, 28, 1, 42, 3];
      const offer = await offered(bench, [asking(...wanted)]);
      const order = offer.instances.map(({ code }) => code).filter((code) => wanted.includes(code));
      expect(order).toEqual(wanted);
    },
  ],
  [
    "sends the subnet mask before the router even when they are asked for the other way round",
    "RFC 2132 §3.3 (MUST be first)",
    async (bench) => {
      const offer = await offered(bench, [asking(3, 1)]);
      const order = offer.instances.map(({ code }) => code).filter((code) => [1, 3].includes(code));
      expect(order).toEqual([1, 3]);
    },
  ],
  [
    "sends an option once that is asked for twice",
    "RFC 2132 §9.8",
    async (bench) => {
      const offer = await offered(bench, [asking(6, 1, 6, 6)]);
      expect(offer.instances.filter(({ code }) => code === 6)).toHaveLength(1);
    },
  ],
  [
    "ignores codes that it does not know or that no list should hold",
    "RFC 2132 §9.8",
    async (bench) => {
      const offer = await offered(bench, [asking(200, 224, 82, 61, 1, 53, 6)]);
      expect(addresses(offer, 6)).toEqual(rack.dns);
      expect([200, 224, 82, 61].filter((code) => offer.options.has(code))).toEqual([]);
    },
  ],
  [
    "ignores pad and end in the parameter list",
    "RFC 2132 §9.8, §3.1, §3.2",
    async (bench) => {
      const offer = await offered(bench, [asking(0, 1, 255, 6)]);
      expect([addresses(offer, 1), addresses(offer, 6)]).toEqual([["255.255.255.0"], rack.dns]);
    },
  ],
  [
    "takes a parameter list that was split over two instances as one",
    "RFC 3396 §7",
    async (bench) => {
      const offer = await offered(bench, [asking(1, 3), asking(6, 15)]);
      expect([1, 3, 6, 15].filter((code) => !offer.options.has(code))).toEqual([]);
    },
  ],
  [
    "gives the message type, the server identifier and the lease time unasked",
    "RFC 2131 §4.3.1 table 3 (MUST)",
    async (bench) => {
      const offer = await offered(bench, [asking(15)]);
      expect([53, 54, 51].filter((code) => !offer.options.has(code))).toEqual([]);
    },
  ],
];

export const optionCases: readonly Case[] = [...contents, ...choice];
