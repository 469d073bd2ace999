// Keeps what anyone on the network can cause from filling the log.

const minuteMs = 60_000;
const mostMessages = 100;

/** Passes a message on unless the same one was in the last minute; `now` in milliseconds. */
export function oncePerMinute(
  now: () => number,
  tell: (message: string) => void,
): (message: string) => void {
  const toldMs = new Map<string, number>();
  return (message) => {
    if (now() - (toldMs.get(message) ?? Number.NEGATIVE_INFINITY) < minuteMs) return;
    if (toldMs.size >= mostMessages) toldMs.clear();
    toldMs.set(message, now());
    tell(message);
  };
}
