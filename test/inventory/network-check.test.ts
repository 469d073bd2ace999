import { expect, test } from "vitest";
import { edited, problemsOf } from "./edit.ts";

const pool = "    pool: { start: 10.0.100.100, end: 10.0.100.200 }\n";

/** The good file with these lines in place of the pool of the provisioning network, from line 11 on. */
const provisioning = (...lines: string[]) =>
  problemsOf(edited(pool, lines.map((line) => `    ${line}\n`).join("")));

/** The good file with further networks, one in each line from line 20 on, and further interfaces, in line 7. */
function withSubnets(subnets: readonly string[], interfaces = "{}", apiAddress = "127.0.0.1") {
  const server = `interface: eth0\n  interfaces: ${interfaces}\n  api: { address: ${apiAddress}, port: 8443 }\n`;
  const lines = subnets.map((line) => `    ${line}\n`).join("");
  return problemsOf(
    edited("interface: eth0\n", server).replace(
      "install:\n",
      `dhcp:\n  subnets:\n${lines}install:\n`,
    ),
  );
}

test.each<[string, string[], ...string[]]>([
  ["no pool at all", []],
  [
    "a pool of two ranges that touch, in any order",
    [
      "pool: [{ start: 10.0.100.150, end: 10.0.100.200 }, { start: 10.0.100.100, end: 10.0.100.149 }]",
    ],
  ],
  [
    "a pool around addresses in use that are excluded",
    [
      "pool: { start: 10.0.100.1, end: 10.0.100.200 }",
      "exclude: [{ start: 10.0.100.0, end: 10.0.100.10 }, 10.0.100.50, 10.0.100.80]",
    ],
  ],
  ["a proxy without a pool", ["mode: proxy"]],
  [
    "a network that is switched off, pool and all",
    ["pool: { start: 10.0.100.100, end: 10.0.100.200 }", "mode: off"],
  ],
  [
    "every option",
    [
      "searchDomains: [prov.example.com, example.com]",
      "ntp: [10.0.100.1]",
      "mtu: 9000",
      "routes: [{ to: 0.0.0.0/0, via: 10.0.100.1 }, { to: 10.0.0.0/8, via: 10.0.100.2 }]",
      "leaseSeconds: 60",
      "minLeaseSeconds: 60",
      "maxLeaseSeconds: 60",
    ],
  ],
])("%s is sound", (_what, lines) => {
  expect(provisioning(...lines)).toEqual([]);
});

