import { expect, test } from "vitest";
import { edited, problemsOf } from "./edit.ts";

// What is wrong, the piece of the good file, what stands there instead, and every problem as line:column: path: message.
const bad: readonly (readonly [string, string, string, ...string[]])[] = [
  [
    "a tab as indent",
    "  address: 10.0.100.10",
    "\taddress: 10.0.100.10",
    "5:1: not valid YAML: Tabs are not allowed as indentation",
  ],
  [
    "a bracket that is not closed",
    "dns: [10.0.100.1, 8.8.8.8]",
    "dns: [10.0.100.1, 8.8.8.8",
    "13:5: not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]",
  ],
  [
    "a key written twice",
    "site: example\n",
    "site: example\nsite: other\n",
    "2:1: site is written twice in the same map: remove one or rename it",
  ],
  [
    "a node written twice",
    "  node02:",
    "  node01:",
    "33:3: node01 is written twice in the same map: remove one or rename it",
  ],
  [
    "an unknown tag",
    "site: example\n",
    "site: !secret example\n",
    "1:7: !secret is no tag known here: remove it or quote the value",
  ],
  [
    "an alias without its anchor",
    "flake: ./flake",
    "flake: *flake",
    "17:10: *flake names no anchor above it: write &flake there, or quote the value",
  ],
  [
    "a second document",
    "nodes:\n",
    "---\nnodes:\n",
    "21:1: a second document starts here: keep one in each file",
  ],
  [
    "a power group that a shell would read otherwise",
    "    disk: /dev/sda\n",
    "    disk: /dev/sda\n    powerGroup: PDU A\n",
    '29:17: nodes.node01.powerGroup: "PDU A" is not a power group of lower-case letters, digits, dots, underscores and hyphens, at most 63',
  ],
  [
    "limits of power that stop every start",
    "profiles:\n",
    "power: { startsPerSecond: 0, concurrency: 0, pollSeconds: 1, perGroup: 1 }\nprofiles:\n",
    "18:27: power.startsPerSecond: 0 is less than 0.01: use 0.01 or more",
    "18:43: power.concurrency: 0 is less than 1: use 1 or more",
    "18:59: power.pollSeconds: 1 is less than 5: use 5 or more",
    '18:62: power.perGroup: "perGroup" is no setting here: there are startsPerSecond, startsPerSecondPerGroup, concurrency, pollSeconds, softOffSeconds',
  ],
  [
    "a missing section",
    "install:\n  flake: ./flake\n",
    "",
    "1:1: install: is missing: add a map of settings",
  ],
  [
    "a missing value",
    "    mac: 52:54:00:12:34:56\n",
    "",
    "22:3: nodes.node01.mac: is missing: add a MAC address such as 52:54:00:12:34:56",
  ],
  [
    "a key without a value",
    "flake: ./flake",
    "flake:",
    "17:9: install.flake: has no value: write a flake such as /srv/provisioning or github:owner/name, without # and what follows",
  ],
  [
    "a misspelt setting",
    "interface: eth0",
    "iface: eth0",
    "4:1: server.interface: is missing: add the name of a network interface such as eth0",
    '6:3: server.iface: "iface" is no setting here: did you mean "interface"?',
  ],
  [
    "a text where a map belongs",
    "cluster: { name: prod-cluster }",
    "cluster: prod-cluster",
    '3:10: cluster: "prod-cluster" is not a map of settings',
  ],
  [
    "a text where a list belongs",
    "dns: [10.0.200.1]",
    "dns: 10.0.200.1",
    '14:64: networks.production.dns: "10.0.200.1" is not a list',
  ],
  [
    "an empty list",
    "dns: [10.0.200.1]",
    "dns: []",
    "14:64: networks.production.dns: the list is empty: name at least 1",
  ],
  [
    "a site name with a capital",
    "site: example\n",
    "site: Example\n",
    '1:7: site: "Example" is not a host name of lower-case letters, digits and inner hyphens, at most 63',
  ],
  [
    "a domain with an empty label",
    "domain: prov.example.com",
    "domain: prov..example.com",
    '13:13: networks.provisioning.domain: "prov..example.com" is not a domain name in lower case such as example.com',
  ],
  [
    "an address with a part above 255",
    "gateway: 10.0.100.1\n",
    "gateway: 10.0.300.1\n",
    '10:14: networks.provisioning.gateway: "10.0.300.1" is not an IPv4 address: each of its four parts is 0 to 255, and 300 is more; the number of a VLAN is written as vlan: 300',
  ],
  [
    "a list entry that is no address",
    "8.8.8.8",
    "8.8.8",
    '12:23: networks.provisioning.dns.1: "8.8.8" is not an IPv4 address such as 10.0.100.50',
  ],
  [
    "a network with host bits",
    "10.0.10.0/24",
    "10.0.10.1/24",
    '15:23: networks.management.cidr: "10.0.10.1/24" is the address of a machine in a network: write the network as 10.0.10.0/24',
  ],
  [
    "a short MAC",
    "52:54:00:12:34:56",
    "52:54:00:12:34",
    '23:10: nodes.node01.mac: "52:54:00:12:34" is not a MAC address such as 52:54:00:12:34:56',
  ],
  [
    "a MAC that YAML reads as a number",
    "52-54-00-12-34-57",
    "525400123457",
    "34:10: nodes.node02.mac: 525400123457 is not a MAC address such as 52:54:00:12:34:56",
  ],
  [
    "a profile name with a space",
    "profile: worker",
    "profile: a worker",
    '35:14: nodes.node02.profile: "a worker" is not a profile name of lower-case letters, digits and hyphens, at most 63',
  ],
  [
    "an unknown firmware",
    "firmware: uefi",
    "firmware: efi",
    '25:15: nodes.node01.firmware: "efi" is not one of bios, uefi: did you mean "uefi"?',
  ],
  [
    "an unknown role",
    "{ role: control-plane }",
    "{ role: master }",
    '19:26: profiles.control-plane.role: "master" is not one of control-plane, worker, all-in-one',
  ],
  [
    "a relative disk path",
    "disk: /dev/sda",
    "disk: sda",
    '28:11: nodes.node01.disk: "sda" is not the absolute path of a disk such as /dev/sda',
  ],
  [
    "a kernel argument that would break a boot script",
    "[console=ttyS0]",
    "[console=$mac]",
    '20:45: profiles.worker.kernelArguments.0: "console=$mac" is not one kernel argument of letters, digits and _ . , : / @ = + - (one list entry each)',
  ],
  [
    "a fallback loader with folders",
    "profiles:\n",
    "boot: { fallbackLoader: ../ipxe.efi }\nprofiles:\n",
    '18:25: boot.fallbackLoader: "../ipxe.efi" is not a loader\'s file name without folders such as ipxe.efi or undionly.kpxe',
  ],
  [
    "a node's loader that the asset directory would not have as one",
    "disk: /dev/sda\n",
    "disk: /dev/sda\n    loader: memdisk\n",
    '29:13: nodes.node01.loader: "memdisk" is not a loader\'s file name without folders such as ipxe.efi or undionly.kpxe',
  ],
  [
    "an interface name that is too long",
    "interface: eth0",
    "interface: provisioning-net0",
    '6:14: server.interface: "provisioning-net0" is not the name of a network interface such as eth0',
  ],
  [
    "a port out of range",
    "interface: eth0\n",
    "interface: eth0\n  httpPort: 70000\n",
    "7:13: server.httpPort: 70000 is more than 65535: use 65535 or less",
  ],
  [
    "a port that is not whole",
    "interface: eth0\n",
    "interface: eth0\n  httpPort: 80.5\n",
    "7:13: server.httpPort: 80.5 is not a whole number",
  ],
  [
    "a port as text",
    "interface: eth0\n",
    "interface: eth0\n  httpPort: http\n",
    '7:13: server.httpPort: "http" is not a number',
  ],
  [
    "a lease that is too short",
    "domain: prov.example.com\n",
    "domain: prov.example.com\n    leaseSeconds: 5\n",
    "14:19: networks.provisioning.leaseSeconds: 5 is less than 60: use 60 or more",
  ],
  [
    "a lease that does not fit the option",
    "domain: prov.example.com\n",
    "domain: prov.example.com\n    maxLeaseSeconds: 4294967296\n",
    "14:22: networks.provisioning.maxLeaseSeconds: 4294967296 is more than 4294967295: use 4294967295 or less",
  ],
  [
    "a pool that is a word",
    "pool: { start: 10.0.100.100, end: 10.0.100.200 }",
    "pool: all",
    '11:11: networks.provisioning.pool: "all" is not a map of settings',
  ],
  [
    "a pool without a value",
    "pool: { start: 10.0.100.100, end: 10.0.100.200 }",
    "pool:",
    "11:10: networks.provisioning.pool: has no value: write a map of settings",
  ],
  [
    "a pool of no ranges",
    "pool: { start: 10.0.100.100, end: 10.0.100.200 }",
    "pool: []",
    "11:11: networks.provisioning.pool: the list is empty: name at least 1",
  ],
  [
    "a pool whose end is missing",
    "pool: { start: 10.0.100.100, end: 10.0.100.200 }",
    "pool: { start: 10.0.100.100, stop: 10.0.100.200 }",
    "11:5: networks.provisioning.pool.end: is missing: add an IPv4 address such as 10.0.100.50",
    '11:34: networks.provisioning.pool.stop: "stop" is no setting here: there are start, end',
  ],
  [
    "a list of ranges with one that is wrong",
    "pool: { start: 10.0.100.100, end: 10.0.100.200 }",
    "pool: [{ start: 10.0.100.100, end: 10.0.100.120 }, { start: 10.0.100, end: 10.0.100.200 }]",
    '11:65: networks.provisioning.pool.1.start: "10.0.100" is not an IPv4 address such as 10.0.100.50',
  ],
  [
    "an excluded address that is none",
    "domain: prov.example.com\n",
    "domain: prov.example.com\n    exclude: [10.0.100.150, 160, { start: 10.0.100.170 }]\n",
    "14:29: networks.provisioning.exclude.1: 160 is not an IPv4 address such as 10.0.100.50",
    "14:34: networks.provisioning.exclude.2.end: is missing: add an IPv4 address such as 10.0.100.50",
  ],
  [
    "an MTU below what every host must take",
    "domain: prov.example.com\n",
    "domain: prov.example.com\n    mtu: 575\n",
    "14:10: networks.provisioning.mtu: 575 is less than 576: use 576 or more",
  ],
  [
    "an MTU above what fits the option",
    "domain: prov.example.com\n",
    "domain: prov.example.com\n    mtu: 65536\n",
    "14:10: networks.provisioning.mtu: 65536 is more than 65535: use 65535 or less",
  ],
  [
    "a route whose network has host bits",
    "domain: prov.example.com\n",
    "domain: prov.example.com\n    routes: [{ to: 10.0.0.1/8, via: 10.0.100.1 }]\n",
    '14:20: networks.provisioning.routes.0.to: "10.0.0.1/8" is the address of a machine in a network: write the network as 10.0.0.0/8',
  ],
  [
    "a mode that is not offered",
    "domain: prov.example.com\n",
    "domain: prov.example.com\n    mode: false\n",
    "14:11: networks.provisioning.mode: false is not one of authoritative, proxy, off",
  ],
  [
    "an interface of the provisioning network, which server.interface names",
    "domain: prov.example.com\n",
    "domain: prov.example.com\n    interface: eth0\n",
    '14:5: networks.provisioning.interface: "interface" is no setting here: there are cidr, gateway, pool, exclude, dns, domain, searchDomains, ntp, mtu, routes, leaseSeconds, minLeaseSeconds, maxLeaseSeconds, mode, vlan',
  ],
  [
    "a network name with a capital",
    "install:\n",
    "dhcp: { subnets: { Rack-B: { cidr: 10.0.101.0/24 } } }\ninstall:\n",
    '16:20: dhcp.subnets.Rack-B: "Rack-B" is not a network name of lower-case letters, digits and hyphens, at most 63',
  ],
  [
    "an interface without an address",
    "interface: eth0\n",
    "interface: eth0\n  interfaces: [eth1]\n",
    "7:15: server.interfaces: a list is not a map of names",
  ],
  [
    "a way to the disk that does not exist",
    "disk: /dev/sda\n",
    "disk: /dev/sda\n    localBoot: exit1\n",
    '29:16: nodes.node01.localBoot: "exit1" is not one of auto, sanboot, exit, exit-1: did you mean "exit-1"?',
  ],
  [
    "a trust that does not exist",
    "flake: ./flake\n",
    "flake: ./flake\n  hostKey: never\n",
    '18:12: install.hostKey: "never" is not one of pinned, first-use',
  ],
  [
    "a node's loader with folders",
    "disk: /dev/sda\n",
    "disk: /dev/sda\n    loader: efi/snponly.efi\n",
    '29:13: nodes.node01.loader: "efi/snponly.efi" is not a loader\'s file name without folders such as ipxe.efi or undionly.kpxe',
  ],
  [
    "a site's download rate of zero",
    "profiles:\n",
    "boot: { downloadMiBPerSecond: 0 }\nprofiles:\n",
    "18:31: boot.downloadMiBPerSecond: 0 is less than 0.1: use 0.1 or more",
  ],
  [
    "a node's download rate in words",
    "disk: /dev/sda\n",
    "disk: /dev/sda\n    downloadMiBPerSecond: slow\n",
    '29:27: nodes.node01.downloadMiBPerSecond: "slow" is not a number',
  ],
  [
    "less than no memory for images",
    "interface: eth0\n",
    "interface: eth0\n  imageMemoryMiB: -1\n",
    "7:19: server.imageMemoryMiB: -1 is less than 0: use 0 or more",
  ],
  [
    "a part of a mebibyte for images",
    "interface: eth0\n",
    "interface: eth0\n  imageMemoryMiB: 0.5\n",
    "7:19: server.imageMemoryMiB: 0.5 is not a whole number",
  ],
  [
    "Secure Boot on a BIOS",
    "firmware: uefi\n",
    "firmware: bios\n    secureBoot: true\n",
    '26:17: nodes.node01.secureBoot: node node01 has firmware "bios", which knows no Secure Boot: set firmware: uefi, or leave secureBoot out',
  ],
  [
    "a timeout of zero",
    "profiles:\n",
    "timeouts: { joinSeconds: 0 }\nprofiles:\n",
    "18:26: timeouts.joinSeconds: 0 is not more than 0: use a larger number",
  ],
  [
    "a cipher suite that is not offered",
    "address: 10.0.10.50\n",
    "address: 10.0.10.50\n      cipherSuite: 0\n",
    "31:20: nodes.node01.bmc.cipherSuite: 0 is not one of 3, 17, best",
  ],
  [
    "a BMC kind that is not offered",
    "address: 10.0.10.50\n",
    "address: 10.0.10.50\n      kind: ilo\n",
    '31:13: nodes.node01.bmc.kind: "ilo" is not one of ipmi, ipmitool, redfish',
  ],
  [
    "an empty BMC user",
    "10.0.10.50\n      user: admin",
    "10.0.10.50\n      user: ''",
    "31:13: nodes.node01.bmc.user: is empty: write a value",
  ],
  [
    "a BMC user that is too long",
    "10.0.10.50\n      user: admin",
    "10.0.10.50\n      user: a-very-long-user-name",
    '31:13: nodes.node01.bmc.user: "a-very-long-user-name" has 21 characters: use at most 16',
  ],
  [
    "a password in the file",
    "{ env: BMC_PASSWORD }",
    "hunter2",
    "32:17: nodes.node01.bmc.password: a secret is never written here: use { env: NAME }, { file: PATH } or { cmd: [PROGRAM, ARGUMENT…] }",
  ],
  [
    "a secret in place of a variable's name",
    "{ env: BMC_PASSWORD }",
    "{ env: hunter-2 }",
    "32:24: nodes.node01.bmc.password.env: is not the name of an environment variable: use letters, digits and _",
  ],
  [
    "a secret with two places",
    "{ env: BMC_PASSWORD }",
    "{ env: A, file: b }",
    "32:17: nodes.node01.bmc.password: a secret is never written here: use { env: NAME }, { file: PATH } or { cmd: [PROGRAM, ARGUMENT…] }",
  ],
  [
    "a secret command that is not a list",
    "{ env: BMC_PASSWORD }",
    "{ cmd: sops -d bmc.txt }",
    "32:17: nodes.node01.bmc.password: a secret is never written here: use { env: NAME }, { file: PATH } or { cmd: [PROGRAM, ARGUMENT…] }",
  ],
  [
    "a secret command without a program",
    "{ env: BMC_PASSWORD }",
    "{ cmd: [] }",
    "32:24: nodes.node01.bmc.password.cmd: the list is empty: name at least 1",
  ],
  [
    "an empty secret file name",
    "{ file: secrets/node02 }",
    "{ file: '' }",
    '43:25: nodes.node02.bmc.password.file: "" is not a path of letters, digits, blanks and _ . , : / @ = + ~ % ( ) -',
  ],
  [
    "a node name with an underscore",
    "  node02:",
    "  node_02:",
    '33:3: nodes.node_02: "node_02" is not a host name of lower-case letters, digits and inner hyphens, at most 63',
  ],
];

