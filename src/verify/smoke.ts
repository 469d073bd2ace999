// The two smoke tests with their limits (runbook §6.6, requirements D16, D17): a thousand writes to Chainfire, and a query of FlareDB.
// What they write is one key that is overwritten, and one metric of their own.

import type { Judgement } from "../cluster/judge.ts";
import type { Node } from "../inventory/schema.ts";
import { error, ok, warning } from "../preflight/line.ts";
import { isObject } from "./health.ts";
import type { VerifyLine } from "./line.ts";
import type { Probes, ServiceAnswer, ServiceRequest } from "./probes.ts";
import type { LayerView, Scope } from "./scope.ts";

const writes = 1000;
const writesLimitMs = 10_000;
const queryLimitMs = 100;
/** No slash: servers differ on slashes in a path segment. */
const smokeKey = "rackstrap-smoke";
const smokeMetric = "rackstrap_smoke";

type SmokeProbes = Pick<Probes, "putKey" | "ask" | "elapsed" | "now" | "mark">;

export async function checkSmoke(
  scope: Scope,
  probes: SmokeProbes,
  signal: AbortSignal,
): Promise<readonly VerifyLine[]> {
  const { views, nodes } = scope;
  // The first layer holds the cluster's keys; a cluster of one layer of another kind has only that.
  const keys = views.find(({ layer }) => layer === "chainfire") ?? views[0];
  const flaredb = nodes.filter(({ services }) => services.includes("flaredb"));
  // One after the other: a thousand writes would be in the way of a query that is timed.
  const written = keys === undefined ? [] : [await checkWrites(keys, nodes, probes, signal)];
  return [
    ...written,
    ...(flaredb.length === 0 ? [] : [await checkQuery(scope, flaredb, probes, signal)]),
  ];
}

async function checkWrites(
  { layer, judgement }: LayerView,
  nodes: readonly Node[],
  probes: SmokeProbes,
  signal: AbortSignal,
): Promise<VerifyLine> {
  const subject = { area: "smoke", title: `${layer} writes` } as const;
  const leader = leaderOf(judgement, nodes);
  if (leader === undefined) return error(subject, noLeader(judgement), clusterNext);
  const { elapsed } = probes;
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(writesLimitMs)]);
  const value = `${probes.mark()}`;
  const tookMs: number[] = [];
  const beganMs = elapsed();
  for (let count = 0; count < writes; count++) {
    const startMs = elapsed();
    const answer = await probes.putKey(layer, leader, smokeKey, `${value}-${count}`, bounded);
    signal.throwIfAborted();
    // A timer may fire a moment before its time is over.
    if (bounded.aborted || elapsed() - beganMs >= writesLimitMs)
      return error(
        subject,
        `${answer.ok ? count + 1 : count} of ${writes} writes in ${writesLimitMs / 1000} s, one after the other`,
        `on ${leader.name}: iostat -x 1 5 says how long a flush takes; the links area, how far the others are`,
      );
    if (!answer.ok)
      return error(
        subject,
        `write ${count + 1} of ${writes} failed: ${answer.failed}`,
        `on ${leader.name}: journalctl -u ${layer} -n 100`,
      );
    tookMs.push(elapsed() - startMs);
  }
  const total = elapsed() - beganMs;
  return ok(subject, writesText(total, tookMs));
}

const clusterNext = "rackstrap cluster status shows what each member says";

function leaderOf(judgement: Judgement, nodes: readonly Node[]): Node | undefined {
  return nodes.find(({ name }) => name === judgement.leader);
}

function noLeader(judgement: Judgement | undefined): string {
  const leader = judgement?.leader;
  if (leader === undefined) return "not tried: there is no leader that all members agree on";
  return `not tried: the leader ${leader} is not declared as one that runs it`;
}

function writesText(totalMs: number, tookMs: readonly number[]): string {
  const sorted = tookMs.toSorted((a, b) => a - b);
  const p99 = sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 0;
  const most = sorted.at(-1) ?? 0;
  return `${writes} in ${(totalMs / 1000).toFixed(1)} s, one after the other over one connection; p99 ${ms(p99)}, most ${ms(most)}`;
}

const ms = (value: number) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;

/** Writes one point where FlareDB leads, and asks for it over the same connection. */
async function checkQuery(
  { inventory, views }: Scope,
  nodes: readonly Node[],
  probes: SmokeProbes,
  signal: AbortSignal,
): Promise<VerifyLine> {
  const judgement = views.find(({ layer }) => layer === "flaredb")?.judgement;
  // Where FlareDB is no layer of the cluster, any node will do.
  const node = judgement === undefined ? nodes[0] : leaderOf(judgement, nodes);
  if (node === undefined) return error(query, noLeader(judgement), clusterNext);
  const { port } = inventory.services.flaredb;
  const value = probes.mark();
  const timestamp = Math.floor(probes.now() / 1000);
  const post = async (path: string, body: unknown) => {
    const request: ServiceRequest = { port, method: "POST", path, body };
    return readPost(await probes.ask(node, request, signal), path, node);
  };
  const written = await post("/v1/write", { metric: smokeMetric, value, timestamp });
  if ("fault" in written) return written.fault;
  const found = await post("/v1/query", { query: smokeMetric, time: timestamp });
  if ("fault" in found) return found.fault;
  if (!holds(found.body, `${value}`))
    return error(query, `${node.name} answers without the point that was written`, logOf(node));
  const took = `${node.name} wrote a point and found it in ${ms(found.tookMs)}`;
  if (found.tookMs < queryLimitMs) return ok(query, took);
  return error(query, `${took}; ${queryLimitMs} ms is the limit`, logOf(node));
}

const query = { area: "smoke", title: "flaredb query" } as const;
const logOf = (node: Node) => `on ${node.name}: journalctl -u flaredb -n 100`;

function readPost(
  answer: ServiceAnswer,
  path: string,
  node: Node,
): { readonly fault: VerifyLine } | { readonly body: unknown; readonly tookMs: number } {
  if (answer.kind === "failed") return { fault: error(query, answer.why, logOf(node)) };
  const { status, body, tookMs } = answer;
  if (status >= 200 && status <= 299) return { body, tookMs };
  if (status !== 404)
    return {
      fault: error(query, `POST ${path} on ${node.name} answers HTTP ${status}`, logOf(node)),
    };
  const why = `not tried: FlareDB on ${node.name} has no POST ${path} (HTTP 404)`;
  return { fault: warning(query, why, "nothing, where this FlareDB keeps no metrics") };
}

const deepest = 8;

/** Whether `wanted` is somewhere in a JSON value, as a number or as text: the runbook does not give the shape of an answer. */
function holds(value: unknown, wanted: string, depth = 0): boolean {
  if (depth > deepest) return false;
  if (typeof value === "number" || typeof value === "string") return `${value}` === wanted;
  const parts = Array.isArray(value) ? value : isObject(value) ? Object.values(value) : [];
  return parts.some((part) => holds(part, wanted, depth + 1));
}
