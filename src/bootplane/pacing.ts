// How fast a client may be sent to. Some UEFI network cards hang on a fast large download; they get a rate that they bear.

import { BoundedMap } from "../net/bounded-map.ts";

/** Octets per second, with undefined for as fast as the line goes. */
export type Rate = number | undefined;

const largestSliceBytes = 4 * 1024 * 1024;
const smallestSliceBytes = 16 * 1024;
const slicesPerSecond = 20;
const remembered = 4096;

/** How much to hand to the network at once: large for speed, or a twentieth of a second of a paced client's rate. */
export function sliceBytesAt(rate: Rate): number {
  if (rate === undefined) return largestSliceBytes;
  const share = Math.floor(rate / slicesPerSecond);
  return Math.min(Math.max(share, smallestSliceBytes), largestSliceBytes);
}

/** Milliseconds to wait before `octets` more may go to `client`. */
export type Pace = (client: string, octets: number, bytesPerSecond: number) => number;

/**
 * Paces by client, so that several downloads of one machine share its rate. Each slice takes the client's line for as long
 * as the rate allows it, from the end of the slice before. An idle line saves nothing up. `now`: milliseconds of a clock
 * that is never set back.
 */
export function createPace(now: () => number): Pace {
  const takenUntilMs = new BoundedMap<string, number>(remembered);
  return (client, octets, bytesPerSecond) => {
    const nowMs = now();
    const startMs = Math.max(takenUntilMs.get(client) ?? nowMs, nowMs);
    takenUntilMs.set(client, startMs + (octets / bytesPerSecond) * 1000);
    return startMs - nowMs;
  };
}
