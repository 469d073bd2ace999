// How many events of a kind may be told of, so that a flood of requests cannot fill the store.

/** A function that says whether one more may be told of: `perSecond` of them in each second. Times are milliseconds. */
export function createEventLimit(perSecond: number): (nowMs: number) => boolean {
  let startMs = Number.NEGATIVE_INFINITY;
  let told = 0;
  return (nowMs) => {
    if (nowMs - startMs >= 1_000) {
      startMs = nowMs;
      told = 0;
    }
    told += 1;
    return told <= perSecond;
  };
}
