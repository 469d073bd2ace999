// What is done when a rotation stops before its end: the node that was being changed gets the files back that it had, and its services with
// them. Nodes that are done stay so, and a CA stays where its rotation stands: the next order takes it up there.

import { type Operation, openStep, type StepRecord } from "../operation.ts";
import { issuedFor } from "./issue-recorded.ts";
import {
  type Before,
  invocationsOf,
  type NodeWork,
  namedFiles,
  nextInBudget,
  stepId,
} from "./rotate-node.ts";

const withinMs = 60_000;
const pauseMs = 1000;

/** Throws one sentence where it can't be done; may be repeated. `all`: every node in every phase of the operation. */
export async function putBack(operation: Operation, all: readonly NodeWork[]): Promise<void> {
  const open = openStep(operation);
  const proven = all.find((each) => open?.id === stepId("settle", each));
  if (proven !== undefined) return await forget(proven);
  const about = all.find((each) => unsettled(each).includes(open?.id ?? ""));
  if (about === undefined) return;
  const record = (name: string) => operation.steps.find(({ id }) => id === stepId(name, about));
  // Nothing was written, or may have been, before the first attempt.
  if ((record("deliver")?.attempts ?? 0) === 0) return;
  const { signal } = new AbortController();
  const restored = await about.delivery.restore(namedFiles(about), signal);
  if (!restored.ok)
    throw new Error(
      `node ${about.node.name} could not be given back its files from before: ${restored.why}`,
    );
  if (about.phase === "certificate") await withdraw(about, operation, signal);
  await startAgain(about, record("restart"), signal);
}

/**
 * What was issued for a node that has its former certificate again is not its last one. Where it had no key before, none could be put back,
 * and it has the new one still.
 */
async function withdraw(
  { work, node, delivery }: NodeWork,
  { id: operationId }: Operation,
  signal: AbortSignal,
): Promise<void> {
  const record = issuedFor(work.certificates, { node, operationId });
  if (record === undefined) return;
  const key = { name: `${node.name}-key.pem`, sha256: record.keySha256 };
  const looked = await delivery.has([key], signal);
  if (!looked.ok)
    throw new Error(
      `node ${node.name} was given back its files from before, and which key it has now could not be read: ${looked.why}`,
    );
  if (!looked.value) work.certificates.withdrawn(operationId, node.name);
}

/** What it has is proven: the files from before must not be what a later rotation goes back to. */
async function forget({ node, delivery, ...about }: NodeWork): Promise<void> {
  const files = namedFiles({ node, ...about });
  const settled = await delivery.settle(files, new AbortController().signal);
  if (settled.ok) return;
  throw new Error(
    `node ${node.name} has its files, and those from before could not be forgotten: ${settled.why}`,
  );
}

/** The steps in which the node has files that nobody has proven. */
function unsettled(about: NodeWork): string[] {
  return ["deliver", "hand-over", "restart", "prove", "voter"].map((name) => stepId(name, about));
}

/** Services that run with the files that were taken back, or don't run any more. */
async function startAgain(
  { work, node, delivery }: NodeWork,
  restart: StepRecord | undefined,
  signal: AbortSignal,
): Promise<void> {
  const before = restart?.evidence["before"] as Before | undefined;
  if (before === undefined) return;
  let stale: Before | undefined;
  let why = "";
  const endMs = work.clock.now() + withinMs;
  while (work.clock.now() < endMs) {
    const looked = await delivery.units(signal);
    if (!looked.ok) throw new Error(`node ${node.name}: ${looked.why}`);
    const units = looked.value.filter(({ service }) => before[service] !== undefined);
    stale ??= invocationsOf(
      units.filter(({ service, invocation }) => invocation !== before[service]),
    );
    const move = await nextInBudget(work, node, units, stale);
    if (move.kind === "done") return;
    why = move.kind === "wait" ? `: ${move.service} ${move.why}` : "";
    if (move.kind !== "wait") {
      const answer = await delivery.order(move.kind, move.service, signal);
      if (!answer.ok) throw new Error(`node ${node.name}: ${answer.why}`);
    }
    await work.clock.sleep(pauseMs, signal);
  }
  throw new Error(
    `node ${node.name} has its files from before, and its services do not all run with them after ${withinMs / 1000} s${why}`,
  );
}
