import { describe, expect, it } from "vitest";
import { clusterConfig, clusterConfigSchema } from "../../src/boot/cluster-config.ts";
import type { Node } from "../../src/inventory/schema.ts";

function node(name: string, role: Node["role"], productionAddress: string): Node {
  return { name, fqdn: `${name}.example.com`, role, productionAddress } as Node;
}

const cluster = { name: "prod-cluster" };
const inventory = {
  cluster,
  services: {
    chainfire: { port: 2379, raftPort: 2380, gossipPort: 2381 },
    flaredb: { port: 2479, raftPort: 2480 },
  },
};
const peers = ["node01.example.com", "node02.example.com", "node03.example.com"];

// The listings of the provisioning runbook (§5.3 and §5.5), with its order of keys.
const bootstrapOfNode01 = `{
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
}`;

const joinOfNode04 = `{
  "node_id": "node04",
  "node_role": "worker",
  "bootstrap": false,
  "cluster_name": "prod-cluster",
  "leader_url": "https://node01.example.com:2379",
  "raft_addr": "10.0.200.20:2380"
}`;

describe("cluster-config.json", () => {
  it("is the runbook's document for the node that forms the cluster", () => {
    const document = clusterConfig({
      node: node("node01", "control-plane", "10.0.200.10"),
      inventory,
      membership: { kind: "bootstrap", peers },
    });
    expect(JSON.stringify(document, undefined, 2)).toBe(bootstrapOfNode01);
  });

  it("is the runbook's document for a node that joins, without peer lists", () => {
    const document = clusterConfig({
      node: node("node04", "worker", "10.0.200.20"),
      inventory,
      membership: { kind: "join", leader: "node01.example.com" },
    });
    expect(JSON.stringify(document, undefined, 2)).toBe(joinOfNode04);
  });

  it("names the ports of a site that has its own", () => {
    const document = clusterConfig({
      node: node("node01", "control-plane", "10.0.200.10"),
      membership: { kind: "bootstrap", peers },
      inventory: {
        cluster,
        services: {
          chainfire: { port: 12379, raftPort: 12380, gossipPort: 12381 },
          flaredb: { port: 12479, raftPort: 12480 },
        },
      },
    });
    expect(document).toMatchObject({
      ...{ leader_url: "https://node01.example.com:12379", raft_addr: "10.0.200.10:12380" },
      initial_peers: peers.map((name) => `${name}:12380`),
      flaredb_peers: peers.map((name) => `${name}:12480`),
    });
  });

  it("has no place for anything else, so that no secret can come along", () => {
    const document = { ...JSON.parse(joinOfNode04), token: "s3cret" };
    expect(clusterConfigSchema.safeParse(document).success).toBe(false);
  });

  it.each([
    ["a leader that is no host name", { kind: "join", leader: "evil/path" }],
    ["no peers", { kind: "bootstrap", peers: [] }],
  ] as const)("is not made with %s", (_, membership) => {
    const wanted = { node: node("node04", "worker", "10.0.200.20"), inventory, membership };
    expect(() => clusterConfig(wanted)).toThrow();
  });
});
