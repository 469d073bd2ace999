// Keeps what anyone on the network can cause from filling the log.

import { createRepeats } from "../net/repeats.ts";

const minuteMs = 60_000;

/** Passes a message on unless the same one was in the last minute; `now` in milliseconds. */
export function oncePerMinute(
  now: () => number,
  tell: (message: string) => void,
): (message: string) => void {
  const isRepeat = createRepeats(now);
  return (message) => {
    if (!isRepeat(message, minuteMs)) tell(message);
  };
}
