// Work with a BMC that has to be over in time, whatever the BMC does.

import { BmcError } from "./bmc.ts";
import type { Clock } from "./clock.ts";

export interface Deadline {
  /** Who it is, for the message: "node node01 (BMC 10.0.10.50)". */
  readonly subject: string;
  readonly ms: number;
  readonly clock: Clock;
}

/** Runs `work` with a signal that aborts at the deadline or with `signal`. Throws a BmcError "timeout" when it was cut off by the deadline. */
export async function withDeadline<T>(
  { subject, ms, clock }: Deadline,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const late = new AbortController();
  void clock.sleep(ms, over.signal).then(() => {
    if (!over.signal.aborted) late.abort();
  });
  try {
    return await work(AbortSignal.any([signal, late.signal]));
  } catch (error) {
    if (!late.signal.aborted || signal.aborted || error instanceof BmcError) throw error;
    const said = `${subject} is not done after ${Math.round(ms / 1000)} s: its BMC does not answer`;
    throw new BmcError("timeout", said, { cause: error });
  } finally {
    over.abort();
  }
}
