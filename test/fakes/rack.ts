// A rack in memory for tests of operations: BMCs, installations and a cluster that behave, or fail where a test says.

import { type Bmc, BmcError, type PowerState } from "../../src/bmc/bmc.ts";
import { refusing } from "../../src/bmc/refusing.ts";
import type { ClusterMembership } from "../../src/boot/cluster-config.ts";
import type { CarriedSnapshot } from "../../src/install/carried-snapshots.ts";
import type { ClockCorrection } from "../../src/install/clock.ts";
import type { FlakeDisks } from "../../src/install/flake-disks.ts";
import type { Disk } from "../../src/install/machine-facts.ts";
import { loadInventory } from "../../src/inventory/load.ts";
import type { Inventory, Node } from "../../src/inventory/schema.ts";
import type { NodeStore } from "../../src/nodes/ports.ts";
import type { ShellAnswer } from "../../src/operations/node-shell.ts";
import {
  type Confirmation,
  newOperation,
  newStep,
  type Operation,
} from "../../src/operations/operation.ts";
import type { FilesView, Installation, InstallerSighting } from "../../src/operations/provision.ts";
import type { OperationTools } from "../../src/operations/verb.ts";
import { verbs } from "../../src/operations/verbs.ts";
import type { CaInForce } from "../../src/pki/in-force.ts";
import { createCertificateStore } from "../../src/store/certificates.ts";
import { openDatabase } from "../../src/store/database.ts";
import { createNodeStore } from "../../src/store/nodes.ts";
import { createClusterStore, createOperationStore } from "../../src/store/operations.ts";
import { aDisk, someFacts } from "./machine-facts.ts";
import { type ManualClock, manualClock } from "./manual-clock.ts";
import { type FakeSystem, fakeSystem, systemCommand, systemPath } from "./node-system.ts";
import { clusterOf, type FakeRaft, fakeRaft, noteMembership, noteWipe } from "./raft.ts";

export interface FakeMachine {
  power: PowerState;
  disk: "blank" | "writing" | "installed";
  wipes: number;
  /** The operation that wrote to its disk last. */
  installedBy: string | undefined;
  membership: ClusterMembership | undefined;
  /** What its layers were given to begin with. */
  snapshots: readonly CarriedSnapshot[];
  pxeOnce: boolean;
  /** The disk that stands behind the inventory's name for it. */
  target: Disk;
  /** The one that stands there once the installer was found, where that is another. */
  targetBeforeInstall: Disk | undefined;
  /** What became of its installer's clock. */
  clock: ClockCorrection;
  /** What the flake answers. */
  flake: FlakeDisks;
  /** SMBIOS. */
  serial: string | undefined;
  /** What its disk was called for the last install. */
  named: string | undefined;
  /** How often it was switched on. */
  starts: number;
  stops: number;
  /** The node's state when its installer's host key was made. */
  stateAtHostKey: string | undefined;
  /** What is found of the files that it was given. */
  files: FilesView;
  /** Its units that are stopped. */
  readonly stopped: Set<string>;
  /** It was removed from the cluster since its install, and does not join again by itself. */
  leaving: boolean;
  readonly system: FakeSystem;
  /** The virtual machines on it. */
  readonly guests: Set<string>;
  /** What is broken on this machine. */
  fault:
    | "none"
    | "stranger-answers"
    | "bmc-password"
    | "no-network-boot"
    | "no-installer"
    | "wrong-machine"
    | "ignores-host-key"
    | "earlier-system"
    | "install-fails"
    | "never-joins"
    | "stays-learner"
    | "bmc-away"
    | "dead";
}

export interface FakeRack {
  /** What the flake gives: the number of each node's newest system. */
  readonly flake: Map<string, string>;
  /** What the balancers were told, in order: BALANCER BACKEND STATUS. */
  readonly balanced: string[];
  /** Who leads each layer, where it is not the founder. */
  readonly lead: Map<string, string>;
  readonly machines: Map<string, FakeMachine>;
  readonly tools: OperationTools;
  readonly raft: FakeRaft;
  readonly database: ReturnType<typeof openDatabase>;
  /** The one that the rack's events are dated by. */
  readonly clock: ManualClock;
}

export function exampleInventory(): Inventory {
  const loaded = loadInventory("inventory/site.yaml");
  if ("problems" in loaded) throw new Error(JSON.stringify(loaded.problems));
  return loaded.inventory;
}

