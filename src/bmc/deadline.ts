// Work with a BMC that has to be over in time, whatever the BMC does.

import { BmcError } from "./bmc.ts";
import type { Clock } from "./clock.ts";

export interface Deadline {
  /** Who it is, for the message: "node node01 (BMC 10.0.10.50)". */
  readonly subject: string;
  readonly ms: number;
  readonly clock: Clock;
}

/** Runs `work` with a signal that aborts with `signal`, or at the deadline: then with the BmcError "timeout" that is thrown. */
export async function withDeadline<T>(
  { subject, ms, clock }: Deadline,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const late = new AbortController();
  const said = `${subject} is not done after ${Math.round(ms / 1000)} s: its BMC does not answer`;
  void clock.sleep(ms, over.signal).then(() => {
    if (!over.signal.aborted) late.abort(new BmcError("timeout", said));
  });
  try {
    return await work(AbortSignal.any([signal, late.signal]));
  } catch (error) {
    throw late.signal.aborted && !signal.aborted && !(error instanceof BmcError)
      ? (late.signal.reason as BmcError)
      : error;
  } finally {
    over.abort();
  }
}
