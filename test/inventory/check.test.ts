import { expect, test } from "vitest";
import { edited, problemsOf } from "./edit.ts";

const pool = "10.0.100.100-10.0.100.200";
const server = "server.address";
const provisioning = "networks.provisioning";

// The rule, the piece of the good file, what stands there instead, and every problem as line:column: path: message.
const broken: readonly (readonly [string, string, string, ...string[]])[] = [
  [
    "the server is on the provisioning network",
    "address: 10.0.100.10\n",
    "address: 10.0.101.10\n",
    `5:12: ${server}: 10.0.101.10 is outside the provisioning network 10.0.100.0/24: use an address of that network`,
  ],
  [
    "the server has a host address",
    "address: 10.0.100.10\n",
    "address: 10.0.100.255\n",
    `5:12: ${server}: 10.0.100.255 is the provisioning network's own or broadcast address: use one between them`,
  ],
  [
    "the server is not in the pool",
    "address: 10.0.100.10\n",
    "address: 10.0.100.150\n",
    `5:12: ${server}: 10.0.100.150 lies inside the pool ${pool}: move the server, shrink the pool or exclude the address`,
  ],
  [
    "the gateway is on the provisioning network",
    "gateway: 10.0.100.1\n",
    "gateway: 10.0.10.1\n",
    `10:14: ${provisioning}.gateway: 10.0.10.1 is outside the provisioning network 10.0.100.0/24: use an address of that network`,
  ],
  [
    "the gateway is not in the pool",
    "gateway: 10.0.100.1\n",
    "gateway: 10.0.100.200\n",
    `10:14: ${provisioning}.gateway: 10.0.100.200 lies inside the pool ${pool}: shrink the pool or exclude the address, or a machine gets the gateway's address`,
  ],
  [
    "the pool lies in the provisioning network",
    "start: 10.0.100.100, end: 10.0.100.200",
    "start: 10.0.99.100, end: 10.0.101.200",
    `5:12: ${server}: 10.0.100.10 lies inside the pool 10.0.99.100-10.0.101.200: move the server, shrink the pool or exclude the address`,
    `10:14: ${provisioning}.gateway: 10.0.100.1 lies inside the pool 10.0.99.100-10.0.101.200: shrink the pool or exclude the address, or a machine gets the gateway's address`,
    `11:20: ${provisioning}.pool.start: 10.0.99.100 is outside the provisioning network 10.0.100.0/24: use an address of that network`,
    `11:38: ${provisioning}.pool.end: 10.0.101.200 is outside the provisioning network 10.0.100.0/24: use an address of that network`,
    "26:26: nodes.node01.provisioningAddress: 10.0.100.50 lies inside the pool 10.0.99.100-10.0.101.200: reserve an address outside it, or exclude this one from the pool",
    "37:26: nodes.node02.provisioningAddress: 10.0.100.80 lies inside the pool 10.0.99.100-10.0.101.200: reserve an address outside it, or exclude this one from the pool",
  ],
  [
    "the pool starts before it ends",
    "start: 10.0.100.100, end: 10.0.100.200",
    "start: 10.0.100.200, end: 10.0.100.100",
    `11:11: ${provisioning}.pool: the pool starts at 10.0.100.200, after its end 10.0.100.100: exchange the two`,
  ],
  [
    "a lease is no longer than the longest",
    "domain: prov.example.com\n",
    "domain: prov.example.com\n    leaseSeconds: 7201\n",
    `14:19: ${provisioning}.leaseSeconds: 7201 s is more than maxLeaseSeconds 7200 s: lower it or raise the maximum`,
  ],
  [
    "the production gateway is on the production network",
    "gateway: 10.0.200.1,",
    "gateway: 10.0.20.1,",
    "14:47: networks.production.gateway: 10.0.20.1 is outside the production network 10.0.200.0/24: use an address of that network",
  ],
  [
    "a profile is declared",
    "profile: worker",
    "profile: workers",
    '35:14: nodes.node02.profile: node node02 names the profile "workers", which is not declared under profiles: did you mean "worker"?',
  ],
  [
    "a name that objects inherit is no declared profile",
    "profile: worker",
    "profile: constructor",
    '35:14: nodes.node02.profile: node node02 names the profile "constructor", which is not declared under profiles: there are control-plane, worker',
  ],
  [
    "each node has its own MAC, in whatever notation",
    "52-54-00-12-34-57",
    "5254.0012.3456",
    "34:10: nodes.node02.mac: node node02 has the MAC 52:54:00:12:34:56 of node node01: give each machine its own",
  ],
  [
    "each node has its own provisioning address",
    "10.0.100.80",
    "10.0.100.50",
    "37:26: nodes.node02.provisioningAddress: node node02 has the provisioning address 10.0.100.50 of node node01: give each machine its own",
  ],
  [
    "each node has its own production address",
    "10.0.200.20",
    "10.0.200.10",
    "38:24: nodes.node02.productionAddress: node node02 has the production address 10.0.200.10 of node node01: give each machine its own",
  ],
  [
    "each node has its own BMC",
    "10.0.10.51",
    "10.0.10.50",
    "41:16: nodes.node02.bmc.address: node node02 has the BMC 10.0.10.50:623 of node node01: give each machine its own",
  ],
  [
    "a node boots on the provisioning network",
    "10.0.100.50",
    "10.0.200.50",
    "26:26: nodes.node01.provisioningAddress: 10.0.200.50 is outside the provisioning network 10.0.100.0/24: use an address of that network",
  ],
  [
    "a node's reservation is not in the pool",
    "10.0.100.50",
    "10.0.100.100",
    `26:26: nodes.node01.provisioningAddress: 10.0.100.100 lies inside the pool ${pool}: reserve an address outside it, or exclude this one from the pool`,
  ],
  [
    "a node doesn't take the server's address",
    "10.0.100.50",
    "10.0.100.10",
    "26:26: nodes.node01.provisioningAddress: 10.0.100.10 is the address of the server: choose another",
  ],
  [
    "a node doesn't take the gateway's address",
    "10.0.100.50",
    "10.0.100.1",
    "26:26: nodes.node01.provisioningAddress: 10.0.100.1 is the address of the gateway: choose another",
  ],
  [
    "a node serves on the production network",
    "10.0.200.20",
    "10.0.20.20",
    "38:24: nodes.node02.productionAddress: 10.0.20.20 is outside the production network 10.0.200.0/24: use an address of that network",
  ],
  [
    "a node doesn't take the network's own address",
    "10.0.200.20",
    "10.0.200.0",
    "38:24: nodes.node02.productionAddress: 10.0.200.0 is the production network's own or broadcast address: use one between them",
  ],
  [
    "a node doesn't take the production gateway's address",
    "10.0.200.20",
    "10.0.200.1",
    "38:24: nodes.node02.productionAddress: 10.0.200.1 is the address of the production gateway: choose another",
  ],
  [
    "a BMC is on the management network",
    "10.0.10.50",
    "10.0.100.60",
    "30:16: nodes.node01.bmc.address: 10.0.100.60 is outside the management network 10.0.10.0/24: use an address of that network",
  ],
];