test("the unedited file is sound", () => {
  expect(problemsOf(edited("site: example\n", "site: example\n"))).toEqual([]);
});

test.each(bad)("%s is refused where it stands", (_what, piece, replacement, ...problems) => {
  expect(problemsOf(edited(piece, replacement))).toEqual(
    problems.map((problem) => `site.yaml:${problem}`),
  );
});

test.each([
  ["an empty file", "", "the file is empty: start from inventory/site.yaml"],
  ["only comments", "# later\n", "the file is empty: start from inventory/site.yaml"],
  ["a list", "- node01\n", "a list is not a map of settings"],
  ["a word", "hello\n", '"hello" is not a map of settings'],
])("%s is no inventory", (_what, text, message) => {
  expect(problemsOf(text)).toEqual([`site.yaml:1:1: ${message}`]);
});

test("aliases that multiply each other are refused, not expanded", () => {
  const line = (name: string, of: string) =>
    `${name}: &${name} [${Array(20).fill(of).join(", ")}]\n`;
  const text = line("a", "x") + line("b", "*a") + line("c", "*b") + line("d", "*c");
  expect(problemsOf(text)).toEqual([
    "site.yaml:1:1: the aliases in this file can't be followed: Excessive alias count indicates a resource exhaustion attack",
  ]);
});

