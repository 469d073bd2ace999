// Writes one key to each layer from time to time, and says when its leader commits nothing: it is told, and the lead is handed to
// another voter, once. To switch the machine of a stuck leader off is for an operator to decide (reliability F14).

import type { Answer, Failure } from "../cluster/client.ts";
import {
  afterTrial,
  type Commits,
  isWell,
  missesOfStuck,
  stuckLeader,
  type Trial,
  untried,
} from "../cluster/commits.ts";
import type { Layer } from "../cluster/driver.ts";
import type { LiveInventory } from "../inventory/live.ts";
import type { NewEvent, NodeStore } from "../nodes/ports.ts";
import { judgeTaking } from "./budget.ts";
import type { ClusterAccess } from "./cluster-access.ts";
import type { Clock } from "./runner.ts";

/** The key that is overwritten on each layer. Not the round trip's: each would take the other's value for an old one. */
const commitKey = "rackstrap-commit";

export interface CommitWatch {
  view(layer: Layer): CommitView;
  close(): Promise<void>;
}

/** Times are milliseconds since the epoch. */
export interface CommitView {
  /** When a write was last seen to be committed. */
  readonly committedMs?: number | undefined;
  readonly stuck?:
    | { readonly leader: string; readonly sinceMs: number; readonly reason: string }
    | undefined;
}

export interface CommitWatchTools {
  readonly inventory: LiveInventory;
  readonly cluster: Pick<ClusterAccess, "view" | "putKey" | "transferLeader">;
  /** The nodes that an operation is at work on: others are given the lead before them. */
  readonly operating: () => ReadonlySet<string>;
  readonly store: Pick<NodeStore, "events">;
  /** Writes to the timeline; never throws. */
  readonly record: (event: NewEvent) => void;
  readonly clock: Clock;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly onFault: (error: unknown) => void;
}

/** What is known of a layer, and what was done about it since it was well. */
interface Watched {
  commits: Commits;
  /** Whom the members named as leader when they were last asked. */
  leader: string | undefined;
  /** The leaders that were told to be stuck. The lead of the first was to be handed over: of the next that would change nothing. */
  readonly told: Set<string>;
  /** Turns that are left out: machines that are switched off are not asked all the time whether there is a cluster. */
  turnsOff: number;
}

const nobodyPauseSeconds = 60;
/** Where it is switched off it is asked this often whether it still is. */
const offPauseMs = 10_000;

/** Begins at once, and goes on until it is closed. */
export function startCommitWatch(tools: CommitWatchTools): CommitWatch {
  const { inventory, clock } = tools;
  const watched = new Map<Layer, Watched>();
  const of = (layer: Layer): Watched => {
    const known = watched.get(layer) ?? remember(tools, layer);
    watched.set(layer, known);
    return known;
  };
  const stop = new AbortController();
  const atWork = new Map<Layer, Promise<void>>();
  const begin = (layer: Layer): void => {
    // A layer that is slow to answer keeps nobody from the others.
    if (atWork.has(layer)) return;
    const ended = probe(tools, layer, of, stop.signal)
      // What can't be watched now must not end the server; the next turn tries again.
      .catch(tools.onFault)
      .finally(() => atWork.delete(layer));
    atWork.set(layer, ended);
  };
  const run = async () => {
    while (!stop.signal.aborted) {
      const { layers, writeProbeSeconds } = inventory().cluster;
      const isOn = writeProbeSeconds > 0;
      if (isOn) layers.forEach(begin);
      // What nobody looks at any more is not known.
      else watched.clear();
      await clock.sleep(isOn ? writeProbeSeconds * 1000 : offPauseMs, stop.signal);
    }
  };
  const running = run();
  return {
    view: (layer) => viewOf(watched.get(layer)?.commits ?? untried),
    close: async () => {
      stop.abort();
      await Promise.all([running, ...atWork.values()]);
    },
  };
}

/** What the timeline says was told last, so that a server that starts anew does not tell it once more, and does tell its end. */
function remember({ store }: CommitWatchTools, layer: Layer): Watched {
  const events = store
    .events({ kinds: ["stuck-leader", "commits-again"], limit: 50 })
    .filter(({ detail }) => detail["layer"] === layer);
  const since = events.slice(events.findLastIndex(({ kind }) => kind === "commits-again") + 1);
  const told = new Set(since.flatMap(({ node }) => (node === undefined ? [] : [node])));
  return { commits: untried, leader: undefined, told, turnsOff: 0 };
}

function viewOf(commits: Commits): CommitView {
  const { committedMs, failingSinceMs: sinceMs, reason } = commits;
  const leader = stuckLeader(commits);
  if (leader === undefined || sinceMs === undefined || reason === undefined) return { committedMs };
  return { committedMs, stuck: { leader, sinceMs, reason } };
}

/** One turn. */
async function probe(
  tools: CommitWatchTools,
  layer: Layer,
  of: (layer: Layer) => Watched,
  signal: AbortSignal,
): Promise<void> {
  const watched = of(layer);
  if (watched.turnsOff > 0) {
    watched.turnsOff--;
    return;
  }
  const trial = await tryWrite(tools, layer, watched, signal);
  // What the server's end broke off says nothing.
  if (signal.aborted) return;
  watched.commits = afterTrial(watched.commits, trial, tools.now());
  if (isWell(watched.commits)) return await tellEnd(tools, layer, watched);
  const leader = stuckLeader(watched.commits);
  if (leader === undefined || watched.told.has(leader)) return;
  const isFirst = watched.told.size === 0;
  // Written down before the lead is handed over: a server that ends in between does not do it twice.
  tellStuck(tools, layer, watched, leader);
  if (isFirst) await handOver(tools, layer, leader, signal);
}

