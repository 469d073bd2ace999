// How often the keys of each install were fetched, and whether its installer was found, so that they are given no more.

import type { KeysLedger } from "../boot/installer-keys.ts";
import { BoundedMap } from "../net/bounded-map.ts";
import { bootEvents } from "../operations/boot-stage.ts";
import type { Store } from "../store/store.ts";

const rememberedOperations = 4096;
const kinds = { served: "keys-served", refused: "keys-refused" } as const;

/** Counts go on after a restart with what the timelines have. */
export function createKeysLedger({
  nodes,
  operations,
}: Pick<Store, "nodes" | "operations">): KeysLedger {
  const counts = new BoundedMap<string, number>(rememberedOperations);
  const countedBefore = (id: string, kind: string) => {
    const operation = operations.operation(id);
    if (operation === undefined) return 0;
    return bootEvents(nodes, operation).filter((event) => event.kind === kind).length;
  };
  return {
    isClosed: (id) =>
      operations
        .operation(id)
        ?.steps.some((step) => step.id === "installer" && step.status === "done") === true,
    note: (id, what) => {
      const key = `${what} ${id}`;
      const count = (counts.get(key) ?? countedBefore(id, kinds[what])) + 1;
      counts.set(key, count);
      return count;
    },
  };
}
