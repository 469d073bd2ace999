// The network to a BMC as its faults make it: what gets lost, comes twice or comes late. It has no socket.

import type { Faults } from "./faults.ts";

export interface FaultyLink {
  /** Whether the BMC hears the next datagram. */
  hears(): boolean;
  /** How often the BMC's next datagram is sent: 0, 1 or 2 times. */
  copies(): number;
}

/** `seed` decides which datagrams are lost: the same seed loses the same ones. */
export function createFaultyLink(faults: Faults, seed: number): FaultyLink {
  const random = seededRandom(seed);
  let heard = 0;
  return {
    hears: () => {
      heard += 1;
      if (faults.dead || heard % faults.answersOneIn !== 0) return false;
      return faults.dropIn === 0 || random() >= faults.dropIn;
    },
    copies: () => {
      if (faults.dead || (faults.dropOut > 0 && random() < faults.dropOut)) return 0;
      return faults.duplicates ? 2 : 1;
    },
  };
}

/** Numbers from 0 to below 1: mulberry32. */
function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
