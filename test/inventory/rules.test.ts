// Rules of interfaces, disks, services and the cluster, secrets in the text, and warnings.

import { expect, test } from "vitest";
import { parseInventory } from "../../src/inventory/load.ts";
import { edited, problemsOf } from "./edit.ts";

const disk = "    disk: /dev/sda\n";
const node = (lines: string) => edited(disk, `${disk}${lines}`);
const top = (lines: string) => edited("profiles:\n", `${lines}profiles:\n`);
const disks = (text: string) => edited("    disk: /dev/sda\n", `    disk: ${text}\n`);
const usual = "nics: { eth0: { network: provisioning }, eth1: { network: production } }\n";
const own = (lines: string) => node(`    ${usual}${lines}`);

// The rule, a file that breaks it, and every problem without its place.
test.each<[string, string, ...string[]]>([
  [
    "a serial number is one machine's",
    both("serial: CZ1"),
    "nodes.node02.serial: node node02 has the serial number CZ1 of node node01: give each machine its own",
  ],
  [
    "a UUID is one machine's, in whatever case",
    both("uuid: 4c4c4544-0051-3510-8052-b4c04f4a3332").replace("4c4c", "4C4C"),
    "nodes.node02.uuid: node node02 has the UUID 4c4c4544-0051-3510-8052-b4c04f4a3332 of node node01: give each machine its own",
  ],
  [
    "a place in a rack is one machine's",
    both("rack: r1\n    position: 12"),
    "nodes.node02.position: node node02 has the place r1 12 of node node01: give each machine its own",
  ],
  [
    "a card is one machine's",
    own("").replace("eth1: {", "eth1: { mac: 52:54:00:12:34:57,"),
    "nodes.node02.mac: node node02 has the MAC 52:54:00:12:34:57 of node node01: give each machine its own",
  ],
  [
    "two cards have two MACs",
    own("").replace("eth1: {", "eth2: { mac: 52:54:00:12:34:01 }, eth1: { mac: 52:54:00:12:34:01,"),
    "nodes.node01.nics.eth1.mac: 52:54:00:12:34:01 is the MAC of eth2, too: correct one of the two",
  ],
  [
    "the card in the provisioning network is the one that boots",
    own("").replace("eth0: {", "eth0: { mac: 52:54:00:12:34:01,"),
    "nodes.node01.nics.eth0.mac: 52:54:00:12:34:01 is not the node's mac 52:54:00:12:34:56, which is the card that boots: correct one of the two",
  ],
  [
    "a retired machine is gone",
    top('retired: { 52-54-00-12-34-56: "sold" }\n'),
    "nodes.node01.mac: node node01 has the retired MAC 52:54:00:12:34:56: remove it under retired to take the machine back, or remove the node",
  ],
  [
    "a BMC does not have a node's address",
    edited("10.0.10.0/24", "10.0.0.0/16").replace("10.0.10.51", "10.0.100.50"),
    "nodes.node02.bmc.address: 10.0.100.50 is the BMC of node node02 and the provisioning address of node node01: give each its own",
  ],
  [
    "the server is not the gateway",
    edited("address: 10.0.100.10\n", "address: 10.0.100.1\n"),
    "networks.provisioning.gateway: 10.0.100.1 is the gateway of provisioning and this server's address on eth0: give each its own",
  ],
  [
    "a virtual address is no node's",
    vips("iam: 10.0.200.10"),
    "networks.production.vips.iam: 10.0.200.10 is the virtual address of iam and the production address of node node01: give each its own",
  ],
  [
    "a virtual address lies in the production network",
    vips("iam: 10.0.201.10"),
    "networks.production.vips.iam: 10.0.201.10 is outside the production network 10.0.200.0/24: use an address of that network",
  ],
  [
    "a gateway lies in its network",
    edited("{ cidr: 10.0.10.0/24 }", "{ cidr: 10.0.10.0/24, gateway: 10.0.11.1 }"),
    "networks.management.gateway: 10.0.11.1 is outside the management network 10.0.10.0/24: use an address of that network",
  ],
  [
    "each network has its own VLAN",
    edited(
      "{ cidr: 10.0.10.0/24 }",
      "{ cidr: 10.0.10.0/24, vlan: 5 }\n  client: { cidr: 10.3.0.0/24, vlan: 5 }",
    ),
    "networks.client.vlan: 5 is the VLAN of the management network already: give each network its own",
  ],
  [
    "a peer is a node",
    edited("name: prod-cluster", "name: prod-cluster, peers: [node1, node01]"),
    'cluster.peers.0: "node1" is no node of this inventory: did you mean "node01"?',
  ],
  [
    "a peer votes",
    edited("name: prod-cluster", "name: prod-cluster, peers: [node01, node02]"),
    "cluster.peers.1: node02 has the role worker, which forms no cluster: name nodes whose role is control-plane or all-in-one",
  ],
  [
    "a peer is named once",
    edited("name: prod-cluster", "name: prod-cluster, peers: [node01, node01]"),
    "cluster.peers.1: node01 is named twice: remove one",
  ],
  [
    "a layer is named once",
    edited("name: prod-cluster", "name: prod-cluster, layers: [flaredb, flaredb]"),
    "cluster.layers.1: flaredb is named twice: remove one",
  ],
  [
    "a layer has a driver",
    edited("name: prod-cluster", "name: prod-cluster, layers: [consul]"),
    'cluster.layers.0: "consul" is not one of chainfire, flaredb, etcd',
  ],
  [
    "etcd and a service of its nodes have their own ports",
    edited("name: prod-cluster", "name: prod-cluster, layers: [etcd]"),
    "services.chainfire.port: 2379 is the port of etcd already, and node node01 runs both: choose another",
    "services.chainfire.raftPort: 2380 is the port of etcd already, and node node01 runs both: choose another",
  ],
  [
    "two services of a node have two ports",
    top("services: { iam: { port: 2380 } }\n"),
    "services.iam.port: 2380 is the port of services.chainfire.raftPort already, and node node01 runs both: choose another",
  ],
  [
    "no service takes the port of SSH",
    top("services: { flaredb: { port: 22 } }\n"),
    "services.flaredb.port: 22 is the port of SSH already, and node node01 runs both: choose another",
  ],
  [
    "a member of a bond is a card",
    own("    bonds: { bond0: { members: [eth2] } }\n"),
    'nodes.node01.bonds.bond0.members.0: "eth2" is no card of this node under nics: did you mean "eth0"?',
  ],
  [
    "a member of a bond has no network",
    own("    bonds: { bond0: { members: [eth1] } }\n"),
    "nodes.node01.bonds.bond0.members.0: eth1 has a network of its own, and a member of a bond has none: give it to bond0, and write eth1: {} under nics",
  ],
  [
    "a card is in one bond",
    own("    bonds: { bond0: { members: [eth2] }, bond1: { members: [eth2] } }\n").replace(
      "eth1: {",
      "eth2: {}, eth1: {",
    ),
    "nodes.node01.bonds.bond1.members.0: eth2 is a member of bond0 already: a card is in one bond, once",
  ],
  [
    "an interface has one name",
    own("    bonds: { eth1: { members: [eth2] } }\n").replace("eth1: {", "eth2: {}, eth1: {"),
    "nodes.node01.bonds.eth1: eth1 is the name of another interface of this node: choose another",
  ],
  [
    "a VLAN is on a card or bond",
    own("    vlans: { v5: { id: 5, link: eth10 } }\n"),
    'nodes.node01.vlans.v5.link: "eth10" is no card or bond of this node: did you mean "eth0"?',
  ],
  [
    "a VLAN is on the bond and not on its member",
    own(
      "    bonds: { bond0: { members: [eth2] } }\n    vlans: { v5: { id: 5, link: eth2 } }\n",
    ).replace("eth1: {", "eth2: {}, eth1: {"),
    "nodes.node01.vlans.v5.link: eth2 is a member of bond0: put the VLAN on bond0",
  ],
  [
    "a VLAN is on a card once",
    own("    vlans: { v5: { id: 5, link: eth1 }, w5: { id: 5, link: eth1 } }\n"),
    "nodes.node01.vlans.w5.id: VLAN 5 on eth1 is v5 already: remove one of the two",
  ],
  [
    "a VLAN has its network's number",
    own(
      "    vlans: { v5: { id: 5, link: eth1, network: management, address: 10.0.10.9 } }\n",
    ).replace("{ cidr: 10.0.10.0/24 }", "{ cidr: 10.0.10.0/24, vlan: 6 }"),
    "nodes.node01.vlans.v5.id: 5 is not 6, the VLAN of the management network: correct one of the two",
  ],
  [
    "an interface faces the production network",
    node("    nics: { eth0: { network: provisioning } }\n"),
    "nodes.node01.nics: no interface of this node has network: production: say which one faces it",
  ],
  [
    "one interface alone faces it",
    own("    vlans: { v5: { id: 5, link: eth0, network: production } }\n"),
    "nodes.node01.vlans.v5.network: eth1 is in the production network already, and the node has one address there: remove one of the two",
  ],
  [
    "an address has a network",
    own("    vlans: { v5: { id: 5, link: eth0, address: 10.3.0.1 } }\n"),
    "nodes.node01.vlans.v5.address: v5 has an address and no network: add network:",
  ],
  [
    "a network gives an address",
    own("    vlans: { v5: { id: 5, link: eth0, network: management } }\n"),
    "nodes.node01.vlans.v5: v5 has no address in the management network: add address:",
  ],
  [
    "an interface's address lies in its network",
    own("    vlans: { v5: { id: 5, link: eth0, network: management, address: 10.3.0.1 } }\n"),
    "nodes.node01.vlans.v5.address: 10.3.0.1 is outside the management network 10.0.10.0/24: use an address of that network",
  ],
  [
    "an interface does not take a BMC's address",
    own("    vlans: { v5: { id: 5, link: eth0, network: management, address: 10.0.10.51 } }\n"),
    "nodes.node01.vlans.v5.address: 10.0.10.51 is the address of v5 of node node01 and the BMC of node node02: give each its own",
  ],
  [
    "the client network is declared",
    own("    vlans: { v5: { id: 5, link: eth0, network: client, address: 10.3.0.1 } }\n"),
    "nodes.node01.vlans.v5.network: client is not declared: add it under networks",
  ],
  [
    "in production an interface has the node's address",
    own("").replace("network: production }", "network: production, address: 10.0.200.99 }"),
    "nodes.node01.nics.eth1.address: 10.0.200.99 is not 10.0.200.10, which the node has in the production network: remove it here",
  ],
  [
    "a path is one disk",
    disks("{ path: /dev/sda, size: largest }"),
    "nodes.node01.disk.size: /dev/sda is one disk, and largest chooses among several: write its size such as 480GB, or leave the path out",
  ],
  [
    "a range of sizes has an order",
    disks("{ size: { min: 2TB, max: 1TB } }"),
    "nodes.node01.disk.size: min is more than max: exchange the two",
  ],
  [
    "a mirror has two disks",
    node("    layout: { kind: mirror, second: /dev/sda }\n"),
    "nodes.node01.layout.second: /dev/sda is the first disk of the mirror, too: name another",
  ],
  [
    "a layout is one of four",
    node("    layout: { kind: mirrored }\n"),
    'nodes.node01.layout.kind: "mirrored" is not one of single, mirror, lvm, luks: did you mean "mirror"?',
  ],
  [
    "the system has a volume",
    node("    layout: { kind: lvm, volumes: { data: { size: 50G, mountpoint: /var } } }\n"),
    "nodes.node01.layout.volumes: no volume has mountpoint: /, and the system needs one: add it",
  ],
  [
    "a volume has its own place",
    node(
      "    layout: { kind: lvm, volumes: { a: { size: 50G, mountpoint: / }, b: { size: 50G, mountpoint: / } } }\n",
    ),
    "nodes.node01.layout.volumes.b.mountpoint: / is where a is mounted already: choose another",
  ],
  [
    "one volume takes what is left",
    node(
      "    layout: { kind: lvm, volumes: { a: { size: 100%, mountpoint: / }, b: { size: 100%, mountpoint: /var } } }\n",
    ),
    "nodes.node01.layout.volumes.b.size: a takes what is left already: give b a size such as 50G",
  ],
  [
    "a mountpoint stays below the root",
    node("    layout: { kind: lvm, volumes: { a: { size: 50G, mountpoint: /../etc } } }\n"),
    'nodes.node01.layout.volumes.a.mountpoint: "/../etc" is not an absolute path such as /var',
  ],
  [
    "enough Tang servers are named",
    node(tang("threshold: 2")),
    "nodes.node01.layout.threshold: 2 servers are needed and 1 named, so the disk would never open: lower it or add servers",
  ],
  [
    "a Tang server's URL has nothing that a shell reads",
    node(tang("threshold: 1").replace("10.0.100.5", "$(reboot)")),
    'nodes.node01.layout.tang.0.url: "http://$(reboot)" is not the URL of a Tang server such as http://10.0.100.5:7500',
  ],
  [
    "a service is one of eight",
    node("    services: [chainfir]\n"),
    'nodes.node01.services.0: "chainfir" is not one of chainfire, flaredb, iam, plasmavmc, prismnet, flashdns, fiberlb, k8shost: did you mean "chainfire"?',
  ],
  [
    "a network has four parts of 255 at most",
    edited("10.0.10.0/24", "10.0.300.0/24"),
    'networks.management.cidr: "10.0.300.0/24" is not a network: each of its four parts is 0 to 255, and 300 is more; the number of a VLAN is written as vlan: 300',
  ],
  [
    "a flake has no attribute",
    edited("./flake", "./flake#node01"),
    'install.flake: "./flake#node01" is not a flake such as /srv/provisioning or github:owner/name, without # and what follows',
  ],
  [
    "an argument prints",
    edited("  flake: ./flake\n", '  flake: ./flake\n  command: ["a\\nb"]\n'),
    'install.command.0: "a\\nb" is not one argument of printable ASCII characters',
  ],
  [
    "a folder has nothing that a shell reads",
    top("boot: { templates: $HOME }\n"),
    'boot.templates: "$HOME" is not a path of letters, digits, blanks and _ . , : / @ = + ~ % ( ) -',
  ],
  [
    "a note prints",
    top('retired: { 52-54-00-12-34-99: "a\\eb" }\n'),
    'retired.52-54-00-12-34-99: "a\\u001bb" is not one line of at most 200 characters that print',
  ],
  [
    "a user name prints",
    edited("10.0.10.50\n      user: admin", '10.0.10.50\n      user: "ad min"'),
    'nodes.node01.bmc.user: "ad min" is not a user name of printable characters without blanks',
  ],
])("%s", (_rule, text, ...problems) => {
  expect(problemsOf(text).map((line) => line.replace(/^site\.yaml:\d+:\d+: /, ""))).toEqual(
    problems,
  );
});

