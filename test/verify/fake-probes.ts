// A healthy cluster of the example site's first three nodes, as the checks of `rackstrap verify` ask for it; a test says what is otherwise.

import { failure, success } from "../../src/cluster/client.ts";
import type { Layer } from "../../src/cluster/driver.ts";
import type { Observation } from "../../src/cluster/judge.ts";
import type { Inventory, Node } from "../../src/inventory/schema.ts";
import type { ServiceName } from "../../src/inventory/services.ts";
import type { VerifyLine } from "../../src/verify/line.ts";
import type { Probes, ServiceAnswer, Shown } from "../../src/verify/probes.ts";
import { type Scope, scopeOf } from "../../src/verify/scope.ts";
import { exampleInventory } from "../fakes/rack.ts";

export const never = new AbortController().signal;
export const nowMs = Date.UTC(2026, 0, 1);
export const dayMs = 24 * 60 * 60 * 1000;

/** The example site; its first three nodes run `services`. */
export function site(services: readonly ServiceName[] = ["chainfire", "flaredb"]): Inventory {
  const inventory = exampleInventory();
  const nodes = inventory.nodes.map((node, index) => (index < 3 ? { ...node, services } : node));
  return { ...inventory, nodes };
}

export function nodeOf(inventory: Inventory, name: string): Node {
  const node = inventory.nodes.find((each) => each.name === name);
  if (node === undefined) throw new Error(`no ${name} in the example site`);
  return node;
}

const names = ["node01", "node02", "node03"];
export const wasInstalled = (name: string) => names.includes(name);

export function observation(name: string, leader: string | undefined = "node01"): Observation {
  const role = (id: string) => (id === leader ? ("leader" as const) : ("follower" as const));
  return {
    members: names.map((id, index) => ({
      ...{ id, role: role(id), status: "healthy" },
      raftAddress: `10.0.200.${10 + index}:2380`,
    })),
    leader: { id: leader, term: 7 },
    health: { status: "healthy", raft: role(name), clusterSize: 3, chainfire: undefined },
  };
}

export const dead: Observation = {
  failure: "10.0.200.12:2379 refuses the connection",
  silent: true,
};

type Observed = Readonly<Record<string, Observation>>;

/** What both layers say; node04 is in no cluster. */
export function looks(changes: Observed = {}) {
  return (["chainfire", "flaredb"] as const).map((layer: Layer) => {
    const seen: Observed = {
      ...Object.fromEntries(names.map((name) => [name, observation(name)])),
      node04: dead,
      ...changes,
    };
    return [layer, new Map(Object.entries(seen))] as const;
  });
}

export function scope(inventory = site(), changes: Observed = {}): Scope {
  return scopeOf(inventory, wasInstalled, looks(changes));
}

export const answered = (body: unknown, status = 200, tookMs = 4): ServiceAnswer => ({
  ...{ kind: "answered", status, body, tookMs },
});

export const goodCertificate: Shown = {
  ...{ kind: "shown", notBeforeMs: nowMs - dayMs, notAfterMs: nowMs + 200 * dayMs },
  ...{ fingerprint: "aa", chainFault: undefined, namesNode: true, names: "DNS:node" },
};

/** What each service says of itself, by port, or by path where it is no health. */
const goodBodies: Readonly<Record<string, unknown>> = {
  2379: { status: "healthy", raft: "follower", cluster_size: 3 },
  2479: { status: "healthy", raft: "follower", chainfire: "connected" },
  8080: { status: "healthy", database: "connected", version: "1.0.0" },
  9090: { status: "healthy", vms_running: 0 },
  9091: { status: "healthy", networks: 0 },
  9092: { status: "healthy", backends: 0 },
  853: { status: "healthy" },
  "/api/vms": [],
  "/api/users": { users: [{ name: "root" }, { name: "ops" }] },
  "/v1/write": {},
};

/** All is well; a write takes `writeMs` of a clock that stands still otherwise. */
export function probes(changes: Partial<Probes> = {}, writeMs = 4): Probes {
  let clockMs = 0;
  let marked = 40;
  return {
    observe: async () => looks(),
    ask: async (_node, { path, port }) => {
      if (path === "/v1/query") return answered({ result: [{ value: [1, `${marked}`] }] });
      return answered(goodBodies[path] ?? goodBodies[port]);
    },
    addressesOf: async (node) => [node.productionAddress],
    handshake: async () => goodCertificate,
    shell: { run: async () => ({ ok: false, kind: "unreachable", why: "no route" }) },
    roundTrip: async () => success({ reads: 1 }),
    putKey: async () => {
      clockMs += writeMs;
      return success(undefined);
    },
    iamToken: () => undefined,
    issuedFingerprint: () => "aa",
    now: () => nowMs,
    elapsed: () => clockMs,
    mark: () => ++marked,
    ...changes,
  };
}

export const refused = failure("10.0.200.10:2379 refuses the connection");

/** `level title: detail`, as a person reads it. */
export function shown(lines: readonly VerifyLine[]): string[] {
  return lines.map(({ level, title, detail }) => `${level} ${title}: ${detail}`);
}
