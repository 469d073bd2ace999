// Answers what keeps a machine: finds whom the question is about, and hands it on.

import type { Diagnosis } from "../diagnose/diagnose.ts";
import { findSubject } from "../inventory/find.ts";
import type { LiveInventory } from "../inventory/live.ts";
import type { Node } from "../inventory/schema.ts";
import { type Mac, parseMac } from "../net/mac.ts";
import type { NodeStore } from "../nodes/ports.ts";
import { type Operation, type OperationStore, openStep } from "../operations/operation.ts";
import type { DiagnosisView } from "./diagnosis-shapes.ts";
import { Refusal } from "./service.ts";

/** Both look for ten seconds at most, and change nothing. */
export interface Diagnosing {
  node(node: Node): Promise<Diagnosis>;
  /** Of a machine in no inventory. */
  stranger(mac: Mac): Diagnosis;
}

interface DiagnosisTools {
  readonly inventory: LiveInventory;
  readonly nodes: Pick<NodeStore, "node" | "discovered">;
  readonly operations: Pick<OperationStore, "runningFor">;
  readonly diagnosing: Diagnosing;
}

/** Throws a Refusal where the text is neither a declared node nor a MAC. */
export async function diagnoseSubject(
  { inventory, nodes, operations, diagnosing }: DiagnosisTools,
  subject: string,
): Promise<DiagnosisView> {
  const node = findSubject(inventory(), subject);
  if (node !== undefined) {
    const operation = runningView(operations.runningFor(node.name));
    return {
      ...{ subject, mac: node.mac, node: node.name, state: nodes.node(node.name).state },
      ...(operation !== undefined && { operation }),
      ...(await diagnosing.node(node)),
    };
  }
  const mac = parseMac(subject);
  if (mac === undefined)
    throw new Refusal(
      "unknown",
      `${subject} is neither a declared node nor a MAC address`,
      `declared are: ${inventory()
        .nodes.map(({ name }) => name)
        .join(", ")}`,
    );
  const found = nodes.discovered().find((machine) => machine.mac === mac);
  return {
    ...{ subject, mac },
    ...(found !== undefined && { facts: found.facts }),
    ...diagnosing.stranger(mac),
  };
}

function runningView(operation: Operation | undefined): DiagnosisView["operation"] {
  const step = operation && openStep(operation);
  if (operation === undefined || step === undefined) return undefined;
  const { lastLine } = step;
  return { id: operation.id, step: step.title, ...(lastLine !== undefined && { line: lastLine }) };
}
