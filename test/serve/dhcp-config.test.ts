import { expect, test } from "vitest";
import { formatProblem, parseInventory } from "../../src/inventory/load.ts";
import type { Inventory } from "../../src/inventory/schema.ts";
import type { Ipv4Range } from "../../src/net/ipv4-range.ts";
import { dhcpConfig } from "../../src/serve/dhcp-config.ts";

interface Site {
  readonly interfaces?: Readonly<Record<string, string>>;
  readonly provisioning?: object;
  readonly dhcp?: object;
  readonly networks?: object;
  readonly node?: object;
}

/** A checked inventory of one node and no pool unless `site` has one. */
function inventoryOf(site: Site = {}): Inventory {
  const file = {
    site: "example",
    domain: "example.com",
    cluster: { name: "prod-cluster" },
    server: { address: "10.0.100.10", interface: "eth0", interfaces: site.interfaces ?? {} },
    networks: {
      provisioning: {
        cidr: "10.0.100.0/24",
        gateway: "10.0.100.1",
        dns: ["10.0.100.1", "8.8.8.8"],
        domain: "prov.example.com",
        ...site.provisioning,
      },
      production: { cidr: "10.0.200.0/24", gateway: "10.0.200.1", dns: ["10.0.200.1"] },
      management: { cidr: "10.0.10.0/24" },
      ...site.networks,
    },
    ...(site.dhcp && { dhcp: site.dhcp }),
    install: { flake: "github:example/site" },
    profiles: { worker: { role: "worker" } },
    nodes: {
      node01: {
        mac: "52:54:00:12:34:56",
        profile: "worker",
        firmware: "uefi",
        provisioningAddress: "10.0.100.50",
        productionAddress: "10.0.200.10",
        disk: "/dev/sda",
        bmc: { address: "10.0.10.50", user: "admin", password: { env: "BMC_PASSWORD" } },
        ...site.node,
      },
    },
  };
  const loaded = parseInventory(JSON.stringify(file), "site.json");
  if ("problems" in loaded) throw new Error(loaded.problems.map(formatProblem).join("\n"));
  return loaded.inventory;
}

/** The pools of the subnet with this index, each as `first-last`. */
const poolsOf = (site: Site, index = 0) =>
  dhcpConfig(inventoryOf(site)).subnets[index]?.pools.map(({ start, end }) => `${start}-${end}`);

const range = (start: string, end: string) => ({ start, end });
const flat = { cidr: "10.0.100.0/24", gateway: "10.0.100.1" };
const host = (last: number) => `10.0.100.${last}`;
const pool = range(host(100), host(200));

test("the provisioning network alone, with its defaults", () => {
  expect(dhcpConfig(inventoryOf({ provisioning: { pool } }))).toEqual({
    interfaces: [{ name: "eth0", address: "10.0.100.10" }],
    subnets: [
      {
        name: "provisioning",
        cidr: { network: "10.0.100.0", prefix: 24 },
        mode: "authoritative",
        interface: "eth0",
        router: "10.0.100.1",
        dns: ["10.0.100.1", "8.8.8.8"],
        domain: "prov.example.com",
        searchDomains: [],
        ntp: [],
        mtu: undefined,
        routes: [],
        pools: [pool],
        leaseSeconds: 600,
        minLeaseSeconds: 60,
        maxLeaseSeconds: 7200,
      },
    ],
    firstLeaseSeconds: 120,
    conflictProbe: true,
    allowSecondServer: false,
    relays: [],
  });
});

test("further networks follow in the order of the file, each with its own settings", () => {
  const { interfaces, subnets, conflictProbe } = dhcpConfig(
    inventoryOf({
      interfaces: { eth2: "10.1.0.10" },
      dhcp: {
        conflictProbe: false,
        subnets: {
          "rack-b": {
            cidr: "10.1.0.0/24",
            interface: "eth2",
            gateway: "10.1.0.1",
            pool: [range("10.1.0.20", "10.1.0.29"), range("10.1.0.40", "10.1.0.49")],
            dns: ["10.1.0.2"],
            domain: "b.example.com",
            searchDomains: ["b.example.com", "example.com"],
            ntp: ["10.1.0.3"],
            mtu: 9000,
            routes: [{ to: "10.0.0.0/8", via: "10.1.0.4" }],
            leaseSeconds: 900,
            minLeaseSeconds: 300,
            maxLeaseSeconds: 3600,
          },
          "rack-a": { cidr: "10.2.0.0/24", mode: "proxy" },
        },
      },
    }),
  );
  expect(conflictProbe).toBe(false);
  expect(interfaces).toEqual([
    { name: "eth0", address: "10.0.100.10" },
    { name: "eth2", address: "10.1.0.10" },
  ]);
  expect(subnets.slice(1)).toEqual([
    {
      name: "rack-b",
      cidr: { network: "10.1.0.0", prefix: 24 },
      mode: "authoritative",
      interface: "eth2",
      router: "10.1.0.1",
      dns: ["10.1.0.2"],
      domain: "b.example.com",
      searchDomains: ["b.example.com", "example.com"],
      ntp: ["10.1.0.3"],
      mtu: 9000,
      routes: [{ to: { network: "10.0.0.0", prefix: 8 }, via: "10.1.0.4" }],
      pools: [range("10.1.0.20", "10.1.0.29"), range("10.1.0.40", "10.1.0.49")],
      leaseSeconds: 900,
      minLeaseSeconds: 300,
      maxLeaseSeconds: 3600,
    },
    {
      name: "rack-a",
      cidr: { network: "10.2.0.0", prefix: 24 },
      mode: "proxy",
      interface: undefined,
      router: undefined,
      dns: [],
      domain: undefined,
      searchDomains: [],
      ntp: [],
      mtu: undefined,
      routes: [],
      pools: [],
      leaseSeconds: 600,
      minLeaseSeconds: 60,
      maxLeaseSeconds: 7200,
    },
  ]);
});

