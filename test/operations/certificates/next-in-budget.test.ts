import { expect, it } from "vitest";
import { judge } from "../../../src/cluster/judge.ts";
import type { Node } from "../../../src/inventory/schema.ts";
import { nextInBudget } from "../../../src/operations/certificates/rotate-node.ts";
import type { Unit } from "../../../src/operations/certificates/services.ts";
import type { Work } from "../../../src/operations/verb.ts";

const names = ["node01", "node02", "node03"];
const node = { name: "node02" } as Node;
const before = { chainfire: "c1", flaredb: "f1" };

/** The layer as all see it who are not `lost`. */
function viewWithout(lost: readonly string[]) {
  const members = names.map((id) => ({
    ...{ id, raftAddress: `${id}:2380`, status: lost.includes(id) ? "unreachable" : "healthy" },
    role: id === "node01" ? ("leader" as const) : ("follower" as const),
  }));
  const seen = { members, leader: { id: "node01", term: 1 } };
  const health = { status: "healthy", raft: "follower", clusterSize: 3, chainfire: undefined };
  const living = names.filter((name) => !lost.includes(name));
  return judge({
    layer: "chainfire",
    observations: new Map(living.map((name) => [name, { ...seen, health }])),
  });
}

const workWith = (lost: readonly string[], forced: readonly string[] = []) =>
  ({
    operation: { forced },
    cluster: { fresh: async () => [viewWithout(lost)] },
  }) as unknown as Work;

const unit = (service: "chainfire" | "flaredb", invocation: string | undefined): Unit => ({
  ...{ service, invocation: invocation ?? "", answers: invocation !== undefined },
  state: invocation === undefined ? "inactive" : "active",
});

const allRun = [unit("chainfire", "c1"), unit("flaredb", "f1")];
const oneStopped = [unit("chainfire", "c1"), unit("flaredb", undefined)];
const oneStartedAgain = [unit("chainfire", "c1"), unit("flaredb", "f2")];

it.each<[string, readonly Unit[], Work, object]>([
  [
    "the last to start is stopped first",
    allRun,
    workWith([]),
    { kind: "stop", service: "flaredb" },
  ],
  ["then the others", oneStopped, workWith([]), { kind: "stop", service: "chainfire" }],
  [
    "with another node gone nothing is stopped",
    allRun,
    workWith(["node03"]),
    { kind: "wait", service: "flaredb", why: expect.stringContaining("leaves 1 < 2: refused") },
  ],
  [
    "what is stopped already comes back first",
    oneStopped,
    workWith(["node03"]),
    { kind: "start", service: "flaredb" },
  ],
  [
    "and what runs on with its former files waits for the others",
    oneStartedAgain,
    workWith(["node03"]),
    { kind: "wait", service: "flaredb", why: expect.stringContaining("is not stopped now") },
  ],
  [
    "the typed name lifts that",
    oneStopped,
    workWith(["node03"], ["node02"]),
    { kind: "stop", service: "chainfire" },
  ],
])("%s", async (_, units, work, move) => {
  expect(await nextInBudget(work, node, units, before)).toEqual(move);
});
