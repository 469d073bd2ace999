// The steps by which one installed node gets other certificate files: given, its services started anew inside the quorum budget, proven from
// outside, healthy, and only then are the old ones forgotten.

import { layersOf } from "../../inventory/peers.ts";
import type { Node } from "../../inventory/schema.ts";
import { sha256 } from "../../pki/chain.ts";
import { presentedCertificate } from "../../pki/handshake.ts";
import { judgeTaking, withinBudget } from "../budget.ts";
import { done, failed, type Step, type StepResult, wait } from "../result.ts";
import { awaitVoter } from "../steps/await-voter.ts";
import { handOver } from "../steps/hand-over.ts";
import { shellFailure } from "../steps/services.ts";
import { voterProblems } from "../steps/verify-cluster.ts";
import type { Work } from "../verb.ts";
import { certificateFiles } from "./delivery-script.ts";
import { issuedFor, issueRecorded } from "./issue-recorded.ts";
import { createNodeDelivery, type NodeDelivery, summed } from "./node-delivery.ts";
import { nextRestart, type RestartMove, showing, type Unit, type UnitName } from "./services.ts";

/** What a node is given: a new certificate with what it trusts, or the latter alone. */
export type Phase = "certificate" | "trust-both" | "trust-new";

/** One node in one phase of an operation. */
export interface NodeWork {
  readonly work: Work;
  readonly node: Node;
  readonly phase: Phase;
  readonly delivery: NodeDelivery;
}

const titles: Readonly<Record<Phase, string>> = {
  certificate: "give it a new certificate",
  "trust-both": "have it trust the next CA as well",
  "trust-new": "have it trust the next CA alone",
};

const pauseMs = 1000;
const deliverMs = 120_000;

export function nodeWork(work: Work, node: Node, phase: Phase): NodeWork {
  const ca = () => work.authority.ca().certPem;
  const delivery = createNodeDelivery(work.shell, { inventory: work.inventory, ca }, node);
  return { work, node, phase, delivery };
}

/** Also by these ids the stored operation says how far a node has come. */
export function stepId(step: string, { node, phase }: Pick<NodeWork, "node" | "phase">): string {
  return `${step}-${phase}-${node.name}`;
}

export function nodeSteps(about: NodeWork): readonly Step[] {
  const { work, node } = about;
  const isMember = layersOf(work.inventory, node).length > 0;
  const ofMember = (made: Step, name: string) =>
    isMember ? [{ ...made, id: stepId(name, about) }] : [];
  return [
    deliver(about),
    ...ofMember(handOver(work, node), "hand-over"),
    restart(about),
    prove(about),
    ...ofMember(voterAgain(about), "voter"),
    settle(about),
  ];
}

/**
 * A healthy voter again. Where the cluster had no majority before this node's turn, which its typed name passed over, it has none after
 * it either: with the certificates of all expired the first ones to get new ones wait for nobody.
 */
function voterAgain(about: NodeWork): Step {
  const { work, node } = about;
  const whole = awaitVoter(work, node);
  return {
    ...whole,
    run: async (attempt, signal) => {
      const result = await whole.run(attempt, signal);
      // A server that ended while it gave the node its former files back finds it well: with those.
      const lost = result.kind === "done" ? await lostFiles(about, signal) : undefined;
      if (lost !== undefined) return lost;
      const restarted = attempt.operation.steps.find(({ id }) => id === stepId("restart", about));
      if (result.kind === "done" || restarted?.evidence["forced"] === undefined) return result;
      const views = await work.cluster.views();
      const led = views.filter(({ verdict }) => verdict === "healthy" || verdict === "degraded");
      const problems = voterProblems(work.inventory, led, node);
      return led.length === views.length || problems.length > 0
        ? result
        : done({ withoutMajority: views.map(({ layer, reasons }) => `${layer}: ${reasons[0]}`) });
    },
  };
}

function step(
  about: NodeWork,
  name: string,
  rest: Pick<Step, "title" | "deadlineMs" | "run">,
): Step {
  const { node } = about;
  return {
    ...{ id: stepId(name, about), node: node.name, ...rest },
    next: `on node ${node.name} read: journalctl -n 100 -u chainfire -u flaredb; then: rackstrap certs status ${node.name}`,
  };
}