test.each<[string, string[], ...string[]]>([
  [
    "a pool in a list that is turned around",
    ["pool: [{ start: 10.0.100.200, end: 10.0.100.100 }]"],
    "11:12: networks.provisioning.pool.0: the pool starts at 10.0.100.200, after its end 10.0.100.100: exchange the two",
  ],
  [
    "a second range outside the network",
    ["pool: [{ start: 10.0.100.100, end: 10.0.100.200 }, { start: 10.0.101.1, end: 10.0.101.9 }]"],
    "11:65: networks.provisioning.pool.1.start: 10.0.101.1 is outside the provisioning network 10.0.100.0/24: use an address of that network",
    "11:82: networks.provisioning.pool.1.end: 10.0.101.9 is outside the provisioning network 10.0.100.0/24: use an address of that network",
  ],
  [
    "ranges that share an address",
    [
      "pool:",
      "  - { start: 10.0.100.100, end: 10.0.100.150 }",
      "  - { start: 10.0.100.150, end: 10.0.100.200 }",
    ],
    "13:9: networks.provisioning.pool.1: 10.0.100.150-10.0.100.200 overlaps 10.0.100.100-10.0.100.150 of the same pool: keep them apart",
  ],
  [
    "a reservation in the second range",
    [
      "pool: [{ start: 10.0.100.100, end: 10.0.100.200 }, { start: 10.0.100.60, end: 10.0.100.90 }]",
    ],
    "37:26: nodes.node02.provisioningAddress: 10.0.100.80 lies inside the pool 10.0.100.60-10.0.100.90: reserve an address outside it, or exclude this one from the pool",
  ],
  [
    "excluded addresses outside the network",
    ["exclude: [10.0.101.1, { start: 10.0.100.250, end: 10.0.101.3 }]"],
    "11:15: networks.provisioning.exclude.0: 10.0.101.1 is outside the provisioning network 10.0.100.0/24: use an address of that network",
    "11:55: networks.provisioning.exclude.1.end: 10.0.101.3 is outside the provisioning network 10.0.100.0/24: use an address of that network",
  ],
  [
    "an excluded range that is turned around",
    ["exclude: [{ start: 10.0.100.20, end: 10.0.100.15 }]"],
    "11:15: networks.provisioning.exclude.0: the range starts at 10.0.100.20, after its end 10.0.100.15: exchange the two",
  ],
  [
    "a route through a router elsewhere, and one in the pool",
    [
      "pool: { start: 10.0.100.100, end: 10.0.100.200 }",
      "routes: [{ to: 10.0.0.0/8, via: 10.0.10.1 }, { to: 10.8.0.0/16, via: 10.0.100.101 }]",
    ],
    "12:37: networks.provisioning.routes.0.via: 10.0.10.1 is outside the provisioning network 10.0.100.0/24: use an address of that network",
    "12:74: networks.provisioning.routes.1.via: 10.0.100.101 lies inside the pool 10.0.100.100-10.0.100.200: shrink the pool or exclude the address, or a machine gets the router's address",
  ],
  [
    "a node on a router",
    ["routes: [{ to: 10.0.0.0/8, via: 10.0.100.50 }]"],
    "26:26: nodes.node01.provisioningAddress: 10.0.100.50 is the address of a router: choose another",
  ],
  [
    "a shortest lease above the usual one",
    ["minLeaseSeconds: 601"],
    "11:22: networks.provisioning.minLeaseSeconds: 601 s is more than leaseSeconds 600 s: lower it or raise leaseSeconds",
  ],
  [
    "a proxy with a pool",
    ["mode: proxy", "pool: { start: 10.0.100.100, end: 10.0.100.200 }"],
    "12:11: networks.provisioning.pool: mode proxy leaves the addresses to another server: remove the pool or the mode",
  ],
])("%s is refused", (_what, lines, ...problems) => {
  expect(provisioning(...lines)).toEqual(problems.map((problem) => `site.yaml:${problem}`));
});

test.each<[string, string[], string?]>([
  [
    "a network behind a relay, with no more than its addresses",
    ["rack-b: { cidr: 10.0.101.0/24 }"],
  ],
  [
    "a network on an interface of its own",
    ["rack-b: { cidr: 10.1.0.0/24, interface: eth2 }"],
    "{ eth2: 10.1.0.10 }",
  ],
  [
    "a second network on the provisioning interface, and two on another",
    [
      "shared: { cidr: 10.0.101.0/24, interface: eth0 }",
      "rack-b: { cidr: 10.1.0.0/24, interface: eth2 }",
      "rack-c: { cidr: 10.2.0.0/24, interface: eth2 }",
    ],
    "{ eth2: 10.2.0.10 }",
  ],
  ["networks of two and of one address", ["a: { cidr: 10.9.0.0/31 }", "b: { cidr: 10.9.0.2/32 }"]],
  ["a network that another server gives addresses in", ["b: { cidr: 10.9.0.0/24, mode: proxy }"]],
])("%s is sound", (_what, subnets, interfaces) => {
  expect(withSubnets(subnets, interfaces)).toEqual([]);
});

