// What an operator may write in the inventory file, and the typed form the program works with.
// Shapes and single values only; what must hold between them is in check.ts.

import { z } from "zod";
import { layers } from "../cluster/driver.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import { dns } from "./dns-schema.ts";
import { includePattern } from "./include-pattern.ts";
import { dhcp, provisioning } from "./network-schema.ts";
import {
  downloadRate,
  loaderFile,
  type NodeSettings,
  node,
  profile,
  profileName,
  type Role,
} from "./node-schema.ts";
import { pki } from "./pki-schema.ts";
import { secretReference } from "./secret-schema.ts";
import { type ServiceName, services } from "./services.ts";
import {
  argument,
  cidr,
  domainName,
  filePath,
  flakeReference,
  hostLabel,
  interfaceName,
  ipv4,
  mac,
  note,
  port,
} from "./values.ts";

const anyPrivate = { network: "10.0.0.0" as Ipv4, prefix: 8 };

const seconds = (fallback: number) => z.number().positive().default(fallback);

const timeouts = z.strictObject({
  /** From power-on until the machine is heard on the network. Then it is restarted once, and then given up. */
  networkBootSeconds: seconds(300),
  /** From then until the installer answers SSH. */
  installerSeconds: seconds(1200),
  /** For nixos-anywhere, all its steps together; each has its own patience with silence. */
  installSeconds: seconds(3600),
  /** From the end of the install until the node answers from its own disk. */
  diskBootSeconds: seconds(600),
  /** From the first boot until the node is a member on every layer. */
  joinSeconds: seconds(600),
  /** For the cluster to be seen healthy after the join. */
  verifySeconds: seconds(300),
  /** How long it must then stay healthy without a break. */
  soakSeconds: seconds(180),
  /** How long an armed install may wait for its machine. */
  intentSeconds: seconds(3600),
  /** How long a disruptive step waits for enough of the other members to be healthy. */
  budgetSeconds: seconds(120),
  /** For a node's services to stop, or to start. */
  serviceSeconds: seconds(120),
  /** The longest a write may take that shows whether a layer commits. */
  probeSeconds: seconds(5),
  /** How long a machine that takes another's place may take to be built in: until its BMC answers. */
  hardwareSeconds: seconds(14_400),
  /** How long a learner must have kept up with the leader before it is made a voter. */
  caughtUpSeconds: seconds(30),
  /** For one layer's snapshot to be written down here. */
  snapshotSeconds: seconds(3600),
  /** For the first node of a restored cluster to show the data of its snapshots. */
  restoreSeconds: seconds(1200),
  /** For the virtual machines of a node that is drained to reach other nodes. */
  migrateSeconds: seconds(1800),
});

const startsPerSecond = z.number().min(0.01).max(1000);

const power = z.strictObject({
  /** Machines that are started in one second, at most: what starts draws many times its current. */
  startsPerSecond: startsPerSecond.default(4),
  /** Of these, in each power group. */
  startsPerSecondPerGroup: startsPerSecond.default(1),
  /** Machines whose BMCs are at work for an operator at one time. */
  concurrency: z.int().min(1).max(1000).default(50),
  /** How often each BMC is asked whether its machine is on. */
  pollSeconds: z.number().min(5).max(86_400).default(60),
  /** How long an operating system may take to shut down. */
  softOffSeconds: seconds(300),
});

const install = z.strictObject({
  /** argv of nixos-anywhere; the options are appended. */
  command: z
    .array(argument)
    .min(1)
    .default(["nix", "run", "github:nix-community/nixos-anywhere", "--"]),
  flake: flakeReference,
  offline: z.boolean().default(false),
  sshKey: filePath.optional(),
  /** `pinned`: the installer is given a host key for this one install. `first-use`: whatever key it shows first is trusted. */
  hostKey: z.enum(["pinned", "first-use"]).default("pinned"),
});

const update = z.strictObject({
  /** argv that builds a node's system on this server and prints its store path; what is built is appended. */
  build: z.array(argument).min(1).default(["nix", "build", "--no-link", "--json"]),
  /** argv that copies it to the node; ssh-ng://root@ADDRESS and the store path are appended. */
  copy: z.array(argument).min(1).default(["nix", "copy", "--no-check-sigs", "--to"]),
  buildSeconds: seconds(3600),
  copySeconds: seconds(1800),
  /** For a system to be activated on its node. */
  activateSeconds: seconds(600),
  /** How long a node may take to be healthy on it; then it gets its old one back. */
  healthSeconds: seconds(120),
  /** How long a node must stay healthy on its new system before that is made lasting. */
  testSeconds: seconds(10),
  /** How long it must stay healthy before the next node's turn. */
  soakSeconds: seconds(30),
});

const tftp = z.strictObject({
  /** The most octets in a block, when a machine asks for a size. Above the MTU less 32, blocks leave in fragments. */
  maxBlksize: z.int().min(512).max(65464).default(65464),
  /** At one time, on each served interface. */
  maxTransfers: z.int().min(1).max(65535).default(2048),
  /** At one time, to one address. */
  maxTransfersPerClient: z.int().min(1).max(65535).default(128),
});

