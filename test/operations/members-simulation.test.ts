import { expect, test } from "vitest";
import { simulateMembers } from "../fakes/members-simulation.ts";

// MEMBER_RUNS=10000 for as many; npm run fuzz -- members for other seeds.
const runs = Number(process.env["MEMBER_RUNS"] ?? 1000);

test("with a fault at any step no change of members costs a quorum, forms a second cluster or leaves a learner", {
  timeout: 60_000 + runs * 100,
}, async () => {
  const counts = new Map<string, number>();
  for (let seed = 1; seed <= runs; seed++) {
    const { kinds, problems } = await simulateMembers(seed);
    expect([seed, problems]).toEqual([seed, []]);
    for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  // It is about something: each procedure ends well in many runs, and each fault struck.
  const few = runs / 50;
  for (const kind of ["replace done", "reprovision done", "add done", "the server died"])
    expect([kind, (counts.get(kind) ?? 0) > few]).toEqual([kind, true]);
  for (const kind of ["a machine died", "removal failed", "answer failed", "bmc failed"])
    expect([kind, (counts.get(kind) ?? 0) > few / 2]).toEqual([kind, true]);
});