/** A rack of powered-off, blank machines, one for each node of the example site. */
export function fakeRack(
  clock = manualClock(),
  database = openDatabase(":memory:"),
  inventory = exampleInventory(),
): FakeRack {
  const { now } = clock;
  const machines = new Map<string, FakeMachine>(
    inventory.nodes.map((node) => [
      node.name,
      {
        power: "off",
        disk: "blank",
        wipes: 0,
        installedBy: undefined,
        membership: undefined,
        snapshots: [],
        pxeOnce: false,
        target: aDisk("sda", { serial: `SER-${node.name}` }),
        targetBeforeInstall: undefined,
        clock: { offSeconds: 0, outcome: "agrees" },
        flake: { kind: "same", devices: ["/dev/sda"] },
        serial: undefined,
        named: undefined,
        starts: 0,
        stops: 0,
        stateAtHostKey: undefined,
        files: { kind: "verified", paths: ["/etc/nixos/secrets/ca-cert.pem"] },
        stopped: new Set<string>(),
        leaving: false,
        system: fakeSystem(node.name),
        guests: new Set<string>(),
        fault: "none",
      },
    ]),
  );
  let nextId = 0;
  const flake = new Map<string, string>();
  const balanced: string[] = [];
  const nodes = createNodeStore(database, now);
  const raft = fakeRaft(inventory.cluster.layers, machines);
  const tools: OperationTools = {
    inventory: () => inventory,
    nodes,
    operations: createOperationStore(database, now),
    clusters: createClusterStore(database, now),
    cluster: clusterOf(raft),
    workload: {
      setBackend: async (through, backend, status) => {
        balanced.push(`${through.name} ${backend} ${status}`);
        return { ok: true, value: undefined };
      },
      takesMachines: async () => ({ ok: true, value: true }),
      migrate: async (through, guest, target) => {
        machineOf(machines, through).guests.delete(guest);
        machines.get(target)?.guests.add(guest);
        return { ok: true, value: undefined };
      },
    },
    closures: {
      build: async ({ name }) => ({ ok: true, path: systemPath(name, flake.get(name) ?? "1") }),
      copy: async (_node, path) => ({ ok: true, path }),
    },
    bmc: (node) => fakeBmc(machineOf(machines, node), nodes, node),
    startTurn: async () => {},
    powerAsked: () => {},
    clock,
    installation: (node, operation) => fakeInstallation(raft, nodes, node, operation),
    missingAssets: async () => [],
    newId: () => `id-${++nextId}`,
    // Made by those tests that need it: no other looks at a certificate.
    authority: noAuthority,
    certificates: createCertificateStore(database),
    shell: { run: async (node, command) => fakeShell(machineOf(machines, node), command) },
    files: { main: "inventory/site.yaml", read: () => new Map(), reload: async () => [] },
    siteFiles: () => [{ path: "inventory/site.yaml", text: "site: fake\n" }],
    madeBy: "rackstrap 0.0.0",
  };
  return { machines, tools, raft, database, clock, flake, balanced, lead: raft.leaders };
}

const noAuthority: CaInForce = {
  ca: () => {
    throw new Error("this rack has no CA");
  },
  refusal: undefined,
  rotate: async () => ({ ok: true }),
};

/** One provision operation for each of the nodes, as one order begins them. `confirmed`: what was typed beyond a name. */
export function newProvisions(
  tools: OperationTools,
  nodes: readonly Node[],
  createdAtMs: number,
  confirmed: ReadonlyMap<string, Confirmation> = new Map(),
): Operation[] {
  const batch = nodes.map(({ name }) => name);
  return nodes.map(({ name: node }) => {
    const given = { id: tools.newId(), kind: "provision", node, batch, createdAtMs } as const;
    const operation = newOperation({ ...given, confirmed: confirmed.get(node) });
    return { ...operation, steps: verbs.provision.plan(tools, operation).steps.map(newStep) };
  });
}

function machineOf(machines: ReadonlyMap<string, FakeMachine>, node: Node): FakeMachine {
  const machine = machines.get(node.name);
  if (machine === undefined) throw new Error(`no machine ${node.name}`);
  return machine;
}

