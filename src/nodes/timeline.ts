// Turns what the protocols saw into the timelines of nodes and the list of discovered machines.
// Anyone on the network can cause these calls, so each is bounded: repeats are folded, strangers only listed.

import type { Node } from "../inventory/schema.ts";
import type { Mac } from "../net/mac.ts";
import { createRepeats } from "../net/repeats.ts";
import type { NodeStore } from "./ports.ts";

export interface Sighting {
  /** Undefined for what concerns the whole network. */
  readonly mac: Mac | undefined;
  readonly kind: string;
  /** What tells it from others of its kind. Not of the sender's choice, as the detail is. */
  readonly topic?: string;
  readonly address?: string | undefined;
  readonly detail: Readonly<Record<string, unknown>>;
  /** What the machine said of itself; kept for machines in no inventory. */
  readonly facts?: Readonly<Record<string, string>>;
}

// Sightings that are written in one second at most: each is a commit, and the same disk carries the leases.
const perSecond = 50;
const repeatMs = 1000;
// Whoever is refused can go on asking for as long as it likes.
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
  let second = 0;
  let written = 0;
  const isFlood = (): boolean => {
    const current = Math.floor(now() / 1000);
    written = current === second ? written + 1 : 1;
    second = current;
    return written > perSecond;
  };
  return ({ mac, kind, topic = "", address, detail, facts = {} }) => {
    if (mac === undefined) {
      if (!isRepeat(`${kind} ${address ?? ""}`, networkRepeatMs) && !isFlood())
        store.append({ node: undefined, mac, kind, detail: { ...detail, address } });
      return;
    }
    const node = findNode(mac);
    if (node === undefined) {
      // The address is part of the key: the first sighting often has none yet.
      if (!isRepeat(`${mac} ${address ?? ""}`, strangerRepeatMs) && !isFlood())
        store.discover(mac, address, facts);
      return;
    }
    const windowMs = kind === "boot-refused" ? refusalRepeatMs : repeatMs;
    if (!isRepeat(`${mac} ${kind} ${topic}`, windowMs) && !isFlood())
      store.append({ node: node.name, mac, kind, detail: { ...detail, address } });
  };
}
