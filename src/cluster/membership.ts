// What member lists say of one member: may it be added, and is it really gone? Pure.

import { type Answer, failure, success } from "./client.ts";
import type { Member } from "./driver.ts";
import { majority, type Observation } from "./judge.ts";

/** What a member list says of one that is to be added; undefined when it says nothing. */
export function standingOf(
  { id, raftAddress }: Pick<Member, "id" | "raftAddress">,
  members: readonly Member[],
): Answer<{ readonly added: boolean }> | undefined {
  const known = members.find((member) => member.id === id || member.raftAddress === raftAddress);
  if (known === undefined) return undefined;
  if (known.id === id && known.raftAddress === raftAddress) return success({ added: false });
  return failure(
    `${id} at ${raftAddress} can't be added: ${known.id} is a member at ${known.raftAddress}; remove it first`,
  );
}

export interface Removal {
  readonly shown: boolean;
  readonly sentence: string;
}

/**
 * Whether a majority of those who stay lists `id` no more: the change is committed then, and no election undoes it.
 * What `id` itself says is not counted: it may never hear that it was removed.
 */
export function removalShown(observations: ReadonlyMap<string, Observation>, id: string): Removal {
  const lists = [...observations].flatMap(([node, { members = [] }]) =>
    node === id || members.length === 0 ? [] : [{ node, members }],
  );
  const without = lists.filter(({ members }) => !members.some((member) => member.id === id));
  // The newest list is among those that lack it; where they differ, the larger asks for more.
  const staying = without
    .map(({ members }) => members.filter(({ role }) => role !== "learner").map((m) => m.id))
    .toSorted((a, b) => b.length - a.length)[0];
  if (staying === undefined)
    return {
      shown: false,
      sentence: lists.length === 0 ? "nobody lists any member" : `${id} is still in every list`,
    };
  const agreed = without.filter(({ node }) => staying.includes(node)).length;
  const needed = majority(staying.length);
  const shown = agreed >= needed;
  return {
    shown,
    sentence: `${id} is gone from the lists of ${agreed} of ${staying.length} voters: ${agreed} ${shown ? ">=" : "<"} ${needed}`,
  };
}