/** The files that the phase is about; without contents, for commands that need only their names. */
export function namedFiles({ node, phase, work }: Pick<NodeWork, "node" | "phase" | "work">) {
  const pair = phase === "certificate" ? { certPem: "", keyPem: "" } : undefined;
  const { keyOwner } = work.inventory.pki;
  return certificateFiles(node.name, { caCertPem: "", pair, keyOwner });
}

/** Whether the node has what this phase of this operation is to give it. The key is known by its sum alone. */
async function hasFiles({ work, node, phase, delivery }: NodeWork, signal: AbortSignal) {
  const trust = { name: "ca-cert.pem", sha256: sha256(work.authority.ca().certPem) };
  if (phase !== "certificate") return await delivery.has([trust], signal);
  const record = issuedFor(work.certificates, { node, operationId: work.operation.id });
  if (record === undefined) return { ok: true, value: false } as const;
  const key = { name: `${node.name}-key.pem`, sha256: record.keySha256 };
  return await delivery.has([trust, key], signal);
}

function deliver(about: NodeWork): Step {
  const { node, delivery } = about;
  return step(about, "deliver", {
    title: titles[about.phase],
    deadlineMs: deliverMs,
    run: async (_attempt, signal) => {
      const looked = await hasFiles(about, signal);
      if (!looked.ok) return shellFailure(node, looked);
      if (looked.value) return done();
      const files = await newFiles(about);
      const answer = await delivery.replace(files, signal);
      if (!answer.ok) return shellFailure(node, answer);
      const given = await delivery.has(summed(files), signal);
      if (!given.ok) return shellFailure(node, given);
      if (given.value) return done({ files: files.map(({ name }) => name) });
      return failed(
        `node ${node.name} does not have in /etc/nixos/secrets what was written there`,
        "find out what else writes these files there, such as sops-nix or a timer, and start again",
      );
    },
  });
}

/** A key is on this server for as long as it takes to hand it over: an attempt that failed is followed by one with another key. */
async function newFiles({ work, node, phase }: NodeWork) {
  const { authority, inventory, certificates, clock, operation } = work;
  const { keyOwner } = inventory.pki;
  if (phase !== "certificate")
    return certificateFiles(node.name, { caCertPem: authority.ca().certPem, keyOwner });
  const tools = { inventory, certificates, ca: () => authority.ca(), now: () => clock.now() };
  const { caCertPem, ...pair } = await issueRecorded(tools, { node, operationId: operation.id });
  return certificateFiles(node.name, { caCertPem, pair, keyOwner });
}

/** The invocation of each service that ran when the node had its new files: those have to run anew. */
export type Before = Readonly<Partial<Record<UnitName, string>>>;

export function invocationsOf(units: readonly Unit[]): Before {
  const running = units.filter(({ state }) => state === "active");
  return Object.fromEntries(running.map(({ service, invocation }) => [service, invocation]));
}

function restart(about: NodeWork): Step {
  const { work, node, delivery } = about;
  const { budgetSeconds, serviceSeconds } = work.inventory.timeouts;
  const self = step(about, "restart", {
    title: "start its services anew, one after the other",
    deadlineMs: (budgetSeconds + 2 * serviceSeconds) * 1000,
    run: async (attempt, signal) => {
      const looked = await delivery.units(signal);
      if (!looked.ok) return shellFailure(node, looked);
      const before = attempt.evidence["before"] as Before | undefined;
      if (before === undefined) return noteRunning(looked.value);
      const units = looked.value.filter(({ service }) => before[service] !== undefined);
      const move = nextRestart(units, before);
      const isWhole = units.every(({ state }) => state === "active");
      if (move.kind !== "stop" || !isWhole)
        return await moveOn(about, units, await nextInBudget(work, node, units, before), signal);
      const act = async () => await moveOn(about, units, move, signal);
      return await withinBudget(work, [node.name], { ...self, run: act }).run(attempt, signal);
    },
  });
  return self;
}

/**
 * The next move. Where nothing more may be stopped, because others have fallen meanwhile, what is stopped already comes back first; a
 * service that runs on with its former files is waited for.
 */
