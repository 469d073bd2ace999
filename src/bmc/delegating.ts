// A driver that may be kept for long: each call goes to the driver that there is at that moment.

import { type Bmc, bmcError, type VirtualMedia } from "./bmc.ts";

/** Hands the driver of the moment to `use` and returns what comes of it. Rejects with a BmcError when there is none. */
export type WithDriver = <T>(use: (bmc: Bmc) => Promise<T>) => Promise<T>;

/** `hasMedia`: the protocol has virtual media. */
export function delegating(driver: WithDriver, subject: string, hasMedia: boolean): Bmc {
  const media = <T>(use: (media: VirtualMedia) => Promise<T>): Promise<T> =>
    driver(async ({ virtualMedia }) => {
      if (virtualMedia !== undefined) return await use(virtualMedia);
      throw bmcError("unsupported", subject, "it has no virtual media");
    });
  return {
    powerState: (signal) => driver((bmc) => bmc.powerState(signal)),
    power: (action, signal) => driver((bmc) => bmc.power(action, signal)),
    bootOverride: (signal) => driver((bmc) => bmc.bootOverride(signal)),
    setBootOverride: (wanted, signal) => driver((bmc) => bmc.setBootOverride(wanted, signal)),
    identify: (seconds, signal) => driver((bmc) => bmc.identify(seconds, signal)),
    describe: (signal) => driver((bmc) => bmc.describe(signal)),
    sensors: (signal) => driver((bmc) => bmc.sensors(signal)),
    events: (signal) => driver((bmc) => bmc.events(signal)),
    clearEvents: (signal) => driver((bmc) => bmc.clearEvents(signal)),
    setPassword: (password, signal) => driver((bmc) => bmc.setPassword(password, signal)),
    firmwareVersions: (signal) => driver((bmc) => bmc.firmwareVersions(signal)),
    openConsole: (options, signal) => driver((bmc) => bmc.openConsole(options, signal)),
    ...(hasMedia && {
      virtualMedia: {
        insert: (url, signal) => media((each) => each.insert(url, signal)),
        eject: (signal) => media((each) => each.eject(signal)),
        inserted: (signal) => media((each) => each.inserted(signal)),
      },
    }),
    close: () => driver((bmc) => bmc.close()),
  };
}
