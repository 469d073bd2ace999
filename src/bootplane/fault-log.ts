// Tells an operator of faults that anyone on the network can cause as often as they like.

import type { Logger } from "pino";
import { createRepeats } from "../net/repeats.ts";

/** Logs an error with `fault`, which says what is to be mended, and with what else is known; the same fault once a minute. */
export type FaultLog = (message: string, fault: string, about?: object) => void;

const minuteMs = 60_000;

/** `now` in milliseconds. */
export function createFaultLog(logger: Logger, now: () => number): FaultLog {
  const isRepeat = createRepeats(now);
  return (message, fault, about) => {
    if (!isRepeat(`${message}\n${fault}`, minuteMs)) logger.error({ ...about, fault }, message);
  };
}