export async function nextInBudget(
  work: Work,
  { name }: Node,
  units: readonly Unit[],
  before: Before,
): Promise<RestartMove> {
  const move = nextRestart(units, before);
  if (move.kind !== "stop" || work.operation.forced.includes(name)) return move;
  // Where it is no healthy voter, as behind a bad certificate, nothing is lost, and its restart may be the way back.
  const counted = (await work.cluster.fresh()).filter(({ healthyVoters }) =>
    healthyVoters.includes(name),
  );
  const { refusals } = judgeTaking(counted, [name]);
  if (refusals.length === 0) return move;
  const back = nextRestart(units, {});
  const why = `is not stopped now: ${refusals.map(({ reason }) => reason).join("; ")}`;
  return back.kind === "done" ? { kind: "wait", service: move.service, why } : back;
}

/** Kept before anything is stopped: after a crash nobody could tell any more what had run. */
function noteRunning(units: readonly Unit[]): StepResult {
  const moving = units.find(({ state }) => state === "moving");
  if (moving !== undefined) return wait(pauseMs, `${moving.service} is on its way up or down`);
  return wait(0, "its services are to be started anew", { before: invocationsOf(units) });
}

/** Makes the move; what is to be waited for then. */
async function moveOn(
  { node, delivery }: Pick<NodeWork, "node" | "delivery">,
  units: readonly Unit[],
  move: RestartMove,
  signal: AbortSignal,
): Promise<StepResult> {
  switch (move.kind) {
    case "done":
      return done({ restarted: units.map(({ service }) => service) });
    case "wait":
      return wait(pauseMs, `${move.service} ${move.why}`);
    case "stop":
    case "start": {
      const answer = await delivery.order(move.kind, move.service, signal);
      if (!answer.ok) return shellFailure(node, answer);
      return wait(pauseMs, `${move.service} was told to ${move.kind}`);
    }
  }
}

function prove(about: NodeWork): Step {
  const { work, node, phase, delivery } = about;
  return step(about, "prove", {
    title: phase === "certificate" ? "see it show the new certificate" : "see it keep the files",
    deadlineMs: work.inventory.timeouts.serviceSeconds * 1000,
    run: async (_attempt, signal) => {
      const lost = await lostFiles(about, signal);
      if (lost !== undefined) return lost;
      if (phase !== "certificate") return done();
      const looked = await delivery.units(signal);
      if (!looked.ok) return shellFailure(node, looked);
      const running = looked.value.filter(({ state }) => state === "active");
      return await shownBy(about, running, signal);
    },
  });
}

/** Undefined while the node has what this phase gave it. */
async function lostFiles(about: NodeWork, signal: AbortSignal): Promise<StepResult | undefined> {
  const { node } = about;
  const kept = await hasFiles(about, signal);
  if (!kept.ok) return shellFailure(node, kept);
  if (kept.value) return undefined;
  return failed(
    `node ${node.name} no longer has in /etc/nixos/secrets what it was given`,
    "start again, where this server was ended while it gave the node its former files back; else find out first what writes these files there, such as sops-nix or a timer",
  );
}

async function shownBy(
  { work, node }: NodeWork,
  running: readonly Unit[],
  signal: AbortSignal,
): Promise<StepResult> {
  const { inventory, certificates, authority, operation } = work;
  const record = issuedFor(certificates, { node, operationId: operation.id });
  if (record === undefined) return failed("no certificate was recorded", "start again");
  const shown: string[] = [];
  for (const service of showing(node)) {
    if (!running.some((unit) => unit.service === service)) continue;
    const { productionAddress: address, fqdn: servername } = node;
    const { port } = inventory.services[service];
    const where = { address, port, servername, ca: authority.ca().certPem, timeoutMs: 10_000 };
    const query = { ...where, fingerprint: record.fingerprint };
    const presented = await presentedCertificate(query, signal);
    if (presented.kind !== "issued") return wait(pauseMs, presented.why);
    shown.push(`${service} at ${address}:${port}`);
  }
  return done({ fingerprint: record.fingerprint, serial: record.serial, shown });
}

function settle(about: NodeWork): Step {
  const { work, node, phase, delivery } = about;
  return step(about, "settle", {
    title: "forget the files from before",
    deadlineMs: deliverMs,
    run: async (_attempt, signal) => {
      const answer = await delivery.settle(namedFiles(about), signal);
      if (!answer.ok) return shellFailure(node, answer);
      if (phase === "certificate")
        work.certificates.verified(work.operation.id, node.name, "files", work.clock.now());
      return done();
    },
  });
}
