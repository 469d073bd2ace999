// The end of a change of members: the voters are those that it should be, those that were healthy before still are, and one leader stays
// in office over the whole window.

import type { Judgement } from "../../cluster/judge.ts";
import { findNode } from "../../inventory/find.ts";
import { layersOf } from "../../inventory/peers.ts";
import type { NodeEvent } from "../../nodes/state.ts";
import { lag, mostBehind } from "../lag.ts";
import type { Operation } from "../operation.ts";
import { memberTables } from "../removal.ts";
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
  const node = findNode(work.inventory, name);
  const own = node === undefined ? [] : layersOf(work.inventory, node);
  // A layer that the node does not run keeps its voters.
  const isAbout = ({ layer }: Judgement) => "left" in change || own.includes(layer);
  const look = async (operation: Operation, signal: AbortSignal): Promise<Look> => {
    const views = await work.cluster.fresh();
    const behind = await Promise.all(views.map((view) => stragglers(work, view, signal)));
    const leaders = views.map(({ layer, leader }) => `${layer}: ${leader}`).join(", ");
    return {
      problems: [
        ...views.flatMap((view) =>
          memberProblems(view, operation, isAbout(view) ? change : undefined),
        ),
        ...behind.flat(),
      ],
      ...{ steady: leaders, evidence: { leaders, members: memberTables(views) } },
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

const secondLookMs = 1000;

/** Voters whose log is too far behind the leader's, on layers that tell: they are counted and could not take over. */
async function stragglers(work: Work, view: Judgement, signal: AbortSignal): Promise<string[]> {
  const far = async (names: readonly string[]) =>
    [...(await lag(work.cluster, view, names, signal))].filter(
      ([, behind]) => behind !== undefined && behind > mostBehind,
    );
  const seen = await far(view.healthyVoters.filter((name) => name !== view.leader));
  if (seen.length === 0) return [];
  // A burst of writes is over by then.
  await work.clock.sleep(secondLookMs, signal);
  const still = await far(seen.map(([name]) => name));
  return still.map(([name, behind]) => `${name} is ${behind} entries of ${view.layer} behind`);
}

/** `change`: where this layer is to have one. */
function memberProblems(
  view: Judgement,
  operation: Operation,
  change: MemberChange | undefined,
): string[] {
  const { layer, verdict, voters, members, healthyVoters, leader, reasons } = view;
  if (verdict === "no-cluster" || verdict === "no-quorum" || leader === undefined)
    return [`${layer}: ${reasons.join(", ") || "no leader is agreed on"}`];
  const before = agreedOn(operation, layer);
  const wanted = after(before?.voters ?? voters, change);
  const sick = after(before?.healthy ?? voters, change).filter((id) => !healthyVoters.includes(id));
  const left = change !== undefined && "left" in change ? change.left : undefined;
  const isLeft = members.some(({ id }) => id === left);
  const isRight = wanted.toSorted().join() === voters.toSorted().join();
  return [
    ...(isRight ? [] : [`${layer} has the voters ${voters.join()} and not ${wanted.join()}`]),
    ...(isLeft ? [`${left} is still a member of ${layer}`] : []),
    ...sick.map((id) => `${id} is no healthy voter of ${layer} (${reasons.join(", ")})`),
  ];
}

function after(names: readonly string[], change: MemberChange | undefined): readonly string[] {
  if (change === undefined) return names;
  if ("left" in change) return names.filter((name) => name !== change.left);
  return names.includes(change.joined) ? names : [...names, change.joined];
}
