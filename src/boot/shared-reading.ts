// One reading for many who ask: a rack that boots at once asks a thousand times for what is read once.

export interface SharedReading<T> {
  /** What a reading gave that is in progress, or ended less than `recentMs` ago; else of a new one. */
  recent(): Promise<T>;
  /** What a reading gives that begins after this call. Calls that wait for the same one share it. */
  anew(): Promise<T>;
}

/** `read` is never called while it is running. `now` gives milliseconds that never run backwards. */
export function createSharedReading<T>(
  read: () => Promise<T>,
  recentMs: number,
  now: () => number = () => performance.now(),
): SharedReading<T> {
  let latest: Promise<T> | undefined;
  let next: Promise<T> | undefined;
  let running = false;
  let endedMs = Number.NEGATIVE_INFINITY;
  const begin = () => {
    next = undefined;
    running = true;
    latest = read().finally(() => {
      running = false;
      endedMs = now();
    });
    return latest;
  };
  const anew = () => {
    next ??= Promise.resolve(latest).then(begin, begin);
    return next;
  };
  return {
    anew,
    recent: () =>
      latest !== undefined && (running || now() - endedMs < recentMs) ? latest : anew(),
  };
}