function both(lines: string): string {
  return node(`    ${lines}\n`).replace(
    "    disk: /dev/nvme0n1\n",
    `    disk: /dev/nvme0n1\n    ${lines}\n`,
  );
}

function vips(entries: string): string {
  return edited("dns: [10.0.200.1] }", `dns: [10.0.200.1], vips: { ${entries} } }`);
}

function tang(settings: string): string {
  return `    layout: { kind: luks, tang: [{ url: "http://10.0.100.5", thumbprint: ${"a".repeat(27)} }], ${settings} }\n`;
}

const voters = (count: number, rack = false) => {
  const more = Array.from({ length: count - 1 }, (_, i) => {
    const [hex, low] = [String(60 + i), 60 + i];
    return `  more${i}: { mac: 52:54:00:00:00:${hex}, profile: control-plane, firmware: uefi, provisioningAddress: 10.0.100.${low}, productionAddress: 10.0.200.${low}, disk: /dev/sda${rack ? `, rack: r${i % 2}` : ""}, bmc: { address: 10.0.10.${low}, user: admin, password: { env: A } } }\n`;
  });
  return `${node(rack ? "    rack: r0\n" : "")}${more.join("")}`;
};

// What is worth a warning, a file that deserves it, and the warnings without their place.
test.each<[string, string, ...string[]]>([
  ["nothing", voters(3)],
  [
    "an even number of voters",
    voters(2),
    "nodes: the cluster has 2 voters, which survive no more failures than 1: make their number odd",
  ],
  [
    "a rack with the majority of voters",
    voters(3, true),
    "nodes: rack r0 holds 2 of 3 voters, and without it the cluster has no majority: spread them over more racks",
  ],
  [
    "a layer that a voter does not run",
    node("    services: [chainfire]\n"),
    "cluster.layers.1: node01 is to form the cluster and does not run flaredb: add flaredb to its services, or take it out of cluster.layers",
  ],
  [
    "a profile of no node",
    edited("  worker: {", "  storage: { role: worker }\n  worker: {"),
    "profiles.storage: no node has the profile storage: remove it, or check the spelling of theirs",
  ],
  [
    "one Tang server",
    node(tang("threshold: 1")),
    "nodes.node01.layout.tang: one Tang server opens this disk, and while it is away the node does not boot: add another",
  ],
  [
    "an 802.3ad bond of one card",
    own("    bonds: { bond0: { members: [eth2], mode: 802.3ad } }\n").replace(
      "eth1: {",
      "eth2: {}, eth1: {",
    ),
    "nodes.node01.bonds.bond0.members: bond0 is an 802.3ad bond of one card, which fails with it: add another",
  ],
])("%s is worth a warning, and the file is in force", (_what, text, ...warnings) => {
  const parsed = parseInventory(text, "site.yaml");
  expect("problems" in parsed ? parsed.problems : []).toEqual([]);
  expect(
    "warnings" in parsed ? parsed.warnings.map(({ path, message }) => `${path}: ${message}`) : [],
  ).toEqual(warnings);
});