test.each<[string, string[], string, ...string[]]>([
  [
    "a network inside another",
    ["b: { cidr: 10.9.0.0/16 }", "c: { cidr: 10.9.9.0/24 }", "d: { cidr: 10.0.0.0/8 }"],
    "{}",
    "21:16: dhcp.subnets.c.cidr: 10.9.9.0/24 overlaps the b network 10.9.0.0/16: correct one of the two",
    "22:16: dhcp.subnets.d.cidr: 10.0.0.0/8 overlaps the provisioning network 10.0.100.0/24: correct one of the two",
  ],
  [
    "the name of another network",
    ["provisioning: { cidr: 10.9.0.0/24 }"],
    "{}",
    '20:5: dhcp.subnets.provisioning: "provisioning" is the name of a network under networks: choose another',
  ],
  [
    "an interface that is not served",
    ["b: { cidr: 10.9.0.0/24, interface: eth3 }"],
    "{}",
    '20:40: dhcp.subnets.b.interface: "eth3" is not served: add it to server.interfaces with this server\'s address there, or remove it for a network behind a relay. Served: eth0',
  ],
  [
    "an interface that no network is attached to",
    ["b: { cidr: 10.9.0.0/24 }"],
    "{ eth2: 10.9.0.10 }",
    "7:17: server.interfaces.eth2: no network is attached to eth2: name it as the interface of one under dhcp.subnets, or remove it here",
  ],
  [
    "the provisioning interface among the further ones",
    ["b: { cidr: 10.9.0.0/24 }"],
    "{ eth0: 10.0.100.10 }",
    "7:17: server.interfaces.eth0: eth0 is server.interface, with server.address: remove it here",
  ],
  [
    "this server outside the networks of its interface",
    ["b: { cidr: 10.9.0.0/24, interface: eth2 }", "c: { cidr: 10.9.1.0/24 }"],
    "{ eth2: 10.9.1.10 }",
    "7:23: server.interfaces.eth2: 10.9.1.10 is outside the b network 10.9.0.0/24: use an address of that network",
  ],
  [
    "this server in the pool of its interface",
    [
      "b: { cidr: 10.9.0.0/24, interface: eth2, gateway: 10.9.0.9, pool: { start: 10.9.0.9, end: 10.9.0.20 } }",
    ],
    "{ eth2: 10.9.0.10 }",
    "7:23: server.interfaces.eth2: 10.9.0.10 lies inside the pool 10.9.0.9-10.9.0.20: move the server, shrink the pool or exclude the address",
    "20:55: dhcp.subnets.b.gateway: 10.9.0.9 lies inside the pool 10.9.0.9-10.9.0.20: shrink the pool or exclude the address, or a machine gets the gateway's address",
  ],
])("%s is refused", (_what, subnets, interfaces, ...problems) => {
  expect(withSubnets(subnets, interfaces)).toEqual(
    problems.map((problem) => `site.yaml:${problem}`),
  );
});

test("server.address is in the provisioning network, whatever else shares its interface", () => {
  const text = edited("address: 10.0.100.10\n", "address: 10.9.0.10\n").replace(
    "install:\n",
    "dhcp: { subnets: { b: { cidr: 10.9.0.0/24, interface: eth0 } } }\ninstall:\n",
  );
  expect(problemsOf(text)).toEqual([
    "site.yaml:5:12: server.address: 10.9.0.10 is outside the provisioning network 10.0.100.0/24: use an address of that network",
  ]);
});

test("the API is not offered in any network that machines boot in", () => {
  const subnets = ["b: { cidr: 10.9.0.0/24, interface: eth2 }"];
  expect(withSubnets(subnets, "{ eth2: 10.9.0.10 }", "10.9.0.10")).toEqual([
    "site.yaml:8:19: server.api.address: 10.9.0.10 would offer the API to machines that boot: use 127.0.0.1 or an address of the management network",
  ]);
});

/** The good file with node01 at this address, and a network with its pool on another interface. */
const node01At = (address: string, changes = "") =>
  problemsOf(
    edited("interface: eth0\n", "interface: eth0\n  interfaces: { eth2: 10.9.0.10 }\n")
      .replace(
        "install:\n",
        `dhcp:\n  subnets:\n    b: { cidr: 10.9.0.0/24, interface: eth2, gateway: 10.9.0.1, pool: { start: 10.9.0.100, end: 10.9.0.200 }${changes} }\ninstall:\n`,
      )
      .replace("10.0.100.50", address),
  );

test.each([
  ["in another network", "10.9.0.50", ""],
  ["at an address excluded from its pool", "10.9.0.150", ", exclude: [10.9.0.150]"],
  ["in a network that is switched off", "10.9.0.50", ", mode: off"],
])("a node may boot %s", (_where, address, changes) => {
  expect(node01At(address, changes)).toEqual([]);
});

test.each([
  [
    "10.8.0.50",
    "10.8.0.50 is in no network under networks.provisioning or dhcp.subnets: use an address of one of them, or declare its network",
  ],
  ["10.9.0.255", "10.9.0.255 is the b network's own or broadcast address: use one between them"],
  ["10.9.0.1", "10.9.0.1 is the address of the gateway: choose another"],
  ["10.9.0.10", "10.9.0.10 is the address of the server on eth2: choose another"],
  [
    "10.9.0.150",
    "10.9.0.150 lies inside the pool 10.9.0.100-10.9.0.200: reserve an address outside it, or exclude this one from the pool",
  ],
])("a node can't boot at %s", (address, message) => {
  expect(node01At(address)).toEqual([
    `site.yaml:30:26: nodes.node01.provisioningAddress: ${message}`,
  ]);
});
