// rotate-certificates: new certificates for nodes, one node after the other; with the option `ca` the CA is replaced as well, with an overlap
// in which every node trusts both.

import { z } from "zod";
import type { Node } from "../../inventory/schema.ts";
import type { NodeState } from "../../nodes/state.ts";
import type { Ca } from "../../pki/ca.ts";
import { fingerprintOf } from "../../pki/chain.ts";
import type { RotationStep } from "../../pki/rotation.ts";
import { judgeTaking, turnOrder } from "../budget.ts";
import { putBack } from "../certificates/put-back.ts";
import { type NodeWork, nodeSteps, nodeWork, type Phase } from "../certificates/rotate-node.ts";
import { done, failed, type Step } from "../result.ts";
import {
  type Draft,
  declaredFor,
  never,
  type OperationTools,
  type Order,
  type OrderRefusal,
  type Verb,
  type Work,
  workOf,
} from "../verb.ts";

const options = z.strictObject({
  /** The CA, too. */
  ca: z.boolean().default(false),
  /** SHA-256 of the certificate of the CA that is replaced; absent: the one in use. An operation is kept with it, and ordered again with it. */
  replaced: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
});

export const rotateCertificates: Verb = {
  disruptive: true,
  // What stopped was put back, and a CA is taken up where its rotation stands.
  resumable: never,
  options,
  draft: async (tools, chosen, order) => await draftRotation(tools, chosen, order),
  plan: (tools, operation) => {
    const work = workOf(tools, operation);
    const { replaced } = options.parse(operation.parameters);
    const nodes = operation.nodes.map((name) => declaredFor(work.inventory, operation, name));
    const parts = replaced === undefined ? [each("certificate")] : withCa(replaced);
    const all = parts.flatMap((part) => ("phase" in part ? part.about : []));
    return {
      steps: parts.flatMap((part) => ("phase" in part ? part.about.flatMap(nodeSteps) : part.step)),
      stop: async () => {
        const stored = tools.operations.operation(operation.id);
        if (stored !== undefined) await putBack(stored, all);
      },
    };

    function each(phase: Phase): Part {
      return { phase, about: nodes.map((node) => nodeWork(work, node, phase)) };
    }

    function withCa(outgoing: string): Part[] {
      const ca = (step: RotationStep): Part => ({ step: moveCa(work, step, outgoing) });
      return [
        ...[ca("begin"), each("trust-both"), ca("switch"), each("certificate")],
        ...[ca("finish"), each("trust-new")],
      ];
    }
  },
};

type Part =
  | { readonly phase: Phase; readonly about: readonly NodeWork[] }
  | { readonly step: Step };

const caTitles: Readonly<Record<RotationStep, string>> = {
  begin: "make the next CA; the old one signs",
  switch: "the next CA signs from now on",
  finish: "drop the old CA and erase its key",
};

function moveCa(work: Work, step: RotationStep, replaced: string): Step {
  return {
    id: `ca-${step}`,
    title: caTitles[step],
    deadlineMs: 60_000,
    next: "look at the CA: rackstrap certs status",
    run: async () => {
      const left = step === "finish" ? nodesOf(work, replaced) : [];
      if (left.length > 0)
        return failed(
          `${left.join(", ")} still has a certificate of the CA that would be dropped`,
          "start again, which goes through all nodes: rackstrap certs rotate --ca --execute",
        );
      const rotated = await work.authority.rotate(step, replaced);
      if (!rotated.ok) return failed(rotated.why, rotated.next);
      return done({ inUse: fingerprintOf(work.authority.ca().certificate), replaced });
    },
  };
}

/** Installed nodes whose last certificate was issued by the CA `fingerprint`. */
function nodesOf({ inventory, certificates, nodes }: Work, fingerprint: string): string[] {
  const records = certificates.certificates();
  return inventory.nodes
    .map(({ name }) => name)
    .filter((name) => isInstalled(nodes.node(name).state))
    .filter((name) => records.find(({ node }) => node === name)?.caFingerprint === fingerprint);
}

function isInstalled(state: NodeState): boolean {
  return state !== "registered" && state !== "retired";
}

async function draftRotation(
  tools: OperationTools,
  chosen: readonly Node[],
  order: Order,
): Promise<Draft> {
  const { ca, replaced = outgoing(tools.authority.ca()) } = options.parse(order.options);
  const inventory = tools.inventory();
  const stateOf = ({ name }: Node) => tools.nodes.node(name).state;
  const installed = inventory.nodes.filter((node) => isInstalled(stateOf(node)));
  const meant =
    chosen.length > 0 ? chosen : installed.filter((node) => ca || isWell(stateOf(node)));
  const views = await tools.cluster.views();
  const names = turnOrder(
    views,
    meant.map(({ name }) => name),
  );
  const taking = names.map((name) => judgeTaking(views, [name]));
  const only = names.length === 1 ? names[0] : undefined;
  return {
    operations:
      names.length === 0
        ? []
        : [
            {
              ...{ node: only ?? inventory.cluster.name, nodes: names },
              parameters: { ca, ...(ca && { replaced }) },
            },
          ],
    destroys: ca ? ["the key of the CA that is replaced"] : [],
    quorum: taking.flatMap(({ quorum }) => quorum),
    notes: [
      ...(ca ? caNotes(tools.authority.ca()) : []),
      ...leftOut(installed, meant).map((name) => `${name} is not active, and is left out`),
    ],
    refusals: [
      ...(ca ? caRefusals(tools, leftOut(installed, meant)) : []),
      ...(names.length === 0 ? [nobody] : []),
      ...meant.flatMap((node) => notReady(node, stateOf(node), ca)),
      ...taking.flatMap(({ refusals }) => refusals),
    ],
  };
}

const nobody: OrderRefusal = {
  reason: "no node is installed whose certificate could be replaced",
  next: "see: rackstrap nodes",
};

function isWell(state: NodeState): boolean {
  return state === "active";
}

function leftOut(installed: readonly Node[], meant: readonly Node[]): string[] {
  const names = meant.map(({ name }) => name);
  return installed.map(({ name }) => name).filter((name) => !names.includes(name));
}

/** The CA that a rotation is to replace: of one that has begun already, the one that it began to replace. */
function outgoing({ stage, certificate, alsoTrusted }: Ca): string {
  const [other] = alsoTrusted;
  return fingerprintOf(stage === "switched" && other !== undefined ? other : certificate);
}

function caNotes({ stage }: Ca): string[] {
  const rounds =
    "the services of every node are started anew three times, one node after the other";
  return stage === "one"
    ? [rounds]
    : [rounds, "a rotation has begun, and is taken up where it stands"];
}

function caRefusals({ authority }: OperationTools, missing: readonly string[]): OrderRefusal[] {
  const { refusal } = authority;
  return [
    ...(refusal === undefined ? [] : [{ reason: refusal.why, next: refusal.next }]),
    ...(missing.length === 0
      ? []
      : [
          {
            reason: `the CA is replaced on all nodes or on none, and ${missing.join(", ")} would be left out`,
            next: "name no node: rackstrap certs rotate --ca",
          },
        ]),
  ];
}

/** A node that is left out would trust the old CA alone, and be trusted by nobody. */
function notReady({ name }: Node, state: NodeState, ca: boolean): OrderRefusal[] {
  if (isWell(state) || (!ca && state === "failed")) return [];
  return [
    {
      reason: `node ${name} is ${state}, and has to be active${ca ? " for the CA to be replaced" : ""}`,
      next:
        state === "drained"
          ? `put it back into service first: rackstrap undrain ${name} --execute`
          : `look at it: rackstrap explain ${name}`,
    },
  ];
}
