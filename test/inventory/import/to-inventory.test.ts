import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { parse } from "yaml";
import { formatInventory } from "../../../src/inventory/import/format-inventory.ts";
import { parseIscConfig } from "../../../src/inventory/import/isc-config.ts";
import { parseKeaConfig } from "../../../src/inventory/import/kea-config.ts";
import { type Imported, toInventory } from "../../../src/inventory/import/to-inventory.ts";
import { cidrContains, parseCidr } from "../../../src/net/cidr.ts";
import { ipv4ToNumber, parseIpv4 } from "../../../src/net/ipv4.ts";
import { parseMac } from "../../../src/net/mac.ts";
import { fixture, fixtures, isc, mustRead, noteLines, readFixture } from "./read.ts";

const imported = (text: string): Imported => toInventory(mustRead(isc(text)));
const yaml = ({ inventory }: Imported): string =>
  formatInventory(inventory, ["dhcpd.conf"]).join("\n");
const samples: readonly (readonly [string, () => Imported])[] = [
  [
    "dhcpd.conf",
    () =>
      toInventory(
        mustRead(parseIscConfig(fixture("dhcpd.conf"), join(fixtures, "dhcpd.conf"), readFixture)),
      ),
  ],
  [
    "kea-dhcp4.json",
    () =>
      toInventory(
        mustRead(
          parseKeaConfig(fixture("kea-dhcp4.json"), join(fixtures, "kea-dhcp4.json"), readFixture),
        ),
      ),
  ],
];

const networkKeys = [
  "cidr",
  "interface",
  "gateway",
  "pool",
  "exclude",
  "dns",
  "domain",
  "searchDomains",
  "ntp",
  "mtu",
  "routes",
  "leaseSeconds",
  "minLeaseSeconds",
  "maxLeaseSeconds",
];

interface NetworkFile {
  cidr: string;
  gateway?: string;
  pool?: { start: string; end: string } | { start: string; end: string }[];
  exclude?: string[];
  routes?: { to: string; via: string }[];
  leaseSeconds: number;
  minLeaseSeconds: number;
  maxLeaseSeconds: number;
}

interface SiteFile {
  networks: { provisioning: NetworkFile };
  dhcp?: { subnets: Record<string, NetworkFile> };
  nodes: Record<string, { mac: string; provisioningAddress?: string }>;
}

