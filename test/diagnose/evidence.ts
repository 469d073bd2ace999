// Evidence of a healthy node and of one that boots for its install; tests change what they are about.

import type { Judgement } from "../../src/cluster/judge.ts";
import type { Evidence, Known } from "../../src/diagnose/evidence.ts";
import type { NodeReport, UnitLook } from "../../src/diagnose/node-report.ts";
import { findNode } from "../../src/inventory/find.ts";
import type { Node } from "../../src/inventory/schema.ts";
import type { TimelineEvent } from "../../src/nodes/ports.ts";
import { consoleFault, lastBootStage } from "../../src/operations/boot-stage.ts";
import {
  newOperation,
  newStep,
  type Operation,
  type StepStatus,
} from "../../src/operations/operation.ts";
import { exampleInventory } from "../fakes/rack.ts";

const nowMs = Date.UTC(2026, 5, 1, 12);
export const known = <T>(value: T): Known<T> => ({ known: true, value });
export const unasked: Known<never> = { known: false, why: "nobody asked" };

export function node01(): Node {
  const node = findNode(exampleInventory(), "node01");
  if (node === undefined) throw new Error("the example site has no node01");
  return node;
}

const stepIds = [
  "check",
  "arm",
  "power",
  "network",
  "installer",
  "membership",
  "install",
  "disk-boot",
  "files",
  "join",
];

/** A provision operation whose steps before `at` are done. */
export function anOperation(at: string | undefined, changes: Partial<Operation> = {}): Operation {
  const here = at === undefined ? stepIds.length : stepIds.indexOf(at);
  const statusOf = (index: number): StepStatus =>
    index < here ? "done" : index === here ? "waiting" : "pending";
  return {
    ...newOperation({
      ...{ id: "op-1", kind: "provision", node: "node01", createdAtMs: nowMs - 600_000 },
      status: at === undefined ? "done" : "running",
      steps: stepIds.map((id, index) => ({
        ...newStep({ id, title: id }),
        ...{ status: statusOf(index), attempts: 1, startedAtMs: nowMs, endedAtMs: nowMs },
      })),
    }),
    ...changes,
  };
}

export function aUnit(unit: string, changes: Partial<UnitLook> = {}): UnitLook {
  return {
    ...{ unit, load: "loaded", active: "active", sub: "running", result: "success", restarts: 0 },
    ...changes,
  };
}

export function healthyReport(changes: Partial<NodeReport> = {}): NodeReport {
  return {
    clockMs: nowMs,
    load: { average: 0.3, processors: 8 },
    memory: { totalKb: 32_000_000, availableKb: 20_000_000 },
    fileSystems: [{ mount: "/", usedPercent: 20 }],
    rootReadOnly: false,
    units: [
      ...["chainfire.service", "flaredb.service", "iam.service"].map((unit) => aUnit(unit)),
      ...["chainfire", "flaredb"].map((layer) =>
        aUnit(`${layer}-cluster-join.service`, { sub: "exited" }),
      ),
    ],
    journal: {},
    listeners: [2379, 2479, 8080].map((port) => ({ address: "0.0.0.0", port, program: "server" })),
    config: {
      kind: "read",
      config: {
        ...{
          node_id: "node01",
          node_role: "control-plane",
          bootstrap: false,
          cluster_name: "prod-cluster",
        },
        ...{ leader_url: "https://node02.example.com:2379", raft_addr: "10.0.200.10:2380" },
      },
    },
    certificate: {
      ...{ notBeforeMs: nowMs - 86_400_000, notAfterMs: nowMs + 86_400_000, fingerprint: "ab" },
      ...{ byAuthority: true, namesNode: true },
    },
    authority: "same",
    keyPresent: true,
    peers: [],
    slowOperations: 0,
    ...changes,
  };
}

export function aLayer(layer: Judgement["layer"], changes: Partial<Judgement> = {}): Judgement {
  const names = ["node01", "node02", "node03"];
  return {
    ...{ layer, verdict: "healthy", voters: names, healthyVoters: names, leader: "node02" },
    ...{ disagreement: undefined, doubtful: [], reasons: [], answering: names },
    members: names.map((id) => ({
      ...{ id, raftAddress: `${id}:2380`, status: "healthy" },
      role: id === "node02" ? ("leader" as const) : ("follower" as const),
    })),
    ...changes,
  };
}

const server = {
  services: { dhcp: "running", tftp: "running", http: "running" },
  ...{
    loaderProblems: [],
    loaderFaults: [],
    imageProblems: [],
    scriptFaults: [],
    foreignServers: [],
  },
};

/** An installed node at which nothing is missing. */
export function healthy(changes: Partial<Evidence> = {}): Evidence {
  return {
    ...{
      node: node01(),
      ownLayers: ["chainfire", "flaredb"],
      nowMs,
      state: "active",
      operation: anOperation(undefined),
      founder: undefined,
      formed: false,
    },
    ...{
      boot: lastBootStage([]),
      declined: undefined,
      consoleFault: undefined,
      consoleStage: undefined,
    },
    issued: { notAfterMs: nowMs + 86_400_000, fingerprint: "ab" },
    server: known(server),
    surroundings: known([]),
    bmc: known({ kind: "answers", power: "on" }),
    installer: unasked,
    install: known({ kind: "succeeded" }),
    system: known({ kind: "answers", report: healthyReport() }),
    ports: known([
      { service: "chainfire", port: 2379, state: "open" },
      { service: "flaredb", port: 2479, state: "open" },
      { service: "iam", port: 8080, state: "open" },
    ]),
    handshakes: known([{ service: "chainfire", presented: { kind: "issued" } }]),
    layers: known([aLayer("chainfire"), aLayer("flaredb")]),
    ...changes,
  };
}

/** The same, looked into, with that report. */
export function withReport(report: Partial<NodeReport>, changes: Partial<Evidence> = {}): Evidence {
  const system = known({ kind: "answers", report: healthyReport(report) } as const);
  return healthy({ system, ...changes });
}

/** This server with that in it. */
export function withServer(
  changes: Partial<typeof server>,
  others: Partial<Evidence> = {},
): Evidence {
  return booting([], { server: known({ ...server, ...changes }), ...others });
}

export type Told = readonly [kind: string, detail?: TimelineEvent["detail"]];

/** A machine on its way to its installer, of which that was seen. */
export function booting(told: readonly Told[], changes: Partial<Evidence> = {}): Evidence {
  const events = told.map(
    ([kind, detail = {}], id): TimelineEvent => ({
      ...{ id, atMs: nowMs - 5000, node: "node01", mac: undefined, kind, detail },
    }),
  );
  const stage = events.findLast(({ kind }) => kind === "console-stage-reached")?.detail["stage"];
  return healthy({
    ...{ state: "armed", operation: anOperation("installer"), issued: undefined },
    ...{ boot: lastBootStage(events), consoleFault: consoleFault(events) },
    consoleStage: stage === undefined ? undefined : String(stage),
    install: known({ kind: "absent" }),
    system: known({ kind: "timeout", why: "ssh: no end in time" }),
    ports: known([{ service: "chainfire", port: 2379, state: "silent" }]),
    handshakes: unasked,
    layers: known([
      aLayer("chainfire", {
        verdict: "no-cluster",
        healthyVoters: [],
        members: [],
        reasons: ["nobody"],
      }),
    ]),
    ...changes,
  });
}
