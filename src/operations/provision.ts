// From a powered-off machine to a healthy voter: the steps, in order, and what each needs.

import type { Bmc, PowerState } from "../bmc/bmc.ts";
import type { Clock } from "../bmc/clock.ts";
import { ensurePower } from "../bmc/power.ts";
import type { ClusterMembership } from "../boot/cluster-config.ts";
import type { CarriedSnapshot } from "../install/carried-snapshots.ts";
import type { ClockCorrection } from "../install/clock.ts";
import type { FlakeDisks } from "../install/flake-disks.ts";
import type { Naming } from "../install/identify.ts";
import type { Disk, MachineFacts } from "../install/machine-facts.ts";
import type { LiveInventory } from "../inventory/live.ts";
import type { Inventory, Node } from "../inventory/schema.ts";
import type { NodeStore } from "../nodes/ports.ts";
import type { ClusterAccess } from "./cluster-access.ts";
import { removeLeftLearner } from "./left-learner.ts";
import type { NodeShell } from "./node-shell.ts";
import type { ClusterStore, Operation, OperationStore } from "./operation.ts";
import type { Plan, Step } from "./result.ts";
import { armInstall } from "./steps/arm-install.ts";
import { awaitBatch } from "./steps/await-batch.ts";
import { awaitNetworkBoot } from "./steps/await-network-boot.ts";
import { awaitSlot } from "./steps/await-slot.ts";
import { bootDisk } from "./steps/boot-disk.ts";
import { checkNode } from "./steps/check-node.ts";
import { findInstaller } from "./steps/find-installer.ts";
import { installSystem } from "./steps/install-system.ts";
import { joinCluster } from "./steps/join-cluster.ts";
import { powerOn } from "./steps/power-on.ts";
import { promoteMember } from "./steps/promote-member.ts";
import { settleMembership } from "./steps/settle-membership.ts";
import { soakHealth } from "./steps/soak-health.ts";
import { verifyCluster } from "./steps/verify-cluster.ts";
import { verifyFiles } from "./steps/verify-files.ts";

/** The installer on a machine, as found over SSH before anything is written. */
export type InstallerSighting =
  /** `disks` are those that the inventory means: of a mirror, both. */
  | { readonly kind: "found"; readonly facts: MachineFacts; readonly disks: readonly Disk[] }
  | { readonly kind: "absent"; readonly why: string }
  /** Not the SSH host key that this install's installer is given. An earlier system has another, too. */
  | { readonly kind: "other-host-key"; readonly reason: string; readonly next: string }
  /** It has none, or not one, of each disk that the inventory means. */
  | { readonly kind: "other-disks"; readonly reason: string; readonly next: string }
  | { readonly kind: "refused"; readonly reason: string; readonly next: string };

/** How far the installation of one operation has come, read from its run directory. */
export type RunView =
  | { readonly kind: "absent" }
  | { readonly kind: "running"; readonly line: string }
  | { readonly kind: "succeeded" }
  | { readonly kind: "failed"; readonly reason: string; readonly next: string };

/** What became of the files that a node was given. */
export type FilesView =
  /** Each was read on the node: path, owner, mode, content. */
  | { readonly kind: "verified"; readonly paths: readonly string[] }
  /** The node lets nobody in, and shows the certificate that was issued for it; `why` says what was not looked at. */
  | { readonly kind: "presented"; readonly at: string; readonly why: string }
  | { readonly kind: "wrong"; readonly problems: readonly string[] }
  | { readonly kind: "absent"; readonly why: string };

/** One operation's installation. Each call may be repeated. */
export interface Installation {
  /** Makes the SSH host key that the installer is given with its keys, and pins it. Nothing where the site trusts the first contact. */
  prepareInstaller(): Promise<void>;
  find(signal: AbortSignal): Promise<InstallerSighting>;
  /** Whether the flake formats the devices that the node's disk layout names, and no others. May take minutes. */
  flakeDisks(signal: AbortSignal): Promise<FlakeDisks>;
  /** Makes sure that the devices which the node's disk layout names lead to these disks. */
  nameDisks(disks: readonly Disk[], signal: AbortSignal): Promise<Naming>;
  /** Sets the installer's clock where it is far from this server's; undefined where the machine does not tell. */
  correctClock(signal: AbortSignal): Promise<ClockCorrection | undefined>;
  /**
   * Writes the files the node gets: certificate, host key, cluster-config, and what its layers begin with. Nothing of it is logged.
   */
  prepare(membership: ClusterMembership, snapshots?: readonly CarriedSnapshot[]): Promise<void>;
  /** Starts nixos-anywhere, at most once for this operation, however often it is called. */
  start(): Promise<void>;
  view(nowMs: number): Promise<RunView>;
  /** Keeps what the installer's own system logged beside the run's log; the file, or undefined where the machine does not tell. */
  keepJournal(signal: AbortSignal): Promise<string | undefined>;
  /** Ends the run, if it still runs, and removes the secrets it was given. One that ended keeps its result. */
  stop(): Promise<void>;
  /** Whether what `prepare` wrote is on the installed machine as it was written, which `bootedFromDisk` has told from others. */
  verifyFiles(signal: AbortSignal): Promise<FilesView>;
  /** True when the machine answers from its own disk, with the host key it was given. */
  bootedFromDisk(signal: AbortSignal): Promise<{ booted: true } | { booted: false; why: string }>;
}

