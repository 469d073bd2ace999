// Answers the API from the store, the policy, the BMCs and the cluster. It holds no state of its own.

import { decide, type Subject } from "../boot/decide.ts";
import type { Judgement } from "../cluster/judge.ts";
import type { Lease } from "../dhcp/lease-table.ts";
import { formatDisk } from "../inventory/disk.ts";
import { findNode, findSubject } from "../inventory/find.ts";
import type { LiveInventory } from "../inventory/live.ts";
import type { Inventory, Node } from "../inventory/schema.ts";
import { ipv4ToNumber } from "../net/ipv4.ts";
import { type Mac, parseMac } from "../net/mac.ts";
import { driftOf } from "../nodes/drift.ts";
import type { NodeStore, TimelineEvent } from "../nodes/ports.ts";
import { awaitedBootStage } from "../operations/boot-stage.ts";
import type { ClusterAccess } from "../operations/cluster-access.ts";
import { type CommitView, type CommitWatch, nextFor } from "../operations/commit-watch.ts";
import { formationOf } from "../operations/formation.ts";
import type { ClusterStore, Operation, OperationStore } from "../operations/operation.ts";
import type { PowerJobs } from "../operations/power-jobs.ts";
import type { PowerWatch } from "../operations/power-watch.ts";
import type { Clock } from "../operations/runner.ts";
import type { CheckLine } from "../preflight/line.ts";
import { type BmcTools, createBmcService } from "./bmc-service.ts";
import { type CertificateTools, createCertificateService } from "./certificates.ts";
import { type ConsoleTools, createConsoleService } from "./console-service.ts";
import { type Diagnosing, diagnoseSubject } from "./diagnosis.ts";
import { createDiscoveredService } from "./discovered-service.ts";
import { readGenerations } from "./generations.ts";
import type { InventoryService } from "./inventory-routes.ts";
import type { Metric } from "./metrics.ts";
import { createOperationService, type OperationServiceTools } from "./operation-service.ts";
import { createPowerService } from "./power.ts";
import { type Rackstrap, Refusal } from "./service.ts";
import type {
  CheckRequest,
  DriftView,
  EventView,
  Explanation,
  LayerView,
  LeaseView,
  NodeView,
} from "./shapes.ts";
import type { VerifyService } from "./verify-routes.ts";

export interface RackstrapTools
  extends Omit<ConsoleTools, "declared">,
    Omit<BmcTools, "declared">,
    Omit<CertificateTools, "declared">,
    OperationServiceTools {
  readonly powerJobs: PowerJobs;
  readonly inventory: LiveInventory;
  readonly inventoryFiles: InventoryService;
  readonly nodes: NodeStore;
  readonly operations: OperationStore;
  readonly cluster: ClusterAccess;
  readonly clusters: ClusterStore;
  readonly powerWatch: Pick<PowerWatch, "view">;
  readonly commitWatch: Pick<CommitWatch, "view">;
  readonly subject: (mac: Mac) => Subject;
  /** The text a machine would get at a stage, or undefined for a stage that does not exist. */
  readonly render: (node: Node, stage: string) => string | undefined;
  readonly stages: readonly string[];
  /** The script that a node was given last. */
  readonly served: (
    node: Node,
    stage: string,
  ) => { readonly text: string; readonly atMs: number } | undefined;
  readonly verify: VerifyService["verify"];
  readonly check: (request: CheckRequest) => Promise<readonly CheckLine[]>;
  readonly metrics: () => Promise<readonly Metric[]>;
  readonly leases: () => Promise<readonly Lease[]>;
  readonly diagnosing: Diagnosing;
  readonly clock: Clock;
}

const shownEvents = 30;

export function createRackstrap(tools: RackstrapTools): Rackstrap {
  const { inventory, nodes, operations } = tools;
  const declared = (name: string): Node => {
    const node = findNode(inventory(), name);
    if (node !== undefined) return node;
    const known = inventory()
      .nodes.map((other) => other.name)
      .join(", ");
    throw new Refusal("unknown", `no node is called ${name}`, `declared are: ${known}`);
  };
  return {
    nodes: () => {
      const running = operations.operations({ running: true });
      return inventory().nodes.map((node) => ({
        ...nodeView(node, nodes, running),
        power: tools.powerWatch.view(node.name),
      }));
    },
    nodeEvents: (name, { afterId, limit }) =>
      nodes.events({ node: declared(name).name, afterId, limit }).map(eventView),
    generations: async (name) => await readGenerations(tools.orders.shell, declared(name)),
    ...createDiscoveredService({ inventory, nodes }),
    explain: (subject) => explain(tools, subject),
    diagnose: async (subject) => await diagnoseSubject(tools, subject),
    events: ({ afterId, limit }) => nodes.events({ afterId, limit }).map(eventView),
    ...createPowerService({
      ...{ jobs: tools.powerJobs, watch: tools.powerWatch, declared, operations },
      cluster: tools.cluster.fresh,
    }),
    ...createConsoleService({ ...tools, declared }),
    ...createBmcService({ ...tools, declared }),
    ...createCertificateService({ ...tools, declared }),
    drift: (names) =>
      (names?.map(declared) ?? inventory().nodes).map((node) => driftView(tools, node)),
    ...createOperationService(tools),
    cluster: async () =>
      (await tools.cluster.views()).map((view) =>
        layerView(view, tools.commitWatch.view(view.layer)),
      ),
    formation: async () => {
      const views = await tools.cluster.views();
      const { name: cluster } = inventory().cluster;
      const claim = tools.clusters.claim(cluster);
      const { wasInstalled } = nodes;
      return { cluster, ...formationOf({ inventory: inventory(), views, claim, wasInstalled }) };
    },
    render: (name, stage) => {
      const node = declared(name);
      const text = tools.render(node, stage);
      if (text === undefined)
        throw new Refusal(
          "unknown",
          `no stage is called ${stage}`,
          `stages are: ${tools.stages.join(", ")}`,
        );
      const served = tools.served(node, stage);
      return { node: node.name, stage, text, ...(served === undefined ? {} : { served }) };
    },
    ...tools.inventoryFiles,
    check: async (request) => await tools.check(request),
    verify: (request, signal) => tools.verify(request, signal),
    leases: async () => leaseViews(await tools.leases(), inventory()),
    metrics: async () => await tools.metrics(),
  };
}