const number = (text: string): number => {
  const address = parseIpv4(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  return ipv4ToNumber(address);
};

/** What of a network's entry breaks the inventory's rules for networks. */
function faultsOf(network: NetworkFile, reserved: readonly string[]): string[] {
  const cidr = parseCidr(network.cidr);
  if (cidr === undefined) return [`${network.cidr} is no network`];
  const inside = (text: string) => {
    const address = parseIpv4(text);
    return address !== undefined && cidrContains(cidr, address);
  };
  const pools = [network.pool ?? []].flat();
  const inPool = (text: string) =>
    pools.some(({ start, end }) => number(start) <= number(text) && number(text) <= number(end));
  const vias = (network.routes ?? []).map(({ via }) => via);
  const ends = pools.flatMap(({ start, end }) => [start, end]);
  const held = [...reserved, ...(network.gateway === undefined ? [] : [network.gateway])];
  return [
    ...Object.keys(network).filter((key) => !networkKeys.includes(key)),
    ...[...ends, ...vias, ...(network.exclude ?? [])].filter((text) => !inside(text)),
    ...(network.gateway === undefined || inside(network.gateway) ? [] : [network.gateway]),
    ...held.filter((text) => inPool(text) && !network.exclude?.includes(text)),
    ...(network.routes ?? []).map(({ to }) => to).filter((to) => parseCidr(to) === undefined),
    ...ends.filter((text, i) => i > 0 && number(text) < number(ends[i - 1] ?? "")),
    ...(60 <= network.minLeaseSeconds &&
    network.minLeaseSeconds <= network.leaseSeconds &&
    network.leaseSeconds <= network.maxLeaseSeconds
      ? []
      : ["the lease times are out of order"]),
  ];
}

describe.each(samples)("the YAML of %s", (_, read) => {
  const site: SiteFile = parse(yaml(read()));

  test("has networks that keep the inventory's rules", () => {
    const reserved = Object.values(site.nodes).flatMap((node) => node.provisioningAddress ?? []);
    const all = [site.networks.provisioning, ...Object.values(site.dhcp?.subnets ?? {})];
    expect(all.length).toBeGreaterThan(2);
    expect(all.flatMap((network) => faultsOf(network, reserved))).toEqual([]);
  });

  test("has nodes with a MAC of their own, and an address in one of the networks or none", () => {
    const nodes = Object.entries(site.nodes);
    const cidrs = [site.networks.provisioning, ...Object.values(site.dhcp?.subnets ?? {})].flatMap(
      ({ cidr }) => parseCidr(cidr) ?? [],
    );
    for (const [name, node] of nodes) {
      expect(name).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
      expect(parseMac(node.mac)).toBe(node.mac);
      const address = parseIpv4(node.provisioningAddress ?? "");
      if (node.provisioningAddress !== undefined)
        expect(address !== undefined && cidrs.some((cidr) => cidrContains(cidr, address))).toBe(
          true,
        );
    }
    expect(new Set(nodes.map(([, { mac }]) => mac)).size).toBe(nodes.length);
  });

  test("has a line for each required setting that only the operator knows", () => {
    const text = yaml(read());
    for (const key of ["profile", "firmware", "productionAddress", "disk", "bmc"])
      expect(text.split(`    # FILL IN ${key}:`).length - 1).toBe(Object.keys(site.nodes).length);
  });
});

const net = (n: number, body = "") => `subnet 10.0.${n}.0 netmask 255.255.255.0 { ${body} }\n`;
const host = (name: string, octet: number, address = `10.0.0.${octet}`) =>
  `host ${name} { hardware ethernet 52:54:00:00:00:${octet}; fixed-address ${address}; }\n`;

test("the network with the most reservations is the provisioning network", () => {
  const { inventory } = imported(
    net(0) + net(1) + host("a", 10, "10.0.1.10") + host("b", 11, "10.0.1.11") + host("c", 12),
  );
  expect(inventory.provisioning?.cidr).toBe("10.0.1.0/24");
  expect([...inventory.subnets.keys()]).toEqual(["net-10-0-0-0"]);
});

test("subnets of one wire have names of their own, and their interfaces are to be declared", () => {
  const text = `${net(9)} shared-network "Rack B" { interface "eth2"; ${net(0)} ${net(1)} } shared-network provisioning { ${net(2)} }`;
  const result = imported(text);
  expect([...result.inventory.subnets.keys()]).toEqual(["rack-b", "rack-b-2", "provisioning-2"]);
  expect(yaml(result)).toContain(
    "  interfaces:\n    # FILL IN eth2: # this server's address in 10.0.0.0/24",
  );
});

test("the provisioning network has lines for what it needs and the old configuration lacks", () => {
  const result = imported(net(0, 'interface "eth1"; range 10.0.0.5;'));
  expect(yaml(result)).toContain(
    "server:\n  # FILL IN address: # this server's, in 10.0.0.0/24\n  interface: eth1\n",
  );
  expect(yaml(result)).toContain(`  provisioning:
    cidr: 10.0.0.0/24
    pool: { start: 10.0.0.5, end: 10.0.0.5 }
    leaseSeconds: 43200
    minLeaseSeconds: 300
    maxLeaseSeconds: 86400
    # FILL IN gateway:
    # FILL IN dns:
    # FILL IN domain:
`);
  expect(yaml(result)).toMatch(/nodes: \{\}$/);
});

test("text that YAML would read as something else is quoted", () => {
  const result = imported(
    net(0, 'option domain-name "1.5"; option domain-search "null", "true";') + host("123", 10),
  );
  expect(parse(yaml(result))).toMatchObject({
    networks: { provisioning: { domain: "1.5", searchDomains: ["null", "true"] } },
    nodes: { "123": { mac: "52:54:00:00:00:10" } },
  });
});

test("ranges are joined, cut to the network's clients, and reservations and the gateway are cut out of them", () => {
  const body =
    "option routers 10.0.0.1; range 10.0.0.0 10.0.0.20; range 10.0.0.21 10.0.0.30; range 10.0.0.250 10.0.0.255;";
  const { inventory, notes } = imported(net(0, body) + host("b", 25) + host("a", 12));
  expect(inventory.provisioning).toMatchObject({
    pool: [
      { start: "10.0.0.1", end: "10.0.0.30" },
      { start: "10.0.0.250", end: "10.0.0.254" },
    ],
    exclude: ["10.0.0.1", "10.0.0.12", "10.0.0.25"],
  });
  expect(noteLines(notes)).toEqual(["1 range 10.0.0.0 10.0.0.20", "1 range 10.0.0.250 10.0.0.255"]);
});

it.each<[string, string, RegExp]>([
  ["a gateway of another network", "option routers 10.0.9.1;", /no address for a router/],
  ["a range of another network", "range 10.0.9.1 10.0.9.5;", /no address for a client/],
  [
    "a route over another network",
    "option static-routes 10.1.0.0 10.0.9.1;",
    /not in 10\.0\.0\.0\/24/,
  ],
  ["a lease that is too short", "default-lease-time 30;", /shortest lease/],
])("%s is left out and noted", (_, body, expected) => {
  const { inventory, notes } = imported(net(0, body));
  expect(
    inventory.provisioning?.gateway ??
      inventory.provisioning?.pool ??
      inventory.provisioning?.routes,
  ).toBeUndefined();
  expect(notes.map(({ instead }) => instead)).toContainEqual(expect.stringMatching(expected));
});

it.each<[string, readonly [number, number, number]]>([
  ["default-lease-time 600; min-lease-time 700; max-lease-time 500;", [500, 500, 500]],
  ["default-lease-time 600; min-lease-time 10;", [60, 600, 86_400]],
  ["default-lease-time 120;", [120, 120, 86_400]],
])("the lease times of %s are in order", (body, expected) => {
  const { provisioning } = imported(net(0, body)).inventory;
  expect([
    provisioning?.minLeaseSeconds,
    provisioning?.leaseSeconds,
    provisioning?.maxLeaseSeconds,
  ]).toEqual(expected);
});

it.each<[string, string, string[], RegExp | undefined]>([
  ["a full name", host("a.example.com", 10), ["a"], undefined],
  ["a name with other letters", host("Web_1", 10), ["web-1"], /node web-1 here/],
  ["a name of nothing else", host('"_"', 10), ["node-525400000010"], /node node-525400000010 here/],
  ["a name that is taken", host("a.x", 10) + host("a.y", 11), ["a", "a-2"], /node a-2 here/],
  [
    "a MAC that is taken",
    `${host("a", 10)}${host("b", 10, "10.0.0.11")}`,
    ["a"],
    /is node a already.*10\.0\.0\.11/,
  ],
  [
    "an address that is taken",
    host("a", 10) + host("b", 11, "10.0.0.10"),
    ["a"],
    /of node a already.*52:54:00:00:00:11/,
  ],
  ["an address in no network", host("a", 10, "10.9.0.1"), ["a"], /in none of the networks/],
  [
    "a second address",
    host("a", 10, "10.9.0.1, 10.0.0.10"),
    ["a"],
    /10\.0\.0\.10; not carried over: 10\.9\.0\.1/,
  ],
])("a host with %s", (_, hosts, names, expected) => {
  const { inventory, notes } = imported(net(0) + hosts);
  expect([...inventory.nodes.keys()]).toEqual(names);
  expect(notes.map(({ instead }) => instead)).toEqual(
    expected === undefined ? [] : [expect.stringMatching(expected)],
  );
});
