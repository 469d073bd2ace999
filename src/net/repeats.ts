// Tells what is new from what was said a moment ago: whatever can be caused from the network is told once in a while only.

import { BoundedMap } from "./bounded-map.ts";

const remembered = 4096;

/**
 * Returns a function that is true when `key` was seen less than `windowMs` before; a sighting that repeats another does not
 * lengthen the window. `now` in milliseconds.
 */
export function createRepeats(now: () => number): (key: string, windowMs: number) => boolean {
  const seenMs = new BoundedMap<string, number>(remembered);
  return (key, windowMs) => {
    const nowMs = now();
    const before = seenMs.get(key);
    if (before !== undefined && nowMs - before < windowMs) return true;
    seenMs.set(key, nowMs);
    return false;
  };
}
