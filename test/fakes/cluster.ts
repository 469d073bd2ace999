// A cluster that shows what a test says and refuses every change that the test does not describe.

import { type Answer, failure } from "../../src/cluster/client.ts";
import type { Layer } from "../../src/cluster/driver.ts";
import type { Judgement } from "../../src/cluster/judge.ts";
import type { ClusterAccess } from "../../src/operations/cluster-access.ts";

const refuse = async (): Promise<Answer<never>> => failure("the fake cluster takes no changes");

export function fakeCluster(
  layers: readonly Layer[],
  look: (layer: Layer) => Judgement,
  changes: Partial<ClusterAccess> = {},
): ClusterAccess {
  const all = async () => layers.map(look);
  return {
    view: async (layer) => look(layer),
    views: all,
    fresh: all,
    roundTrip: async () => ({ ok: true, value: { reads: 1 } }),
    ...{
      status: refuse,
      putKey: refuse,
      getKey: refuse,
      snapshot: refuse,
      addMember: refuse,
      removeMember: refuse,
    },
    ...{ promote: refuse, transferLeader: refuse, promotesHere: () => false },
    ...changes,
  };
}
