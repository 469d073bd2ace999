// Calls to one BMC, one after the other: BMCs have a handful of sessions and mix up parallel commands.

import { BmcError } from "./bmc.ts";

export interface Queue {
  /** Runs `call` after those before it. Throws a BmcError "busy" when too many wait, and the signal's reason when it aborts. */
  add<T>(call: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** The same however many wait: for what gives a session back. */
  addDespiteLimit<T>(call: () => Promise<T>): Promise<T>;
}

const maxQueued = 16;

/** `subject` names the BMC in messages. */
export function createQueue(subject: string): Queue {
  let tail: Promise<unknown> = Promise.resolve();
  let queued = 0;
  const append = <T>(call: () => Promise<T>): Promise<T> => {
    queued += 1;
    const result = tail.then(call);
    tail = result.catch(() => undefined).finally(() => (queued -= 1));
    return result;
  };
  return {
    addDespiteLimit: append,
    add: async <T>(call: () => Promise<T>, signal?: AbortSignal): Promise<T> => {
      if (queued >= maxQueued)
        throw new BmcError("busy", `${subject}: ${queued} commands wait already; ask again later`, {
          sent: false,
        });
      const result = append(() => {
        signal?.throwIfAborted();
        return call();
      });
      if (signal === undefined) return await result;
      const over = new AbortController();
      try {
        return await Promise.race([result, aborted(signal, over.signal)]);
      } finally {
        over.abort("done");
      }
    },
  };
}

/** Rejects when the signal aborts: who waits in the queue of a dead BMC must be able to leave. */
function aborted(signal: AbortSignal, over: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const leave = () => reject(signal.reason as Error);
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave, { once: true, signal: over });
  });
}