/** Understands what is about the system, virtual machines, and `systemctl stop|start UNIT.service`, several with && between them. */
function fakeShell(machine: FakeMachine, command: string): ShellAnswer {
  if (machine.disk !== "installed" || machine.fault === "dead" || machine.power === "off")
    return { ok: false, kind: "unreachable", why: "no route to host" };
  if (command.includes("systemctl poweroff")) machine.power = "off";
  const aboutSystem = systemCommand(machine.system, machine.stopped, command);
  if (aboutSystem !== undefined) return aboutSystem;
  if (command.startsWith("systemctl list-units")) {
    const lines = [...machine.guests].map((guest) => `plasmavmc-vm@${guest}.service loaded active`);
    return { ok: true, stdout: lines.join("\n") };
  }
  for (const [, verb, unit = ""] of command.matchAll(/systemctl (stop|start) (\S+)\.service/g))
    if (verb === "stop") machine.stopped.add(unit);
    else machine.stopped.delete(unit);
  return { ok: true, stdout: "" };
}

function fakeBmc(machine: FakeMachine, nodes: NodeStore, node: Node): Bmc {
  const guard = () => {
    if (machine.fault === "bmc-password")
      throw new BmcError("authentication", "BMC 10.0.10.50: the password of user admin is refused");
    if (machine.fault === "bmc-away") throw new BmcError("timeout", "BMC 10.0.10.50: no answer");
  };
  return {
    ...refusing("unsupported", "BMC", "the fake has no such thing"),
    powerState: async () => {
      guard();
      return machine.power;
    },
    power: async (action) => {
      guard();
      const wasOff = machine.power === "off";
      machine.power = action === "off" ? "off" : "on";
      if (machine.power === "off" || !wasOff) return;
      machine.starts += 1;
      if (machine.fault !== "no-network-boot")
        nodes.append({ node: node.name, mac: node.mac, kind: "dhcp-offered", detail: {} });
    },
    setBootOverride: async (wanted) => {
      guard();
      machine.pxeOnce = wanted.device === "pxe" && !wanted.persistent;
      return wanted;
    },
  };
}

const otherHostKey: InstallerSighting = {
  kind: "other-host-key",
  reason: "10.0.100.51 shows another SSH host key",
  next: "set install.hostKey: first-use",
};

function fakeInstallation(
  raft: FakeRaft,
  nodes: NodeStore,
  node: Node,
  operation: string,
): Installation {
  const machine = machineOf(raft.machines, node);
  const find = async (): Promise<InstallerSighting> => {
    if (machine.power === "off" || machine.fault === "no-installer")
      return { kind: "absent", why: "port 22 does not answer" };
    if (machine.fault === "wrong-machine")
      return { kind: "refused", reason: "another machine answers", next: "check the MAC" };
    if (machine.fault === "earlier-system") return otherHostKey;
    nodes.append({ node: node.name, mac: node.mac, kind: "keys-served", detail: {} });
    if (machine.fault === "ignores-host-key") return otherHostKey;
    const facts = someFacts(node.mac, { serial: machine.serial, disks: [machine.target] });
    const sighting = { kind: "found", facts, disks: [machine.target] } as const;
    machine.target = machine.targetBeforeInstall ?? machine.target;
    return sighting;
  };
  return {
    prepareInstaller: async () => {
      machine.stateAtHostKey ??= nodes.node(node.name).state;
    },
    find,
    flakeDisks: async () => machine.flake,
    keepJournal: async () => "/runs/installer-journal.log",
    correctClock: async () => machine.clock,
    nameDisks: async ([disk]) => {
      machine.named = disk?.name;
      return { kind: "named" };
    },
    prepare: async (membership, snapshots = []) => {
      noteMembership(raft, node.name, membership.kind);
      machine.membership = membership;
      machine.snapshots = snapshots;
    },
    start: async () => {
      noteWipe(raft, node.name);
      machine.wipes += 1;
      machine.installedBy = operation;
      machine.disk = "writing";
      machine.leaving = false;
      machine.stopped.clear();
    },
    view: async () => {
      if (machine.installedBy !== operation) return { kind: "absent" };
      if (machine.fault === "install-fails")
        return { kind: "failed", reason: "disko: disk busy", next: "netboot the node again" };
      if (machine.disk === "writing") {
        machine.disk = "installed";
        return { kind: "running", line: "Formatting hard drive with disko" };
      }
      return { kind: "succeeded" };
    },
    stop: async () => {
      machine.stops += 1;
    },
    bootedFromDisk: async () => ({ booted: true }),
    verifyFiles: async () => machine.files,
  };
}