test.each(broken)("%s", (_rule, piece, replacement, ...problems) => {
  expect(problemsOf(edited(piece, replacement))).toEqual(
    problems.map((problem) => `site.yaml:${problem}`),
  );
});

test("without any profile the advice is to declare one", () => {
  const text = edited(
    "profiles:\n  control-plane: { role: control-plane }\n  worker",
    "profiles: {}\nx",
  ).replace(/^x.*\n/m, "");
  expect(problemsOf(text)).toEqual([
    'site.yaml:22:14: nodes.node01.profile: node node01 names the profile "control-plane", which is not declared under profiles: declare it there',
    'site.yaml:33:14: nodes.node02.profile: node node02 names the profile "worker", which is not declared under profiles: declare it there',
  ]);
});

test("BMCs behind one address are told apart by their ports", () => {
  expect(problemsOf(edited("10.0.10.51\n", "10.0.10.50\n      port: 6231\n"))).toEqual([]);
});

test("both addresses of a /31 are host addresses", () => {
  expect(
    problemsOf(
      edited(
        "10.0.200.0/24, gateway: 10.0.200.1,",
        "10.0.200.10/31, gateway: 10.0.200.11,",
      ).replace("10.0.200.20", "10.0.200.12"),
    ),
  ).toEqual([
    "site.yaml:38:24: nodes.node02.productionAddress: 10.0.200.12 is outside the production network 10.0.200.10/31: use an address of that network",
  ]);
});
