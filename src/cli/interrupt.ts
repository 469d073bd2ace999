// Ctrl-C while something is watched: it ends the watching, not the process, which still has something to say.

/** Does `work` with a signal that aborts at the first of these signals to the process. */
export async function interruptible<T>(
  signals: readonly NodeJS.Signals[],
  work: (interrupt: AbortSignal) => Promise<T>,
): Promise<T> {
  const interrupt = new AbortController();
  const onInterrupt = () => interrupt.abort();
  for (const signal of signals) process.once(signal, onInterrupt);
  try {
    return await work(interrupt.signal);
  } finally {
    for (const signal of signals) process.off(signal, onInterrupt);
  }
}