const random = "k9Xq2LmZ7vBn4RtY8wPc3HsD6fGj1KaE5uTo0iQe";
test.each([
  ["a private key", node('    labels: { a: "-----BEGIN OPENSSH PRIVATE KEY-----" }\n'), "BEGIN"],
  ["a key of age", edited("./flake", "AGE-SECRET-KEY-1QQ"), "1QQ"],
  ["a key of AWS", edited("[console=ttyS0]", "[key=AKIAIOSFODNN7EXAMPLE]"), "AKIAI"],
  ["a password or token", edited("[console=ttyS0]", "[password=hunter2]"), "hunter2"],
  ["a password or token", edited("[console=ttyS0]", "[rd.token=hunter2]"), "hunter2"],
  [
    "a token",
    edited("./flake", "git+https://ghp_0123456789012345678901234567890123456789@x"),
    "ghp_0",
  ],
  ["a password in a URL", edited("./flake", "https://me:hunter2@example.com"), "hunter2"],
  ["a key or token", edited("[console=ttyS0]", `[key=${random}]`), random],
  ["a secret", node("    labels: { token: hunter2 }\n"), "hunter2"],
  ["the hash of a password", node('    labels: { a: "$6$salt$hunter2hash" }\n'), "hunter2"],
  [
    "a password or token",
    top('retired: { 52-54-00-12-34-99: "sold, password=hunter2" }\n'),
    "hunter2",
  ],
  ["a key of age", edited("  worker: {", "  AGE-SECRET-KEY-1QQ: {}\n  worker: {"), "1QQ"],
])("%s in the file is refused and not shown", (what, text, value) => {
  const problems = problemsOf(text);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(`this looks like ${what}: a secret is never written here`);
  expect(problems[0]).not.toContain(value);
});

test("what only resembles a secret is taken", () => {
  const args =
    "[console=ttyS0, 'roothash=4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865', init=/nix/store/3k7yq2v0w9c5j1l8m4x6z0b2n3p5r7s9-nixos-system-node01/init, rd.luks.key=/key]";
  expect(problemsOf(edited("[console=ttyS0]", args))).toEqual([]);
});
