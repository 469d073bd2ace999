// Turns what the protocols saw into the timelines of nodes and the list of discovered machines.
// Anyone on the network can cause these calls, so each is bounded: repeats are folded, strangers only listed.

import type { Node } from "../inventory/schema.ts";
import type { Mac } from "../net/mac.ts";
import { createPerSecond } from "../net/per-second.ts";
import { createRepeats } from "../net/repeats.ts";
import type { NodeStore } from "./ports.ts";

export interface Sighting {
  /** Undefined for what concerns the whole network. */
  readonly mac: Mac | undefined;
  readonly kind: string;
  /** What it is about, one of few and not of the sender's choice: a file that is served. Sightings of the same kind about different ones are no repeats. */
  readonly about?: string | undefined;
  readonly address?: string | undefined;
  readonly detail: Readonly<Record<string, unknown>>;
  /** What the machine said of itself; kept for machines in no inventory. */
  readonly facts?: Readonly<Record<string, string>>;
}

// Sightings that are written in one second at most. A rack that boots at once is not to lose its history; strangers are told apart by
// MACs that anybody can make up.
const perSecond = { declared: 2_000, others: 50 };
const repeatMs = 1000;
// Whoever is refused can go on asking for as long as it likes.
const refusals: ReadonlySet<string> = new Set(["boot-refused", "keys-refused"]);
const refusalRepeatMs = 30_000;
const strangerRepeatMs = 10_000;
// A second DHCP server is heard every minute until somebody switches it off.
const networkRepeatMs = 600_000;

/** Returns the function that records sightings. A declared node's go to its timeline, a stranger's to the discovered list, the network's to neither. */
export function createTimeline(
  store: NodeStore,
  findNode: (mac: Mac) => Node | undefined,
  now: () => number,
): (sighting: Sighting) => void {
  const isRepeat = createRepeats(now);
  const mayWrite = createPerSecond(perSecond);
  return ({ mac, kind, about = "", address, detail, facts = {} }) => {
    if (mac === undefined) {
      if (!isRepeat(`${kind} ${address ?? ""}`, networkRepeatMs) && mayWrite("others", now()))
        store.append({ node: undefined, mac, kind, detail: { ...detail, address } });
      return;
    }
    const node = findNode(mac);
    if (node === undefined) {
      // The address is part of the key: the first sighting often has none yet.
      if (!isRepeat(`${mac} ${address ?? ""}`, strangerRepeatMs) && mayWrite("others", now()))
        store.discover(mac, address, facts);
      return;
    }
    // Not by its detail, which the sender chooses.
    const windowMs = refusals.has(kind) ? refusalRepeatMs : repeatMs;
    if (!isRepeat(`${mac} ${kind} ${about}`, windowMs) && mayWrite("declared", now()))
      store.append({ node: node.name, mac, kind, detail: { ...detail, address } });
  };
}
