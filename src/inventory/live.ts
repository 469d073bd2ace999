// The inventory in force. A reload replaces it as a whole, so whoever lives longer than one packet, request or step asks for it
// each time, and keeps nothing that was derived from it but by `oncePer`.

import type { Inventory } from "./schema.ts";

export type LiveInventory = () => Inventory;

/** `make`, done once for each inventory: one is never changed, so what was derived from it holds as long as it does. */
export function oncePer<T, Source extends object = Inventory>(
  make: (source: Source) => T,
): (source: Source) => T {
  const known = new WeakMap<Source, { readonly made: T }>();
  return (source) => {
    let entry = known.get(source);
    if (entry === undefined) {
      entry = { made: make(source) };
      known.set(source, entry);
    }
    return entry.made;
  };
}
