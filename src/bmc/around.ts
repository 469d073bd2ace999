// A driver with the same thing done around each call that asks its BMC something.

import type { Bmc, VirtualMedia } from "./bmc.ts";

/** Makes the call, or does not, and gives its result on. */
export type Wrapper = <T>(call: () => Promise<T>) => Promise<T>;

export function around(bmc: Bmc, wrapper: Wrapper): Bmc {
  const wrap =
    <A extends unknown[], T>(call: (...parameters: A) => Promise<T>) =>
    (...parameters: A): Promise<T> =>
      wrapper(() => call(...parameters));
  return {
    powerState: wrap(bmc.powerState),
    power: wrap(bmc.power),
    bootOverride: wrap(bmc.bootOverride),
    setBootOverride: wrap(bmc.setBootOverride),
    identify: wrap(bmc.identify),
    describe: wrap(bmc.describe),
    sensors: wrap(bmc.sensors),
    events: wrap(bmc.events),
    clearEvents: wrap(bmc.clearEvents),
    setPassword: wrap(bmc.setPassword),
    firmwareVersions: wrap(bmc.firmwareVersions),
    openConsole: wrap(bmc.openConsole),
    ...(bmc.virtualMedia !== undefined && { virtualMedia: aroundMedia(bmc.virtualMedia, wrap) }),
    close: bmc.close,
  };
}

function aroundMedia(
  media: VirtualMedia,
  wrap: <A extends unknown[], T>(
    call: (...parameters: A) => Promise<T>,
  ) => (...parameters: A) => Promise<T>,
): VirtualMedia {
  return {
    insert: wrap(media.insert),
    eject: wrap(media.eject),
    inserted: wrap(media.inserted),
  };
}
