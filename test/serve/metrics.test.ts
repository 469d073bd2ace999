import { expect, test } from "vitest";
import { formatMetrics } from "../../src/api/metrics.ts";
import type { Lease } from "../../src/dhcp/lease-table.ts";
import type { Subnet } from "../../src/dhcp/policy.ts";
import type { Inventory } from "../../src/inventory/schema.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { Mac } from "../../src/net/mac.ts";
import type { IssuedRecord } from "../../src/pki/issued.ts";
import { latestOf, serverMetrics } from "../../src/serve/metrics.ts";
import { poolUse } from "../../src/serve/pool-use.ts";

const ip = (text: string) => text as Ipv4;

/** Only what is read of a network. */
const network = (name: string, ...pools: readonly [string, string][]) =>
  ({
    name,
    pools: pools.map(([start, end]) => ({ start: ip(start), end: ip(end) })),
  }) as unknown as Subnet;
const lease = (address: string, state: Lease["state"], expiresAtMs: number): Lease => ({
  ...{ address: ip(address), mac: "02:00:00:00:00:01" as Mac, state, expiresAtMs, lastSeenMs: 0 },
});

test("the use of a pool counts what is leased or set aside in its ranges now", () => {
  const networks = [
    network("provisioning", ["10.0.100.100", "10.0.100.109"], ["10.0.100.120", "10.0.100.120"]),
    network("reserved-only"),
    network("rack-b", ["10.1.0.1", "10.1.0.2"]),
  ];
  const leases = [
    lease("10.0.100.100", "bound", 2_000),
    lease("10.0.100.120", "declined", 2_000),
    lease("10.0.100.101", "bound", 1_000),
    lease("10.0.100.102", "released", 2_000),
    lease("10.0.100.50", "bound", 2_000),
    lease("10.1.0.2", "bound", 2_000),
  ];
  expect(poolUse(networks, leases, 1_000)).toEqual([
    { network: "provisioning", size: 11, used: 2 },
    { network: "rack-b", size: 2, used: 1 },
  ]);
});