test("a wrong value is shown at its anchor and at each alias of it", () => {
  const text = edited("cidr: 10.0.100.0/24\n", "cidr: &net 10.0.100.1/24\n").replace(
    "management: { cidr: 10.0.10.0/24 }",
    "management: { cidr: *net }",
  );
  expect(problemsOf(text)).toEqual([
    'site.yaml:9:16: networks.provisioning.cidr: "10.0.100.1/24" is the address of a machine in a network: write the network as 10.0.100.0/24',
    'site.yaml:15:23: networks.management.cidr: "10.0.100.1/24" is the address of a machine in a network: write the network as 10.0.100.0/24',
  ]);
});

test("a wrong value inside an aliased map is shown in the map", () => {
  const text = edited(
    "    bmc:\n      address: 10.0.10.50\n",
    "    bmc: &bmc\n      address: 10.0.10\n",
  ).replace(/bmc:\n {6}address: 10\.0\.10\.51[\s\S]*/, "bmc: *bmc\n");
  const message = '"10.0.10" is not an IPv4 address such as 10.0.100.50';
  expect(problemsOf(text)).toEqual([
    `site.yaml:30:16: nodes.node01.bmc.address: ${message}`,
    `site.yaml:30:16: nodes.node02.bmc.address: ${message}`,
  ]);
});

test("several problems come in the order of the file", () => {
  const text = edited("domain: example.com\n", "domain: Example\n").replace(
    "disk: /dev/sda",
    "disk: sda",
  );
  expect(problemsOf(text).map((line) => line.split(" ")[1])).toEqual([
    "domain:",
    "nodes.node01.disk:",
  ]);
});

test("no message shows what stands in the place of a secret", () => {
  const places = [
    "hunter2",
    "{ env: hunter-2 }",
    "{ value: hunter2 }",
    "{ env: [hunter2] }",
    "[hunter2]",
  ];
  for (const place of places) {
    const problems = problemsOf(edited("{ env: BMC_PASSWORD }", place));
    expect(problems).toHaveLength(1);
    expect(problems.join("\n")).not.toMatch(/hunter/);
  }
});
