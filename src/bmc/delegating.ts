// A driver that may be kept for long: each call goes to the driver that there is at that moment.

import { type Bmc, bmcError, type VirtualMedia } from "./bmc.ts";

/** `current` may throw a BmcError, which is then what the call throws. `hasMedia`: the protocol has virtual media. */
export function delegating(current: () => Bmc, subject: string, hasMedia: boolean): Bmc {
  const media = (): VirtualMedia => {
    const { virtualMedia } = current();
    if (virtualMedia !== undefined) return virtualMedia;
    throw bmcError("unsupported", subject, "it has no virtual media");
  };
  return {
    powerState: async (signal) => await current().powerState(signal),
    power: async (action, signal) => await current().power(action, signal),
    bootOverride: async (signal) => await current().bootOverride(signal),
    setBootOverride: async (wanted, signal) => await current().setBootOverride(wanted, signal),
    identify: async (seconds, signal) => await current().identify(seconds, signal),
    describe: async (signal) => await current().describe(signal),
    sensors: async (signal) => await current().sensors(signal),
    events: async (signal) => await current().events(signal),
    clearEvents: async (signal) => await current().clearEvents(signal),
    setPassword: async (password, signal) => await current().setPassword(password, signal),
    firmwareVersions: async (signal) => await current().firmwareVersions(signal),
    openConsole: async (options, signal) => await current().openConsole(options, signal),
    ...(hasMedia && {
      virtualMedia: {
        insert: async (url, signal) => await media().insert(url, signal),
        eject: async (signal) => await media().eject(signal),
        inserted: async (signal) => await media().inserted(signal),
      },
    }),
    close: async () => await current().close(),
  };
}
