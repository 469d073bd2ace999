// Taking a member out of the cluster for good: in which order, and what speaks against it. Pure; what the members say comes in.

import type { Layer } from "../cluster/driver.ts";
import type { Judgement } from "../cluster/judge.ts";
import { replaceSafety } from "../cluster/quorum.ts";
import type { Evidence } from "./operation.ts";
import type { Draft, OrderRefusal } from "./verb.ts";

/**
 * FlareDB first: it finds its way through Chainfire, and a member of it whose Chainfire has gone would still be counted while it can do
 * nothing. A crash between the two leaves a member that works.
 */
export function removalOrder(layers: readonly Layer[]): readonly Layer[] {
  return layers.toSorted((a, b) => Number(b === "flaredb") - Number(a === "flaredb"));
}

/** The sum of each layer for removing `name`, and why it may not be. `typed`: its name was typed against the budget. */
export function judgeRemoval(
  views: readonly Judgement[],
  name: string,
  typed: boolean,
): Pick<Draft, "quorum" | "refusals"> {
  const judged = views.map((view) => judgeLayer(view, name, typed));
  return {
    quorum: judged.map(({ sentence }) => sentence),
    refusals: judged.flatMap(({ refusal }) => (refusal === undefined ? [] : [refusal])),
  };
}

function judgeLayer(
  view: Judgement,
  name: string,
  typed: boolean,
): { readonly sentence: string; readonly refusal?: OrderRefusal } {
  const { layer, verdict, voters, members, leader, disagreement, reasons } = view;
  const refuse = (sentence: string, lifted: Pick<OrderRefusal, "liftedBy"> = {}) => ({
    sentence,
    refusal: { reason: sentence, next: recovery(name, lifted.liftedBy !== undefined), ...lifted },
  });
  if (verdict === "no-cluster")
    return refuse(`${layer}: no member answers (${reasons.join("; ")}): refused`);
  const { allowed, sentence } = replaceSafety(view, name, { evenOfTwo: typed });
  const isMember = members.some(({ id }) => id === name);
  const said = isMember ? sentence : `${sentence}; ${name} is no member`;
  if (!allowed) {
    // Of two, one decides nothing: a person may say that the other is to go on alone. No name makes a majority otherwise.
    const isOfTwo = voters.length === 2 && voters.includes(name) && verdict !== "no-quorum";
    return refuse(`${layer}: ${said}`, isOfTwo && !typed ? { liftedBy: [name] } : {});
  }
  if (verdict === "no-quorum")
    return refuse(`${layer}: ${said}, but nobody can commit it (${reasons.join("; ")}): refused`);
  if (disagreement !== undefined)
    return refuse(`${layer}: ${said}, but ${disagreement.detail}: refused`);
  if (leader === undefined) return refuse(`${layer}: ${said}, but no leader is agreed on: refused`);
  return { sentence: `${layer}: ${said}` };
}

/** What a person can do; never done by the program (reliability F13). */
function recovery(name: string, mayForce: boolean): string {
  const force = mayForce
    ? `, or let the other voter go on alone by typing the name: --force ${name}`
    : "";
  return `bring the other members back first (rackstrap cluster status)${force}; where they are gone for good, restore the cluster from a backup`;
}

/** A layer's members in one line each, for people who have to decide. */
export function memberTable({ members }: Pick<Judgement, "members">): readonly string[] {
  return members.map(
    ({ id, role, status, raftAddress }) => `${id} ${role} ${status} ${raftAddress}`,
  );
}

/** The same of each layer. */
export function memberTables(views: readonly Judgement[]): Evidence {
  return Object.fromEntries(views.map((view) => [view.layer, memberTable(view)]));
}

/** Where a machine answers as a member: `healthy voter of chainfire`. Empty for one that is dead on every layer. */
export function lifeSigns(views: readonly Judgement[], name: string): readonly string[] {
  return views.flatMap(({ layer, answering, healthyVoters, members }) => {
    const member = members.find(({ id }) => id === name);
    // This server may be the only one that does not reach it.
    if (!answering.includes(name))
      return member?.status === "healthy" ? [`healthy in the member list of ${layer}`] : [];
    if (healthyVoters.includes(name)) return [`healthy voter of ${layer}`];
    if (member === undefined) return [`answering on the port of ${layer}`];
    return [`answering ${member.role === "learner" ? "learner" : "voter"} of ${layer}`];
  });
}
