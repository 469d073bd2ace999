// What the runbook lists in §3.3, §5.3, §5.5 and §7.1, held against what is generated for its site.

import { expect, test } from "vitest";
import { clusterConfigFiles } from "../../src/generate/cluster-config-files.ts";
import { dnsFiles } from "../../src/generate/dns-zones.ts";
import type { ClusterState } from "../../src/generate/site.ts";
import { inventoryWith, type plainSite, siteWith } from "./site.ts";

const forwardZone = `
node01.example.com.     IN  A   10.0.200.10
node02.example.com.     IN  A   10.0.200.11
node03.example.com.     IN  A   10.0.200.12
worker01.example.com.   IN  A   10.0.200.20
worker02.example.com.   IN  A   10.0.200.21
chainfire.example.com.  IN  A   10.0.200.100
flaredb.example.com.    IN  A   10.0.200.101
iam.example.com.        IN  A   10.0.200.102`;

const reverseZone = `
10.200.0.10.in-addr.arpa.  IN  PTR  node01.example.com.
11.200.0.10.in-addr.arpa.  IN  PTR  node02.example.com.
12.200.0.10.in-addr.arpa.  IN  PTR  node03.example.com.`;

const bootstrap = `{
  "node_id": "node01",
  "node_role": "control-plane",
  "bootstrap": true,
  "cluster_name": "prod-cluster",
  "leader_url": "https://node01.example.com:2379",
  "raft_addr": "10.0.200.10:2380",
  "initial_peers": [
    "node01.example.com:2380",
    "node02.example.com:2380",
    "node03.example.com:2380"
  ],
  "flaredb_peers": [
    "node01.example.com:2480",
    "node02.example.com:2480",
    "node03.example.com:2480"
  ]
}
`;

const join = (name: string, address: string) => `{
  "node_id": "${name}",
  "node_role": "worker",
  "bootstrap": false,
  "cluster_name": "prod-cluster",
  "leader_url": "https://node01.example.com:2379",
  "raft_addr": "${address}:2380"
}
`;

function addWorker(file: ReturnType<typeof plainSite>, name: string, last: number): void {
  const nodes = file["nodes"] as Record<string, unknown>;
  nodes[name] = {
    mac: `52:54:00:12:35:${last}`,
    profile: "worker",
    provisioningAddress: `10.0.100.${last + 61}`,
    productionAddress: `10.0.200.${last}`,
    bmc: { address: `10.0.10.${last + 61}` },
  };
}

const runbookSite = () =>
  inventoryWith((file) => {
    delete (file["nodes"] as Record<string, unknown>)["node04"];
    addWorker(file, "worker01", 20);
    addWorker(file, "worker02", 21);
  });

const records = (zone: string) =>
  zone
    .split("\n")
    .filter((line) => / (?:A|PTR) /.test(line))
    .map((line) => line.replace(/\s+/g, " "));

test("the zones of §3.3 have every record that the runbook lists", () => {
  const files = dnsFiles(siteWith({ inventory: runbookSite() }));
  const zone = (path: string) => records(files.find((file) => file.path === path)?.text ?? "");
  expect(zone("dns/example.com.zone")).toEqual(expect.arrayContaining(records(forwardZone)));
  expect(zone("dns/200.0.10.in-addr.arpa.zone")).toEqual(
    expect.arrayContaining(records(reverseZone)),
  );
});

function document(name: string, cluster: ClusterState): string | undefined {
  const inventory = inventoryWith((file) => addWorker(file, "node05", 21));
  const made = clusterConfigFiles(siteWith({ inventory, cluster }));
  if ("skipped" in made) throw new Error(made.skipped);
  return made.find(({ path }) => path === `nodes/${name}.example.com/secrets/cluster-config.json`)
    ?.text;
}

test("node01 of a cluster that was never formed gets the document of §5.3, byte for byte", () => {
  expect(document("node01", { state: "unformed" })).toBe(bootstrap);
});

test.each<[string, string, ClusterState]>([
  ["node04", "10.0.200.20", { state: "unformed" }],
  ["node05", "10.0.200.21", { state: "formed", through: ["node01.example.com"] }],
])("%s gets the join document of §5.5 and §7.1, byte for byte", (name, address, cluster) => {
  expect(document(name, cluster)).toBe(join(name, address));
});
