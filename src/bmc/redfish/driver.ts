// A BMC behind Redfish (DSP0266, DSP0268): each verb as what is read and written for it.

import { type Bmc, BmcError, mayPass } from "../bmc.ts";
import type { Clock } from "../clock.ts";
import { setPassword } from "./account.ts";
import type { RedfishAccess } from "./asker.ts";
import { createRedfishClient, type Limits } from "./client.ts";
import { consoleWays, describe, readFirmware } from "./description.ts";
import { type Chosen, discover, type Places } from "./discovery.ts";
import { clearEvents, readEvents } from "./event-log.ts";
import { readSensors } from "./sensors.ts";
import { control, light, readBoot, readPower, setBoot } from "./system.ts";
import type { Turn } from "./turn.ts";
import { eject, insert, inserted } from "./virtual-media.ts";

export interface RedfishSettings extends RedfishAccess, Chosen {}

export interface RedfishOptions {
  /** The same BMC over IPMI, where it has it: Redfish itself carries no serial console. */
  readonly ipmi?: Pick<Bmc, "openConsole" | "close"> | undefined;
  readonly limits?: Limits | undefined;
}

// A BMC that is off the network is known in 20 s; one that thinks for long is waited for.
const defaultLimits: Limits = { connectMs: 5_000, requestMs: 20_000, verbMs: 90_000 };

/** The driver of one BMC. It speaks only when it is asked something. Throws an Error when the pinned fingerprint is none. */
export function createRedfish(
  settings: RedfishSettings,
  clock: Clock,
  { ipmi, limits = defaultLimits }: RedfishOptions = {},
): Bmc {
  const client = createRedfishClient(settings, clock, limits);
  const lamp = createLampTimer(clock);
  let known: Places | undefined;
  /** Does `work` with what is known of this BMC. What failed for good is looked for anew the next time: firmware moves things. */
  const at = <T>(work: (turn: Turn, places: Places) => Promise<T>, signal?: AbortSignal) =>
    client.exclusive(async (turn) => {
      known ??= await discover(turn, settings);
      try {
        return await work(turn, known);
      } catch (error) {
        if (error instanceof BmcError && !mayPass(error)) known = undefined;
        throw error;
      }
    }, signal);

  return {
    powerState: (signal) => at(readPower, signal),
    power: (action, signal) => at((turn, places) => control(turn, places, action), signal),
    bootOverride: (signal) => at(readBoot, signal),
    setBootOverride: (wanted, signal) =>
      at((turn, places) => setBoot(turn, places, wanted), signal),
    identify: async (seconds, signal) => {
      await at((turn, places) => light(turn, places, seconds > 0), signal);
      lamp.putOutAfter(seconds, () => at((turn, places) => light(turn, places, false)));
    },
    describe: (signal) => at(describe, signal),
    sensors: (signal) => at(readSensors, signal),
    events: (signal) => at(readEvents, signal),
    clearEvents: (signal) => at(clearEvents, signal),
    setPassword: (password, signal) =>
      at((turn, places) => setPassword(turn, places, settings.user, password), signal),
    firmwareVersions: (signal) => at(readFirmware, signal),
    openConsole: (options, signal) =>
      ipmi?.openConsole(options, signal) ?? at(refuseConsole, signal),
    virtualMedia: {
      insert: (url, signal) => at((turn, places) => insert(turn, places, url), signal),
      eject: (signal) => at(eject, signal),
      inserted: (signal) => at(inserted, signal),
    },
    close: async () => {
      lamp.forget();
      await ipmi?.close();
      await client.close();
    },
  };
}

async function refuseConsole(turn: Turn, places: Places): Promise<never> {
  const ways = await consoleWays(turn, places);
  const offers =
    ways.length === 0 ? "says of no other way to it" : `offers it by ${ways.join(", ")}`;
  throw turn.fail(
    "unsupported",
    `Redfish carries no serial console; this BMC ${offers}, and its IPMI can be named in the settings`,
  );
}

/** Puts the identify lamp out in its time, which Redfish leaves to whoever lit it. */
function createLampTimer(clock: Clock) {
  let timer = new AbortController();
  const forget = () => timer.abort();
  return {
    forget,
    putOutAfter: (seconds: number, putOut: () => Promise<void>) => {
      forget();
      if (seconds <= 0) return;
      timer = new AbortController();
      const { signal } = timer;
      void clock.sleep(seconds * 1000, signal).then(async () => {
        // A lamp that stays lit is seen by whoever stands before it; nobody waits for this any more.
        if (!signal.aborted) await putOut().catch(() => undefined);
      });
    },
  };
}
