// The whole dialogue of a card's iPXE and the loader that it chains, packet by packet, through DHCP and the site's policy.

import { expect, test } from "vitest";
import { createNetbootPolicy } from "../../src/boot/netboot-policy.ts";
import type { DhcpConfig } from "../../src/dhcp/policy.ts";
import {
  addressOption,
  createSite,
  ip,
  request,
  type Site,
  withProvisioning,
} from "../dhcp/site.ts";
import { exampleInventory } from "../fakes/rack.ts";

const script = "http://10.0.100.10:8080/boot/ipxe/boot.ipxe";
const loader = "undionly.kpxe";
const ipxe = { 60: Buffer.from("PXEClient"), 77: Buffer.from("iPXE"), 93: Buffer.of(0, 0) };
const inventory = { ...exampleInventory(), boot: { chainLoader: true } };

type Message = readonly [
  port: 67 | 4011,
  type: "DISCOVER" | "REQUEST",
  xid: number,
  atSeconds: number,
  /** Undefined for silence. */
  bootFile: string | undefined,
];

function send(site: Site, [port, type, xid]: Message): string | undefined {
  const address = ip("10.0.100.77");
  const select = { 50: addressOption(address), 54: addressOption("10.0.100.2") };
  const fields =
    port === 4011
      ? { ciaddr: address, options: ipxe }
      : { options: type === "REQUEST" ? { ...ipxe, ...select } : ipxe };
  const arrival = port === 4011 ? ({ port: "pxe", source: { address, port: 68 } } as const) : {};
  return site.send(request(type, { xid, ...fields }), arrival).reply?.packet.file;
}

/** What each message got, beside what it should have got. */
function answers(config: Partial<DhcpConfig>, messages: readonly Message[]) {
  const policy = createNetbootPolicy({
    inventory: () => inventory,
    ...{ httpPort: 8080, loaders: new Set([loader]), refusedLoaders: new Map() },
    now: () => site.nowMs,
  });
  const site = createSite([], { config, policy });
  const startMs = site.nowMs;
  return messages.map((message) => {
    site.nowMs = startMs + message[3] * 1000;
    return send(site, message);
  });
}

test.each<[string, readonly Message[]]>([
  [
    "port 67 alone, one transaction id",
    [
      [67, "DISCOVER", 1, 0, loader],
      [67, "DISCOVER", 1, 1, loader],
      [67, "REQUEST", 1, 2, undefined],
      [67, "DISCOVER", 1, 6, script],
      [67, "DISCOVER", 1, 7, script],
      [67, "REQUEST", 1, 8, undefined],
    ],
  ],
  [
    "ports 67 and 4011, one transaction id",
    [
      [67, "DISCOVER", 1, 0, loader],
      [67, "REQUEST", 1, 1, undefined],
      [4011, "REQUEST", 1, 2, loader],
      [67, "DISCOVER", 1, 6, script],
      [67, "REQUEST", 1, 7, undefined],
      [4011, "REQUEST", 1, 8, script],
    ],
  ],
  [
    "ports 67 and 4011, a transaction id for each",
    [
      [67, "DISCOVER", 1, 0, loader],
      [67, "REQUEST", 1, 1, undefined],
      [4011, "REQUEST", 2, 2, loader],
      [67, "DISCOVER", 3, 6, script],
      [67, "REQUEST", 3, 7, undefined],
      [4011, "REQUEST", 4, 8, script],
    ],
  ],
  [
    "three boots in a row within two minutes",
    [0, 20, 40].flatMap((at): Message[] => [
      [67, "DISCOVER", 1, at, loader],
      [67, "REQUEST", 1, at + 1, undefined],
      [67, "DISCOVER", 1, at + 6, script],
      [67, "REQUEST", 1, at + 7, undefined],
    ]),
  ],
])("beside another server a chained loader gets the script: %s", (_, messages) => {
  const expected = messages.map(([, , , , bootFile]) => bootFile);
  expect(answers(withProvisioning({ mode: "proxy" }), messages)).toEqual(expected);
});
