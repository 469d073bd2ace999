// The end of a change of members: the voters are those that it should be, those that were healthy before still are, and one leader stays
// in office over the whole window.

import type { Judgement } from "../../cluster/judge.ts";
import type { NodeEvent } from "../../nodes/state.ts";
import type { Operation } from "../operation.ts";
import type { Step } from "../result.ts";
import type { Work } from "../verb.ts";
import { agreedOn } from "./agree-members.ts";
import { type Look, soak } from "./soak.ts";

/** What became of the members since they were agreed on. */
export type MemberChange = { readonly joined: string } | { readonly left: string };

export function soakMembers(work: Work, change: MemberChange): Step {
  const { soakSeconds, verifySeconds } = work.inventory.timeouts;
  const windowMs = soakSeconds * 1000;
  const name = "joined" in change ? change.joined : change.left;
  const event: NodeEvent | undefined = "joined" in change ? "health-soaked" : undefined;
  const look = async (operation: Operation): Promise<Look> => {
    const views = await work.cluster.fresh();
    const leaders = views.map(({ layer, leader }) => `${layer}: ${leader}`).join(", ");
    const members = Object.fromEntries(views.map(({ layer, voters }) => [layer, voters]));
    return {
      problems: views.flatMap((view) => memberProblems(view, operation, change)),
      ...{ steady: leaders, evidence: { leaders, members } },
    };
  };
  return {
    ...soak({ look, windowMs, event }),
    id: "soak",
    title: "the members are right and stay healthy over the soak window",
    node: name,
    deadlineMs: windowMs * 2 + verifySeconds * 1000,
    next: "look at the cluster: rackstrap cluster status",
  };
}

function memberProblems(view: Judgement, operation: Operation, change: MemberChange): string[] {
  const { layer, verdict, voters, members, healthyVoters, leader, reasons } = view;
  if (verdict === "no-cluster" || verdict === "no-quorum" || leader === undefined)
    return [`${layer}: ${reasons.join(", ") || "no leader is agreed on"}`];
  const before = agreedOn(operation, layer);
  const wanted = after(before?.voters ?? voters, change);
  const sick = after(before?.healthy ?? voters, change).filter((id) => !healthyVoters.includes(id));
  const isLeft = "left" in change && members.some(({ id }) => id === change.left);
  const isRight = wanted.toSorted().join() === voters.toSorted().join();
  return [
    ...(isRight ? [] : [`${layer} has the voters ${voters.join()} and not ${wanted.join()}`]),
    ...(isLeft ? [`${change.left} is still a member of ${layer}`] : []),
    ...sick.map((id) => `${id} is no healthy voter of ${layer} (${reasons.join(", ")})`),
  ];
}

function after(names: readonly string[], change: MemberChange): readonly string[] {
  if ("left" in change) return names.filter((name) => name !== change.left);
  return names.includes(change.joined) ? names : [...names, change.joined];
}
