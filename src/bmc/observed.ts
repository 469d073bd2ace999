// A driver that tells somebody what is learnt through it, so that each reading counts, whoever asked for it.

import { type Bmc, BmcError, type PowerState, type VirtualMedia } from "./bmc.ts";

export interface PowerObserver {
  /** A call begins; the returned function is called when it has ended. */
  began(): () => void;
  read(state: PowerState): void;
  /** The power state could not be read. */
  failed(error: BmcError): void;
}

type Watched = <A extends unknown[], T>(
  call: (...parameters: A) => Promise<T>,
) => (...parameters: A) => Promise<T>;

export function observed(bmc: Bmc, observer: PowerObserver): Bmc {
  const watched: Watched =
    (call) =>
    async (...parameters) => {
      const ended = observer.began();
      try {
        return await call(...parameters);
      } finally {
        ended();
      }
    };
  return {
    powerState: watched(async (signal) => {
      try {
        const state = await bmc.powerState(signal);
        observer.read(state);
        return state;
      } catch (error) {
        // What was cut off at a deadline is a failure as well, see deadline.ts.
        const failure = signal?.aborted ? (signal.reason as unknown) : error;
        if (failure instanceof BmcError) observer.failed(failure);
        throw error;
      }
    }),
    power: watched(bmc.power),
    bootOverride: watched(bmc.bootOverride),
    setBootOverride: watched(bmc.setBootOverride),
    identify: watched(bmc.identify),
    describe: watched(bmc.describe),
    sensors: watched(bmc.sensors),
    events: watched(bmc.events),
    clearEvents: watched(bmc.clearEvents),
    setPassword: watched(bmc.setPassword),
    firmwareVersions: watched(bmc.firmwareVersions),
    openConsole: watched(bmc.openConsole),
    ...(bmc.virtualMedia !== undefined && {
      virtualMedia: watchedMedia(bmc.virtualMedia, watched),
    }),
    close: bmc.close,
  };
}

function watchedMedia(media: VirtualMedia, watched: Watched): VirtualMedia {
  return {
    insert: watched(media.insert),
    eject: watched(media.eject),
    inserted: watched(media.inserted),
  };
}
