// A driver that ends in time, and that leaves its BMC alone for a while after failures.

import { type Bmc, BmcError } from "./bmc.ts";
import { createBreaker } from "./breaker.ts";
import type { Clock } from "./clock.ts";
import { withDeadline } from "./deadline.ts";
import { createQueue } from "./queue.ts";

const verbLimitMs = 60_000;
// Hundreds of sensors or events, each a command of its own on some BMCs.
const listLimitMs = 180_000;

/**
 * The same driver with a time limit on every call from the moment that it begins, one call after the other, and a breaker before it.
 * `subject` names the BMC in messages.
 */
export function guarded(bmc: Bmc, subject: string, clock: Clock): Bmc {
  const breaker = createBreaker();
  const queue = createQueue(subject);
  const ask = async <T>(
    call: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal | undefined,
    ms = verbLimitMs,
  ): Promise<T> => {
    breaker.check(clock.now());
    return await queue.add(async () => {
      // Those before it may have found the BMC dead.
      breaker.check(clock.now());
      try {
        const result = await withDeadline({ subject, ms, clock }, signal, call);
        breaker.succeeded();
        return result;
      } catch (error) {
        if (error instanceof BmcError) breaker.failed(error, clock.now());
        throw error;
      }
    }, signal);
  };
  const { virtualMedia } = bmc;
  return {
    powerState: (signal) => ask(bmc.powerState, signal),
    power: (action, signal) => ask((limited) => bmc.power(action, limited), signal),
    bootOverride: (signal) => ask(bmc.bootOverride, signal),
    setBootOverride: (wanted, signal) =>
      ask((limited) => bmc.setBootOverride(wanted, limited), signal),
    identify: (seconds, signal) => ask((limited) => bmc.identify(seconds, limited), signal),
    describe: (signal) => ask(bmc.describe, signal),
    sensors: (signal) => ask(bmc.sensors, signal, listLimitMs),
    events: (signal) => ask(bmc.events, signal, listLimitMs),
    clearEvents: (signal) => ask(bmc.clearEvents, signal),
    setPassword: (password, signal) => ask((limited) => bmc.setPassword(password, limited), signal),
    firmwareVersions: (signal) => ask(bmc.firmwareVersions, signal, listLimitMs),
    openConsole: (options, signal) => ask((limited) => bmc.openConsole(options, limited), signal),
    ...(virtualMedia !== undefined && {
      virtualMedia: {
        insert: (url, signal) => ask((limited) => virtualMedia.insert(url, limited), signal),
        eject: (signal) => ask(virtualMedia.eject, signal),
        inserted: (signal) => ask(virtualMedia.inserted, signal),
      },
    }),
    close: () => queue.addDespiteLimit(bmc.close),
  };
}
