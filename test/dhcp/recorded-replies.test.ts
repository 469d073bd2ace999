// What this server answers to recorded clients, octet by octet. The files in fixtures/dhcp-replies were read by a person and
// with tshark; after a wanted change `npx vitest run --project unit -u test/dhcp/recorded-replies.test.ts` writes them again.

import { join } from "node:path";
import { expect, it } from "vitest";
import { createNetbootPolicy } from "../../src/boot/netboot-policy.ts";
import { createEngine } from "../../src/dhcp/engine.ts";
import { decodePacket } from "../../src/dhcp/packet.ts";
import type { Subnet } from "../../src/dhcp/policy.ts";
import { type Cidr, parseCidr } from "../../src/net/cidr.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { Mac } from "../../src/net/mac.ts";
import { createMemoryLeaseJournal } from "../fakes/memory-lease-journal.ts";
import { exampleInventory } from "../fakes/rack.ts";
import { type Datagram, type Dialogue, loadDialogues } from "../fixtures/dhcp.ts";
import { ip } from "./site.ts";

const receiver = { name: "eth0", address: ip("10.77.0.1") };

/** The network the clients were recorded in, with the address that each of them got reserved for it. */
function engineFor({ datagrams }: Dialogue) {
  const [first] = datagrams;
  const mac = first?.expected.mac as Mac;
  const address = datagrams
    .map(({ expected }) => expected.requestedAddress)
    .find((requested) => requested !== undefined);
  const example = exampleInventory();
  const [node] = example.nodes;
  if (node === undefined) throw new Error("the example site has a node");
  const provisioningAddress = ip(address ?? "10.77.0.50");
  const inventory = { ...example, nodes: [{ ...node, mac, provisioningAddress }] };
  let nowMs = 1_000_000;
  const engine = createEngine(
    {
      config: {
        interfaces: [receiver],
        subnets: [network("provisioning", 77, "eth0"), network("rack-b", 78, undefined)],
        relays: [],
        conflictProbe: false,
        allowSecondServer: false,
      },
      policy: createNetbootPolicy({
        inventory: () => inventory,
        httpPort: 8080,
        loaders: new Set(["ipxe-arm64.efi", "ipxe-ia32.efi"]),
        refusedLoaders: new Map(),
        now: () => nowMs,
      }),
      journal: createMemoryLeaseJournal(),
      onEvent: () => undefined,
      ownMacs: new Set(),
    },
    nowMs,
  );
  return (datagram: Datagram) => {
    nowMs = 1_000_000 + Math.round(datagram.atSeconds * 1000);
    const request = {
      datagram: Buffer.from(datagram.hex, "hex"),
      receiver,
      port: datagram.port === 4011 ? ("pxe" as const) : ("dhcp" as const),
      source: { address: datagram.from as Ipv4, port: 68 },
    };
    return engine.receive([request], nowMs)[0];
  };
}

function network(name: string, second: number, attached: string | undefined): Subnet {
  return {
    name,
    cidr: parseCidr(`10.${second}.0.0/24`) as Cidr,
    mode: "authoritative",
    interface: attached,
    router: ip(`10.${second}.0.1`),
    dns: [ip("10.77.0.1")],
    domain: "prov.example.com",
    searchDomains: ["prov.example.com"],
    ntp: [ip("10.77.0.1")],
    mtu: 1500,
    routes: [],
    pools: [{ start: ip(`10.${second}.0.100`), end: ip(`10.${second}.0.200`) }],
    leaseSeconds: 600,
    minLeaseSeconds: 60,
    maxLeaseSeconds: 7200,
  };
}

const printable = (data: Buffer) => data.toString("latin1").replace(/[^\x20-\x7e]/g, ".");

function describeReply(datagram: Buffer): string[] {
  const packet = decodePacket(datagram);
  if ("malformed" in packet) throw new Error(packet.malformed);
  const { yiaddr, ciaddr, siaddr, giaddr, flags, file, sname } = packet;
  return [
    `  yiaddr ${yiaddr} ciaddr ${ciaddr} siaddr ${siaddr} giaddr ${giaddr} flags ${flags.toString(16)}`,
    `  file "${file}" sname "${sname}"`,
    ...[...packet.options].map(
      ([number, data]) => `  option ${number}: ${data.toString("hex")} ${printable(data)}`,
    ),
    ...(datagram.toString("hex").match(/.{1,96}/g) ?? []).map((line) => `  ${line}`),
  ];
}

it.each(loadDialogues())("the replies to $name are as recorded", async (dialogue) => {
  const reply = engineFor(dialogue);
  const lines = dialogue.datagrams.flatMap((datagram, index) => {
    const answer = reply(datagram);
    const question = `${index + 1}. ${datagram.expected.messageType} to port ${datagram.port}`;
    if (answer === undefined) return [`${question}: silence`];
    return [
      `${question}: ${answer.datagram.length} octets to ${answer.address}:${answer.toPort}`,
      ...describeReply(answer.datagram),
    ];
  });
  const file = join(import.meta.dirname, "../fixtures/dhcp-replies", `${dialogue.name}.txt`);
  await expect(`${dialogue.client}\n${lines.join("\n")}\n`).toMatchFileSnapshot(file);
});
