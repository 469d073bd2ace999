// Work with a BMC that has to be over in time, whatever the BMC does.

import { bmcError } from "./bmc.ts";
import type { Clock } from "./clock.ts";

export interface Deadline {
  /** Who it is, for the message: "BMC 10.0.10.50". */
  readonly subject: string;
  readonly ms: number;
  readonly clock: Clock;
}

/** Runs `work` with a signal that aborts with `signal`, or at the deadline with a BmcError "timeout". */
export async function withDeadline<T>(
  { subject, ms, clock }: Deadline,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  const over = new AbortController();
  const leave = () => limit.abort(signal?.reason);
  signal?.throwIfAborted();
  signal?.addEventListener("abort", leave, { once: true });
  void clock.sleep(ms, over.signal).then(() => {
    if (!over.signal.aborted)
      limit.abort(bmcError("timeout", subject, `no end after ${Math.round(ms / 1000)} s`));
  });
  try {
    return await work(limit.signal);
  } finally {
    signal?.removeEventListener("abort", leave);
    over.abort("done");
  }
}
