// Values that come now and then, with a word in between when nothing has come for a while.

/** Nothing has come for so long, and the next value is still under way. */
export const quiet = Symbol("quiet");

/** All of `values` in their order, and `quiet` after each `quietMs` without one. */
export async function* orQuiet<T>(
  values: AsyncIterable<T>,
  quietMs: number,
): AsyncGenerator<T | typeof quiet, void> {
  const iterator = values[Symbol.asyncIterator]();
  try {
    let next = iterator.next();
    for (;;) {
      const first = await firstOf(next, quietMs);
      if (first === quiet) {
        yield quiet;
        continue;
      }
      if (first.done === true) return;
      yield first.value;
      next = iterator.next();
    }
  } finally {
    await iterator.return?.();
  }
}

/** `next`, or `quiet` where it takes longer. */
async function firstOf<T>(next: Promise<T>, quietMs: number): Promise<T | typeof quiet> {
  const late = Promise.withResolvers<typeof quiet>();
  const timer = setTimeout(() => late.resolve(quiet), quietMs);
  try {
    return await Promise.race([next, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