/** Through the leader that is known, and where that fails through the one that the members name now. */
async function tryWrite(
  tools: CommitWatchTools,
  layer: Layer,
  watched: Watched,
  signal: AbortSignal,
): Promise<Trial> {
  const write = async (node: string) => await writeInTime(tools, layer, node, signal);
  const { leader: known } = watched;
  const first = known === undefined ? undefined : await write(known);
  if (first?.ok === true) return { kind: "committed" };
  const view = await tools.cluster.view(layer);
  const { leader, verdict, reasons } = view;
  const others = declared(tools, view.healthyVoters).filter((name) => name !== leader);
  const isDeclared = leader !== undefined && declared(tools, [leader]).length > 0;
  watched.leader = isDeclared ? leader : undefined;
  if (verdict === "no-cluster") watched.turnsOff = turnsOfNobody(tools);
  const untold = (reason: string): Trial => ({ kind: "untold", reason });
  if (verdict === "no-cluster" || verdict === "no-quorum") return untold(reasons.join("; "));
  if (!isDeclared) {
    // Members may disagree on who leads, or name a stranger: whether writes are committed can be seen all the same.
    const [other] = others;
    const written = other === undefined ? undefined : await write(other);
    const why = `${leader ?? "nobody that all agree on"} leads`;
    return written?.ok === true ? { kind: "committed" } : untold(why);
  }
  const written = leader === known && first !== undefined ? first : await write(leader);
  if (written.ok) return { kind: "committed" };
  if (isForbidden(written)) return untold(written.failed);
  const missed: Trial = { kind: "missed", leader, reason: written.failed };
  // Only this server may be cut off from it: another member hands the write on.
  const [other] = others;
  if (view.healthyVoters.includes(leader) || other === undefined) return missed;
  return (await write(other)).ok ? { kind: "committed" } : missed;
}

function declared({ inventory }: CommitWatchTools, names: readonly string[]): string[] {
  const { nodes } = inventory();
  return names.filter((name) => nodes.some((node) => node.name === name));
}

function turnsOfNobody({ inventory }: CommitWatchTools): number {
  return Math.max(0, Math.ceil(nobodyPauseSeconds / inventory().cluster.writeProbeSeconds) - 1);
}

/** It answers, and says that it will not take this from this server. That is no sign of what it would commit. */
function isForbidden({ refusal, passing }: Failure): boolean {
  return refusal !== undefined && passing !== true && refusal.status < 500;
}

async function writeInTime(
  { inventory, cluster, clock, now }: CommitWatchTools,
  layer: Layer,
  node: string,
  signal: AbortSignal,
): Promise<Answer<undefined>> {
  const { probeSeconds } = inventory().timeouts;
  const over = new AbortController();
  const late = clock.sleep(probeSeconds * 1000, AbortSignal.any([signal, over.signal])).then(
    (): Failure => ({
      ...{ ok: false, silent: false, passing: true },
      failed: `${node} did not commit a write within ${probeSeconds} s`,
    }),
  );
  const write = cluster.putKey(
    ...([layer, node, commitKey, new Date(now()).toISOString()] as const),
    AbortSignal.any([signal, over.signal]),
  );
  try {
    return await Promise.race([write, late]);
  } finally {
    over.abort();
  }
}

function tellStuck(
  { record }: CommitWatchTools,
  layer: Layer,
  { commits, told }: Watched,
  leader: string,
): void {
  told.add(leader);
  record({
    ...{ node: leader, mac: undefined, kind: "stuck-leader" },
    detail: { layer, misses: missesOfStuck, reason: commits.reason, next: nextFor(leader) },
  });
}

/** To a healthy voter, if possible one that no operation is at work on. What came of it is told, whatever it is. */
async function handOver(
  tools: CommitWatchTools,
  layer: Layer,
  leader: string,
  signal: AbortSignal,
): Promise<void> {
  const { cluster, operating, record } = tools;
  const view = await cluster.view(layer);
  const taken = operating();
  const heirs = declared(tools, view.healthyVoters).filter((name) => name !== leader);
  const heir = heirs.find((name) => !taken.has(name)) ?? heirs[0];
  const tell = (outcome: string, more: object = {}) =>
    record({
      ...{ node: leader, mac: undefined, kind: "leader-handed-over" },
      detail: { layer, ...(heir === undefined ? {} : { to: heir }), outcome, ...more },
    });
  const { quorum } = judgeTaking([view], [leader]);
  const fence = { next: nextFor(leader), quorum };
  if (heir === undefined) return tell("there is no other healthy voter", fence);
  const answer = await cluster.transferLeader(layer, { from: leader, to: heir }, signal);
  if (signal.aborted) return;
  if (answer.ok && answer.value === "transferred") return tell("transferred");
  tell(answer.ok ? "this server has no such call" : answer.failed, fence);
}

async function tellEnd(
  { cluster, record }: CommitWatchTools,
  layer: Layer,
  { told }: Watched,
): Promise<void> {
  if (told.size === 0) return;
  const { leader: node } = await cluster.view(layer);
  record({ node, mac: undefined, kind: "commits-again", detail: { layer } });
  told.clear();
}

/** What is left to do about a stuck leader, and is not done without an operator. */
export function nextFor(leader: string): string {
  return `if it still leads and commits nothing, switch its machine off, so that the others elect another: rackstrap power off ${leader}`;
}