test("the figures are in the text format of Prometheus", () => {
  const metrics = serverMetrics({
    services: { dhcp: "running", tftp: "failed", http: "running" },
    dhcpCounts: { "dhcp-offered": 3, "dhcp-ignored": 1 },
    pools: [{ network: "provisioning", size: 11, used: 2 }],
    foreignServers: [{ address: ip("10.0.100.9"), interface: "eth0", lastHeardMs: 0 }],
    damagedAssets: 1,
    inventory: { valid: false, loadedAtMs: 1_700_000_000_999 },
    assetsCheckedMs: 1_700_000_000_999,
    commits: [
      { layer: "chainfire", view: { committedMs: 1_700_000_000_999 } },
      {
        layer: "flaredb",
        view: { stuck: { leader: "node01", sinceMs: 1, reason: "no answer" } },
      },
    ],
    certificates: [
      { node: "node01", notAfterMs: 3_661_999 },
      { node: "node02", notAfterMs: 60_900 },
    ],
    power: [
      { node: "node01", view: { state: "on", readAtMs: 1_000, asked: "off", differs: true } },
      { node: "node02", view: { state: "unknown", last: "off", readAtMs: 0, differs: false } },
      { node: "node03", view: { state: "unknown", differs: false } },
    ],
    nowMs: 61_900,
  });
  expect(formatMetrics(metrics)).toBe(`\
# HELP rackstrap_service_up 1 while the service runs on every served interface.
# TYPE rackstrap_service_up gauge
rackstrap_service_up{service="dhcp"} 1
rackstrap_service_up{service="tftp"} 0
rackstrap_service_up{service="http"} 1
# HELP rackstrap_dhcp_events_total What became of the DHCP messages received, and what else was noticed.
# TYPE rackstrap_dhcp_events_total counter
rackstrap_dhcp_events_total{kind="dhcp-offered"} 3
rackstrap_dhcp_events_total{kind="dhcp-ignored"} 1
# HELP rackstrap_dhcp_pool_addresses Addresses for machines without a reservation.
# TYPE rackstrap_dhcp_pool_addresses gauge
rackstrap_dhcp_pool_addresses{network="provisioning"} 11
# HELP rackstrap_dhcp_pool_used Of these, the ones that are leased or set aside.
# TYPE rackstrap_dhcp_pool_used gauge
rackstrap_dhcp_pool_used{network="provisioning"} 2
# HELP rackstrap_dhcp_foreign_servers Other DHCP servers heard in the last five minutes.
# TYPE rackstrap_dhcp_foreign_servers gauge
rackstrap_dhcp_foreign_servers 1
# HELP rackstrap_assets_damaged Asset sets and loaders that are damaged, and so are not served.
# TYPE rackstrap_assets_damaged gauge
rackstrap_assets_damaged 1
# HELP rackstrap_assets_checked_timestamp_seconds When all images were last read in full, since the epoch.
# TYPE rackstrap_assets_checked_timestamp_seconds gauge
rackstrap_assets_checked_timestamp_seconds 1700000000
# HELP rackstrap_inventory_valid 1 while the inventory's files as they were read last are in force.
# TYPE rackstrap_inventory_valid gauge
rackstrap_inventory_valid 0
# HELP rackstrap_inventory_loaded_timestamp_seconds When the inventory in force was taken, since the epoch.
# TYPE rackstrap_inventory_loaded_timestamp_seconds gauge
rackstrap_inventory_loaded_timestamp_seconds 1700000000
# HELP rackstrap_certificate_expiry_seconds How long the last certificate issued for the node is still good; negative when it has ended.
# TYPE rackstrap_certificate_expiry_seconds gauge
rackstrap_certificate_expiry_seconds{node="node01"} 3600
rackstrap_certificate_expiry_seconds{node="node02"} -1
# HELP rackstrap_node_power 1 while the node's BMC says on, 0 while it says off; absent while it is not known.
# TYPE rackstrap_node_power gauge
rackstrap_node_power{node="node01"} 1
# HELP rackstrap_node_power_age_seconds How long ago the node's BMC last said so.
# TYPE rackstrap_node_power_age_seconds gauge
rackstrap_node_power_age_seconds{node="node01"} 60
rackstrap_node_power_age_seconds{node="node02"} 61
# HELP rackstrap_node_power_differs 1 while the node's power is not as an operator or an operation last asked for.
# TYPE rackstrap_node_power_differs gauge
rackstrap_node_power_differs{node="node01"} 1
# HELP rackstrap_cluster_committed_timestamp_seconds When a write of this server was last committed by the layer, since the epoch.
# TYPE rackstrap_cluster_committed_timestamp_seconds gauge
rackstrap_cluster_committed_timestamp_seconds{layer="chainfire"} 1700000000
# HELP rackstrap_cluster_leader_stuck 1 while the layer's leader keeps its place and commits nothing.
# TYPE rackstrap_cluster_leader_stuck gauge
rackstrap_cluster_leader_stuck{layer="chainfire"} 0
rackstrap_cluster_leader_stuck{layer="flaredb"} 1
`);
});

test("of each declared node the certificate that was issued last counts", () => {
  const record = (node: string, serial: string) => ({ node, serial }) as IssuedRecord;
  const records = [record("node02", "3"), record("node01", "2"), record("node02", "1")];
  const nodes = ["node01", "node02", "node03"].map((name) => ({ name }));
  expect(latestOf([...records, record("gone", "0")], { nodes } as unknown as Inventory)).toEqual([
    record("node01", "2"),
    record("node02", "3"),
  ]);
});

test("a label's value can't end its line or its quotes", () => {
  const samples = [{ labels: { name: 'a"b\\c\nd', other: "x" }, value: 0.5 }];
  expect(formatMetrics([{ name: "m", type: "gauge", help: "M.", samples }])).toBe(
    '# HELP m M.\n# TYPE m gauge\nm{name="a\\"b\\\\c\\nd",other="x"} 0.5\n',
  );
});
