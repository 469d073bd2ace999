// What is wrong with a simulated Redfish service. Plain data that a test changes while the service runs.

export interface RedfishFaults {
  /** The counted faults below meet only requests whose "METHOD path" matches. */
  only: RegExp;
  /** So many next requests are cut off before anything is done. */
  dropBefore: number;
  /** So many next requests are done, and cut off in place of an answer. */
  dropAfter: number;
  /** So many next requests get no answer, and nothing is done. */
  silent: number;
  /** So many next requests get HTTP 503. */
  unavailable: number;
  /** What a 503 asks to wait; undefined: it does not say. */
  retryAfterSeconds: number | undefined;
  /** So many next requests are done and answered with text. */
  notJson: number;
  /** What goes out in place of each body, after the log-in. */
  garble: ((body: object) => object) | undefined;
  /** So many next changes with If-Match find another ETag, as if it changed at each reading. */
  staleEtags: number;
  /** So many next requests get HTTP 401, though their session is known and kept. */
  refusals: number;
  /** Before so many next requests the sessions are forgotten, as after a restart. */
  forgetSessions: number;
  /** Before so many next requests the BMC restarts: it is away for `restartMs`, and has no sessions after it. */
  restarts: number;
  restartMs: number;
  /** Each answer is late by so much. */
  delayMs: number;
  /** The session table is full. */
  sessionsFull: boolean;
  /** Takes a reset and does nothing. */
  ignoreReset: boolean;
  /** Takes a boot override and does not keep it. */
  forgetBoot: boolean;
  /** Says the old power state for so long after a reset. */
  lieAboutPowerMs: number;
}

export function noFaults(): RedfishFaults {
  return {
    only: /^/,
    dropBefore: 0,
    dropAfter: 0,
    silent: 0,
    unavailable: 0,
    retryAfterSeconds: undefined,
    notJson: 0,
    garble: undefined,
    staleEtags: 0,
    refusals: 0,
    forgetSessions: 0,
    restarts: 0,
    restartMs: 5_000,
    delayMs: 0,
    sessionsFull: false,
    ignoreReset: false,
    forgetBoot: false,
    lieAboutPowerMs: 0,
  };
}

type Counted = {
  [K in keyof RedfishFaults]: RedfishFaults[K] extends number ? K : never;
}[keyof RedfishFaults];

/** Whether this request meets the fault; uses one of its count up. */
export function meets(faults: RedfishFaults, fault: Counted, request: string): boolean {
  if (faults[fault] <= 0 || !faults.only.test(request)) return false;
  faults[fault] -= 1;
  return true;
}