test.each<[string, object | object[], (string | object)[], ...string[]]>([
  ["nothing cut", pool, [], "10.0.100.100-10.0.100.200"],
  [
    "one address in the middle",
    pool,
    [host(150)],
    "10.0.100.100-10.0.100.149",
    "10.0.100.151-10.0.100.200",
  ],
  ["the first address", pool, [host(100)], "10.0.100.101-10.0.100.200"],
  ["the last address", pool, [host(200)], "10.0.100.100-10.0.100.199"],
  ["the neighbours of both ends", pool, [host(99), host(201)], "10.0.100.100-10.0.100.200"],
  [
    "neighbours, an overlap and a repetition, in no order",
    pool,
    [range(host(120), host(130)), host(111), range(host(125), host(140)), host(110), host(110)],
    "10.0.100.100-10.0.100.109",
    "10.0.100.112-10.0.100.119",
    "10.0.100.141-10.0.100.200",
  ],
  [
    "a range inside another",
    pool,
    [range(host(120), host(180)), range(host(130), host(140))],
    "10.0.100.100-10.0.100.119",
    "10.0.100.181-10.0.100.200",
  ],
  [
    "a range over the start and one over the end",
    pool,
    [range(host(60), host(110)), range(host(190), host(250))],
    "10.0.100.111-10.0.100.189",
  ],
  ["the whole pool", pool, [range(host(100), host(200))]],
  ["more than the whole pool", pool, [range(host(90), host(210))]],
  ["a pool of one address", range(host(100), host(100)), [host(100)]],
  [
    "one range over two that are written last first",
    [range(host(160), host(200)), range(host(100), host(140))],
    [range(host(130), host(170))],
    "10.0.100.100-10.0.100.129",
    "10.0.100.171-10.0.100.200",
  ],
  [
    "one of two ranges as a whole",
    [range(host(100), host(110)), range(host(120), host(130))],
    [range(host(100), host(110))],
    "10.0.100.120-10.0.100.130",
  ],
])("a pool less %s", (_what, written, exclude, ...expected) => {
  expect(poolsOf({ provisioning: { pool: written, exclude } })).toEqual(expected);
});

test("a pool has none of the addresses that the settings say are somebody's", () => {
  const inventory = inventoryOf({
    provisioning: { ntp: [host(3)], routes: [{ to: "10.0.0.0/8", via: host(2) }] },
  });
  const { provisioning } = inventory.networks;
  // A whole network for a pool: more than the check of the file lets pass.
  const networks = {
    ...inventory.networks,
    provisioning: { ...provisioning, pool: range(host(0), host(255)) as Ipv4Range },
  };
  expect(dhcpConfig({ ...inventory, networks }).subnets[0]?.pools).toEqual([
    range(host(4), host(9)),
    range(host(11), host(49)),
    range(host(51), host(254)),
  ]);
});

test("in one flat network the pool has no node's production address and no BMC's", () => {
  const networks = {
    provisioning: { ...flat, pool, dns: [host(1)], domain: "prov.example.com" },
    production: { ...flat, dns: [host(1)] },
    management: { cidr: flat.cidr },
  };
  const bmc = { address: host(130), user: "admin", password: { env: "BMC_PASSWORD" } };
  expect(poolsOf({ networks, node: { productionAddress: host(120), bmc } })).toEqual([
    "10.0.100.100-10.0.100.119",
    "10.0.100.121-10.0.100.129",
    "10.0.100.131-10.0.100.200",
  ]);
});

test.each<[string, object, string, string | undefined, ...string[]]>([
  [
    "both addresses of a /31",
    range("10.9.0.0", "10.9.0.1"),
    "10.9.0.0/31",
    undefined,
    "10.9.0.0-10.9.0.1",
  ],
  [
    "the one of a /32",
    range("10.9.0.7", "10.9.0.7"),
    "10.9.0.7/32",
    undefined,
    "10.9.0.7-10.9.0.7",
  ],
  [
    "one of a /31 where the other is reserved",
    range("10.9.0.1", "10.9.0.1"),
    "10.9.0.0/31",
    "10.9.0.0",
    "10.9.0.1-10.9.0.1",
  ],
  [
    "the top of the address space",
    range("255.255.255.253", "255.255.255.254"),
    "255.255.255.0/24",
    undefined,
    "255.255.255.253-255.255.255.254",
  ],
  [
    "the last address there is",
    range("255.255.255.254", "255.255.255.255"),
    "255.255.255.254/31",
    undefined,
    "255.255.255.254-255.255.255.255",
  ],
])("a pool may have %s", (_what, written, cidr, provisioningAddress, ...expected) => {
  const dhcp = { subnets: { tiny: { cidr, pool: written } } };
  expect(
    poolsOf({ dhcp, ...(provisioningAddress && { node: { provisioningAddress } }) }, 1),
  ).toEqual(expected);
});

test("excluding the only address of a /32 leaves nothing", () => {
  const tiny = { cidr: "10.9.0.7/32", pool: range("10.9.0.7", "10.9.0.7"), exclude: ["10.9.0.7"] };
  expect(poolsOf({ dhcp: { subnets: { tiny } } }, 1)).toEqual([]);
});
