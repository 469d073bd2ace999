// The figures of the running server, for `GET /metrics` of the API.

import type { Metric } from "../api/metrics.ts";
import type { Services } from "../bootplane/deps.ts";
import type { Layer } from "../cluster/driver.ts";
import type { DhcpCounts } from "../dhcp/event-digest.ts";
import type { Inventory } from "../inventory/schema.ts";
import type { CommitView } from "../operations/commit-watch.ts";
import type { PowerView } from "../operations/power-watch.ts";
import type { IssuedRecord } from "../pki/issued.ts";
import type { ForeignServer } from "./foreign-server-list.ts";
import type { PoolUse } from "./pool-use.ts";

export interface Figures {
  readonly services: Services;
  readonly dhcpCounts: DhcpCounts;
  readonly pools: readonly PoolUse[];
  readonly foreignServers: readonly ForeignServer[];
  /** Images and loaders that are there and are not served. */
  readonly damagedAssets: number;
  /** When all images were last read in full, milliseconds since the epoch. */
  readonly assetsCheckedMs: number | undefined;
  readonly inventory: InventoryFigures;
  /** The last certificate that was issued for each declared node. */
  readonly certificates: readonly Pick<IssuedRecord, "node" | "notAfterMs">[];
  readonly power: readonly NodePower[];
  readonly commits: readonly LayerCommits[];
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

export interface InventoryFigures {
  /** Whether the files as they were read last are in force. */
  readonly valid: boolean;
  /** When the inventory in force was taken, milliseconds since the epoch. */
  readonly loadedAtMs: number;
}

export interface LayerCommits {
  readonly layer: Layer;
  readonly view: CommitView;
}

export interface NodePower {
  readonly node: string;
  readonly view: PowerView;
}

export function serverMetrics(figures: Figures): Metric[] {
  const { services, dhcpCounts, pools, foreignServers } = figures;
  const ofPools = (value: (pool: PoolUse) => number) =>
    pools.map((pool) => ({ labels: { network: pool.network }, value: value(pool) }));
  return [
    gauge(
      "service_up",
      "1 while the service runs on every served interface.",
      Object.entries(services).map(([service, status]) => ({
        labels: { service },
        value: status === "running" ? 1 : 0,
      })),
    ),
    {
      name: "rackstrap_dhcp_events_total",
      type: "counter",
      help: "What became of the DHCP messages received, and what else was noticed.",
      samples: Object.entries(dhcpCounts).map(([kind, value]) => ({ labels: { kind }, value })),
    },
    gauge(
      "dhcp_pool_addresses",
      "Addresses for machines without a reservation.",
      ofPools(({ size }) => size),
    ),
    gauge(
      "dhcp_pool_used",
      "Of these, the ones that are leased or set aside.",
      ofPools(({ used }) => used),
    ),
    gauge("dhcp_foreign_servers", "Other DHCP servers heard in the last five minutes.", [
      { labels: {}, value: foreignServers.length },
    ]),
    gauge("assets_damaged", "Asset sets and loaders that are damaged, and so are not served.", [
      { labels: {}, value: figures.damagedAssets },
    ]),
    gauge(
      "assets_checked_timestamp_seconds",
      "When all images were last read in full, since the epoch.",
      figures.assetsCheckedMs === undefined
        ? []
        : [{ labels: {}, value: Math.floor(figures.assetsCheckedMs / 1000) }],
    ),
    ...inventoryMetrics(figures.inventory),
    certificateMetric(figures),
    ...powerMetrics(figures.power, figures.nowMs),
    ...commitMetrics(figures.commits),
  ];
}

/** The newest record of each declared node; `records` are newest first. */
export function latestOf(
  records: readonly IssuedRecord[],
  { nodes }: Pick<Inventory, "nodes">,
): IssuedRecord[] {
  const newest = new Map(records.toReversed().map((record) => [record.node, record]));
  return nodes.flatMap(({ name }) => newest.get(name) ?? []);
}

function certificateMetric({ certificates, nowMs }: Figures): Metric {
  return gauge(
    "certificate_expiry_seconds",
    "How long the last certificate issued for the node is still good; negative when it has ended.",
    certificates.map(({ node, notAfterMs }) => ({
      labels: { node },
      value: Math.floor((notAfterMs - nowMs) / 1000),
    })),
  );
}

function inventoryMetrics({ valid, loadedAtMs }: InventoryFigures): Metric[] {
  return [
    gauge("inventory_valid", "1 while the inventory's files as they were read last are in force.", [
      { labels: {}, value: Number(valid) },
    ]),
    gauge(
      "inventory_loaded_timestamp_seconds",
      "When the inventory in force was taken, since the epoch.",
      [{ labels: {}, value: Math.floor(loadedAtMs / 1000) }],
    ),
  ];
}

function commitMetrics(commits: readonly LayerCommits[]): Metric[] {
  return [
    gauge(
      "cluster_committed_timestamp_seconds",
      "When a write of this server was last committed by the layer, since the epoch.",
      commits.flatMap(({ layer, view: { committedMs } }) =>
        committedMs === undefined
          ? []
          : [{ labels: { layer }, value: Math.floor(committedMs / 1000) }],
      ),
    ),
    gauge(
      "cluster_leader_stuck",
      "1 while the layer's leader keeps its place and commits nothing.",
      commits.map(({ layer, view }) => ({
        labels: { layer },
        value: view.stuck === undefined ? 0 : 1,
      })),
    ),
  ];
}

function powerMetrics(power: readonly NodePower[], nowMs: number): Metric[] {
  const ofNodes = (value: (view: PowerView) => number | undefined) =>
    power.flatMap(({ node, view }) => {
      const number = value(view);
      return number === undefined ? [] : [{ labels: { node }, value: number }];
    });
  return [
    gauge(
      "node_power",
      "1 while the node's BMC says on, 0 while it says off; absent while it is not known.",
      ofNodes(({ state }) => (state === "unknown" ? undefined : Number(state === "on"))),
    ),
    gauge(
      "node_power_age_seconds",
      "How long ago the node's BMC last said so.",
      ofNodes(({ readAtMs }) =>
        readAtMs === undefined ? undefined : Math.max(0, Math.floor((nowMs - readAtMs) / 1000)),
      ),
    ),
    gauge(
      "node_power_differs",
      "1 while the node's power is not as an operator or an operation last asked for.",
      ofNodes(({ asked, differs }) => (asked === undefined ? undefined : Number(differs))),
    ),
  ];
}

function gauge(name: string, help: string, samples: Metric["samples"]): Metric {
  return { name: `rackstrap_${name}`, type: "gauge", help, samples };
}
