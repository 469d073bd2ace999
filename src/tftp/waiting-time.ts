// How long a transfer waits for an acknowledgement before it sends again: RFC 6298, which TCP waits by. Pure.

export interface WaitingTime {
  /** How long to wait now, milliseconds. */
  readonly ms: number;
  /** Nothing has come in that time. */
  onTimeout(): void;
  /**
   * The client has got on. `tookMs` is how long it took, and undefined when that can't be known: the acknowledgement of what
   * was sent twice may be for the first or for the second (Karn's rule, RFC 6298 §3).
   */
  onProgress(tookMs: number | undefined): void;
}

/** Before anything was measured, and when the client has named no timeout. */
const firstMs = 1_000;
// A client that writes to flash or draws a screen is late now and then without having lost anything.
const shortestMs = 200;
/** The doubling stops here, or at the client's own timeout when that is longer. */
const longestMs = 8_000;

/** `clientTimeoutMs` is the timeout that was agreed on (RFC 2349); it is kept to, whatever the link is like. */
export function createWaitingTime(clientTimeoutMs: number | undefined): WaitingTime {
  let ms = clientTimeoutMs ?? firstMs;
  const mostMs = Math.max(longestMs, ms);
  let smoothed: { readonly roundTripMs: number; readonly variationMs: number } | undefined;
  return {
    get ms() {
      return ms;
    },
    onTimeout: () => {
      ms = Math.min(2 * ms, mostMs);
    },
    onProgress: (tookMs) => {
      if (clientTimeoutMs !== undefined) ms = clientTimeoutMs;
      // After a repetition the longer time stays: a client that is slow would otherwise never be measured (RFC 6298 §5.7).
      else if (tookMs !== undefined) {
        smoothed = smooth(smoothed, tookMs);
        const measuredMs = smoothed.roundTripMs + 4 * smoothed.variationMs;
        ms = Math.min(Math.max(measuredMs, shortestMs), longestMs);
      }
    },
  };
}

/** RFC 6298 §2: SRTT and RTTVAR. */
function smooth(
  before: { readonly roundTripMs: number; readonly variationMs: number } | undefined,
  tookMs: number,
) {
  if (before === undefined) return { roundTripMs: tookMs, variationMs: tookMs / 2 };
  const { roundTripMs, variationMs } = before;
  return {
    roundTripMs: roundTripMs + (tookMs - roundTripMs) / 8,
    variationMs: variationMs + (Math.abs(tookMs - roundTripMs) - variationMs) / 4,
  };
}
