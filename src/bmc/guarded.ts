// A driver that leaves its BMC alone for a while after failures.

import { type Bmc, BmcError, type VirtualMedia } from "./bmc.ts";
import { createBreaker } from "./breaker.ts";
import type { Clock } from "./clock.ts";

/** The same driver with a breaker before every call that asks the BMC something. */
export function guarded(bmc: Bmc, clock: Clock): Bmc {
  const breaker = createBreaker();
  const guard =
    <A extends unknown[], T>(call: (...parameters: A) => Promise<T>) =>
    async (...parameters: A): Promise<T> => {
      breaker.check(clock.now());
      try {
        const result = await call(...parameters);
        breaker.succeeded();
        return result;
      } catch (error) {
        if (error instanceof BmcError) breaker.failed(error, clock.now());
        throw error;
      }
    };
  return {
    powerState: guard(bmc.powerState),
    power: guard(bmc.power),
    bootOverride: guard(bmc.bootOverride),
    setBootOverride: guard(bmc.setBootOverride),
    identify: guard(bmc.identify),
    describe: guard(bmc.describe),
    sensors: guard(bmc.sensors),
    events: guard(bmc.events),
    clearEvents: guard(bmc.clearEvents),
    setPassword: guard(bmc.setPassword),
    firmwareVersions: guard(bmc.firmwareVersions),
    openConsole: guard(bmc.openConsole),
    ...(bmc.virtualMedia !== undefined && { virtualMedia: guardedMedia(bmc.virtualMedia, guard) }),
    close: bmc.close,
  };
}

function guardedMedia(
  media: VirtualMedia,
  guard: <A extends unknown[], T>(
    call: (...parameters: A) => Promise<T>,
  ) => (...parameters: A) => Promise<T>,
): VirtualMedia {
  return {
    insert: guard(media.insert),
    eject: guard(media.eject),
    inserted: guard(media.inserted),
  };
}