export interface ProvisionTools {
  readonly inventory: LiveInventory;
  readonly nodes: NodeStore;
  readonly operations: OperationStore;
  readonly clusters: ClusterStore;
  readonly cluster: ClusterAccess;
  readonly bmc: (node: Node) => Bmc;
  /** Resolves when the node may start, which must then happen at once. */
  readonly startTurn: (node: Node, signal: AbortSignal) => Promise<void>;
  /** Notes what the node's power shall be from now on. */
  readonly powerAsked: (
    node: Node,
    power: PowerState,
    detail: Readonly<Record<string, unknown>>,
  ) => void;
  /** Milliseconds since the epoch. */
  readonly clock: Clock;
  readonly installation: (node: Node, operationId: string) => Installation;
  /** Runs commands on nodes that are installed. */
  readonly shell: NodeShell;
  /** What is missing to boot this node's installer; empty when nothing is. */
  readonly missingAssets: (node: Node) => Promise<readonly string[]>;
  readonly newId: () => string;
}

/** What one step of one node's provisioning works with. */
export interface StepContext extends Omit<ProvisionTools, "inventory" | "bmc" | "installation"> {
  /** The one that the plan was made from. */
  readonly inventory: Inventory;
  /** Asks for the one in force, which may have changed during an attempt. */
  readonly inForce: LiveInventory;
  readonly node: Node;
  readonly controller: Bmc;
  readonly install: Installation;
  /** Switches the machine off, and sees to it that it is. Throws the BMC's errors. */
  readonly switchOff: () => Promise<void>;
}

/** The install of one node as part of an operation: from its check to a voter of every layer. */
export interface InstallPlan extends Plan {
  readonly context: StepContext;
}

/** The plan of a stored provision operation. */
export function provisionPlan(tools: ProvisionTools, operation: Operation, node: Node): Plan {
  const { context, steps, stop } = installPlan(tools, operation, node);
  return {
    steps: [
      awaitSlot(context),
      ...steps,
      ...[awaitBatch(context), verifyCluster(context), soakHealth(context, "health-soaked")],
    ],
    stop,
  };
}

export function installPlan(tools: ProvisionTools, operation: Operation, node: Node): InstallPlan {
  const install = tools.installation(node, operation.id);
  const inventory = tools.inventory();
  const controller = tools.bmc(node);
  const context: StepContext = {
    ...{ ...tools, inventory, inForce: tools.inventory, node, install, controller },
    switchOff: async () => await switchOff(tools, node, controller, operation.id),
  };
  return {
    context,
    steps: installSteps(context),
    stop: async () => {
      await install.stop();
      await removeLeftLearner(context, operation.id);
      await switchOffUnwiped(context, operation.id);
    },
  };
}

const switchOffMs = 30_000;

/** A machine that this operation switched on and did not write to is left as it was found: off. */
async function switchOffUnwiped(context: StepContext, operationId: string): Promise<void> {
  const { node, nodes, operations } = context;
  const steps = operations.operation(operationId)?.steps ?? [];
  const power = steps.find((step) => step.id === "power");
  const intent = nodes.intent(node.name);
  // The newest intent may be another operation's by now, where this one was taken up after its install.
  const wiped =
    steps.some(({ id, status }) => id === "install" && status === "done") ||
    (intent?.operation === operationId && intent.consumedAtMs !== undefined);
  if (power?.evidence["phase"] !== "switched-on" || wiped) return;
  await context.switchOff();
}

async function switchOff(
  { powerAsked, clock }: Pick<ProvisionTools, "powerAsked" | "clock">,
  node: Node,
  controller: Bmc,
  operationId: string,
): Promise<void> {
  powerAsked(node, "off", { operation: operationId });
  const subject = `node ${node.name} (BMC ${node.bmc.address})`;
  const { signal } = new AbortController();
  await ensurePower(controller, "off", { subject, deadlineMs: switchOffMs, clock }, signal);
}

function installSteps(context: StepContext): readonly Step[] {
  const { cluster, inventory } = context;
  const isPromotedHere = inventory.cluster.layers.some(cluster.promotesHere);
  return [
    checkNode(context),
    armInstall(context),
    powerOn(context),
    awaitNetworkBoot(context),
    findInstaller(context),
    settleMembership(context),
    installSystem(context),
    bootDisk(context),
    verifyFiles(context),
    ...(isPromotedHere ? [promoteMember(context)] : []),
    joinCluster(context),
  ];
}