const server = z.strictObject({
  address: ipv4,
  /** Name of the interface that faces the provisioning network. */
  interface: interfaceName,
  /** This server's address on each further interface that is served. */
  interfaces: z.record(interfaceName, ipv4).default({}),
  httpPort: port.default(8080),
  api: z
    .strictObject({ address: ipv4, port })
    .default({ address: "127.0.0.1" as Ipv4, port: 8443 }),
  stateDirectory: filePath.default("/var/lib/rackstrap"),
  assetDirectory: filePath.default("/var/lib/pxe-boot"),
  /** For kernels and initrds that are being served; what does not fit is read from disk. Absent: a quarter of the memory, at most 4096. */
  imageMemoryMiB: z.int().min(0).max(1_048_576).optional(),
  /** What a machine has to take of an image over 30 s; its download is given up when it takes less. 0: anything at all. */
  leastDownloadKiBPerSecond: z.number().min(0).max(1_048_576).default(16),
  /** File with an Ed25519 public key in PEM: only images and loaders that are signed with it are served. */
  assetKey: filePath.optional(),
  /** How often every image is read in full, to find what the disk has damaged. */
  assetCheckMinutes: z.number().positive().default(60),
  tftp: tftp.prefault({}),
});

const limits = z.strictObject({
  /** Nodes that one `rackstrap provision` may name, unless its --limit says more. */
  nodesPerRun: z.int().min(1).max(1000).default(32),
  /** Machines that `rackstrap provision` installs at one time; the others wait, switched off. */
  installsAtOnce: z.int().min(1).max(1000).default(8),
});

const verify = z.strictObject({
  /** Lets `rackstrap verify` ask IAM for its users. Absent: they are not asked for. */
  iamToken: secretReference.optional(),
});

const vlan = z.int().min(1).max(4094).optional();

const firewall = z.strictObject({
  /** Who may reach a node's SSH. */
  sshFrom: z.array(cidr).default([anyPrivate]),
  /** Who may reach what clients use. */
  clientFrom: z.array(cidr).default([anyPrivate]),
  /** One zone for each interface (runbook §10.4), in place of one set of rules for all. */
  zones: z.boolean().default(false),
});

const discovery = z.strictObject({
  /** Machines in no inventory boot an image that looks at them and writes nothing. */
  boot: z.boolean().default(false),
  /** The image's asset set. */
  profile: profileName.default("discovery"),
  /** The first lease of a machine in no inventory. */
  leaseSeconds: z.int().min(60).max(86_400).default(120),
});

/** The whole inventory file. Unknown keys are errors: a misspelt setting must not be ignored. */
export const inventorySchema = z.strictObject({
  /** Further files, read by load.ts. */
  include: z.array(includePattern).default([]),
  site: hostLabel,
  domain: domainName,
  cluster: z.strictObject({
    name: hostLabel,
    /** Who forms it. Absent: every node whose role is control-plane or all-in-one. */
    peers: z.array(hostLabel).min(1).optional(),
    /** The Raft layers that its nodes form. */
    layers: z.array(z.enum(layers)).min(1).default(["chainfire", "flaredb"]),
    /** How often a key is written to each layer, to see that its leader commits. 0: never. */
    writeProbeSeconds: z.literal(0).or(z.number().min(1).max(3600)).default(10),
  }),
  server,
  networks: z.strictObject({
    provisioning: provisioning.extend({ vlan }),
    production: z.strictObject({
      cidr,
      vlan,
      gateway: ipv4,
      dns: z.array(ipv4).min(1),
      /** Addresses that services are reached at, whichever node answers. */
      vips: z.record(hostLabel, ipv4).default({}),
    }),
    management: z.strictObject({ cidr, vlan, gateway: ipv4.optional() }),
    client: z.strictObject({ cidr, vlan, gateway: ipv4.optional() }).optional(),
  }),
  services: services.prefault({}),
  firewall: firewall.prefault({}),
  discovery: discovery.prefault({}),
  dhcp: dhcp.prefault({}),
  dns: dns.prefault({}),
  boot: z
    .strictObject({
      /** Loader for clients that name no architecture or an unregistered one. */
      fallbackLoader: loaderFile.optional(),
      /** For each machine. */
      downloadMiBPerSecond: downloadRate.optional(),
      /** Folder of the site's own script templates. */
      templates: filePath.optional(),
      /** An iPXE in a network card is given the site's loader first, once. */
      chainLoader: z.boolean().optional(),
    })
    .default({}),
  install,
  update: update.prefault({}),
  timeouts: timeouts.prefault({}),
  power: power.prefault({}),
  limits: limits.prefault({}),
  pki: pki.prefault({}),
  verify: verify.prefault({}),
  profiles: z.record(profileName, profile),
  nodes: z.record(hostLabel, node),
  /** Machines that left for good, by MAC, each with what it was: they are refused. */
  retired: z.record(mac, note).default({}),
});

export type ParsedInventory = z.output<typeof inventorySchema>;

export type { Role } from "./node-schema.ts";
export type Firmware = NodeSettings["firmware"];
export type LocalBoot = NodeSettings["localBoot"];

/** A declared machine: its entry in the file completed by its profile, with its name, role and full name joined to it. */
export type Node = Readonly<Omit<NodeSettings, "services">> & {
  readonly name: string;
  readonly fqdn: string;
  readonly role: Role;
  readonly services: readonly ServiceName[];
};

/** The file as the program sees it: settings as written, nodes resolved against their profiles, paths absolute. */
export type Inventory = Omit<ParsedInventory, "nodes"> & { readonly nodes: readonly Node[] };
