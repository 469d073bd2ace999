// How many pieces of work go on at one time.

/** Runs `work` as soon as one of the slots is free, first come first served. Throws the signal's reason when it aborts before. */
export type Slots = <T>(work: () => Promise<T>, signal: AbortSignal) => Promise<T>;

/** `count` is asked whenever a slot is wanted or given back. */
export function createSlots(count: () => number): Slots {
  let taken = 0;
  const waiting: (() => void)[] = [];
  const enter = (signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      if (taken < count()) {
        taken += 1;
        return resolve();
      }
      const go = () => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = () => {
        waiting.splice(waiting.indexOf(go), 1);
        reject(signal.reason as Error);
      };
      waiting.push(go);
      signal.addEventListener("abort", leave, { once: true });
    });
  const admit = () => {
    while (taken < count()) {
      const next = waiting.shift();
      if (next === undefined) return;
      taken += 1;
      next();
    }
  };
  return async (work, signal) => {
    await enter(signal);
    try {
      return await work();
    } finally {
      taken -= 1;
      admit();
    }
  };
}
