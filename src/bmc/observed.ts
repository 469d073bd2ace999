// A driver that tells somebody what is learnt through it, so that each reading counts, whoever asked for it.

import { around } from "./around.ts";
import { type Bmc, BmcError, type PowerState } from "./bmc.ts";

export interface PowerObserver {
  /** A call begins; the returned function is called when it has ended. */
  began(): () => void;
  read(state: PowerState): void;
  /** The power state could not be read. */
  failed(error: BmcError): void;
}

export function observed(bmc: Bmc, observer: PowerObserver): Bmc {
  return {
    ...around(bmc, async (call) => {
      const ended = observer.began();
      try {
        return await call();
      } finally {
        ended();
      }
    }),
    powerState: async (signal) => {
      const ended = observer.began();
      try {
        const state = await bmc.powerState(signal);
        observer.read(state);
        return state;
      } catch (error) {
        // What was cut off at a deadline is a failure as well, see deadline.ts.
        const failure = signal?.aborted ? (signal.reason as unknown) : error;
        if (failure instanceof BmcError) observer.failed(failure);
        throw error;
      } finally {
        ended();
      }
    },
  };
}