function driftView({ nodes }: Pick<RackstrapTools, "nodes">, node: Node): DriftView {
  const machine = nodes.machine(node.name);
  if (machine === undefined) return { node: node.name, differences: [] };
  const differences = driftOf(node, machine, nodes.lastInstall(node.name));
  return { node: node.name, seenMs: machine.atMs, differences };
}

/** One line for `explain`; undefined where machine and inventory agree. */
function driftLine(tools: Pick<RackstrapTools, "nodes">, node: Node): string | undefined {
  const differing = driftView(tools, node).differences.filter(({ kind }) => kind === "differs");
  if (differing.length === 0) return undefined;
  const settings = differing.map(({ setting }) => setting).join(", ");
  return `${settings}: the machine is not what the inventory says (rackstrap drift ${node.name})`;
}

function explain(tools: RackstrapTools, text: string): Explanation {
  const { inventory, nodes } = tools;
  const node = findSubject(inventory(), text);
  const mac = node?.mac ?? parseMac(text);
  if (mac === undefined)
    throw new Refusal(
      "unknown",
      `${text} is neither a declared node nor a MAC address`,
      `declared are: ${inventory()
        .nodes.map((other) => other.name)
        .join(", ")}`,
    );
  const decision = decide(tools.subject(mac), tools.clock.now());
  const events = nodes.events(
    node === undefined ? { mac, limit: shownEvents } : { node: node.name, limit: shownEvents },
  );
  const stage = node && awaitedBootStage(nodes, tools.operations, node.name);
  const drift = node && driftLine(tools, node);
  const stranger = nodes.discovered().find((machine) => machine.mac === mac);
  return {
    subject: text,
    mac,
    ...(node === undefined ? {} : { node: node.name, state: nodes.node(node.name).state }),
    boot: decision.boot.kind,
    reason: decision.reason,
    ...(stage === undefined ? {} : { stage: { name: stage.name, likely: stage.likely } }),
    ...(drift === undefined ? {} : { drift }),
    ...(node === undefined && stranger !== undefined ? { facts: stranger.facts } : {}),
    events: events.map(eventView),
  };
}

function nodeView(
  node: Node,
  nodes: NodeStore,
  running: readonly Operation[],
): Omit<NodeView, "power"> {
  const { state, sinceMs } = nodes.node(node.name);
  const operation = running.find((candidate) => candidate.nodes.includes(node.name))?.id;
  const { name, fqdn, mac, profile, role, firmware } = node;
  const disk = formatDisk(node.disk);
  const { provisioningAddress, productionAddress, powerGroup, rack, position, labels } = node;
  return {
    ...{ name, fqdn, mac, profile, role, firmware, disk, provisioningAddress, productionAddress },
    state,
    sinceMs,
    ...(operation === undefined ? {} : { operation }),
    ...(powerGroup === undefined ? {} : { powerGroup }),
    ...(rack === undefined ? {} : { rack }),
    ...(position === undefined ? {} : { position }),
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
  };
}

function eventView({ id, atMs, node, mac, kind, detail }: TimelineEvent): EventView {
  return {
    id,
    atMs,
    ...(node === undefined ? {} : { node }),
    ...(mac === undefined ? {} : { mac }),
    kind,
    detail,
  };
}

function layerView(
  { leader, disagreement, ...judgement }: Judgement,
  { committedMs, stuck }: CommitView,
): LayerView {
  return {
    ...judgement,
    ...(committedMs === undefined ? {} : { committedMs }),
    ...(stuck === undefined ? {} : { stuck: { ...stuck, next: nextFor(stuck.leader) } }),
    ...(leader === undefined ? {} : { leader }),
    ...(disagreement === undefined ? {} : { disagreement }),
  };
}

function leaseViews(leases: readonly Lease[], inventory: Inventory): readonly LeaseView[] {
  const names = new Map(inventory.nodes.map(({ mac, name }) => [mac, name]));
  return leases
    .map((lease) => ({ lease, value: ipv4ToNumber(lease.address) }))
    .toSorted((a, b) => a.value - b.value)
    .map(({ lease }) => ({ ...lease, node: names.get(lease.mac) }));
}
