// A BMC behind the native IPMI client: each verb as the commands it takes.

import {
  type Bmc,
  BmcError,
  type BootOverride,
  mayPass,
  type PowerAction,
  type PowerState,
  type WantedBoot,
} from "../bmc.ts";
import type { Clock } from "../clock.ts";
import { refusing } from "../refusing.ts";
import * as chassis from "./chassis.ts";
import { createIpmiClient, type Turn } from "./client.ts";
import { openIpmiConsole } from "./console.ts";
import { clearEvents, describe, readEvents, readSensors, setPassword } from "./inventory-verbs.ts";
import type { Link } from "./link.ts";
import type { IpmiSettings } from "./session-keeper.ts";

/** The driver of one BMC. It speaks only when it is asked something. */
export function createIpmi(settings: IpmiSettings, link: Link, clock: Clock): Bmc {
  const client = createIpmiClient(settings, link, clock);
  return {
    ...refusing("unsupported", `BMC ${settings.address}`, "IPMI has no such thing"),
    powerState: (signal) => client.exclusive(readPower, signal),
    power: (action, signal) => client.exclusive((turn) => control(turn, action), signal),
    bootOverride: (signal) => client.exclusive(readBoot, signal),
    setBootOverride: (wanted, signal) => client.exclusive((turn) => setBoot(turn, wanted), signal),
    identify: (seconds, signal) =>
      client.exclusive(
        async ({ run }) => void (await run(chassis.chassisIdentify(seconds))),
        signal,
      ),
    describe: (signal) => client.exclusive(describe, signal),
    sensors: (signal) => client.exclusive(readSensors, signal),
    events: (signal) => client.exclusive(readEvents, signal),
    clearEvents: (signal) => client.exclusive(clearEvents, signal),
    setPassword: (password, signal) =>
      client.exclusive((turn) => setPassword(turn, settings.user, password), signal),
    firmwareVersions: async (signal) => {
      const { firmware = "unknown" } = await client.exclusive(describe, signal);
      return [{ name: "BMC", version: firmware }];
    },
    openConsole: ({ takeOver }, signal) =>
      openIpmiConsole(client, `BMC ${settings.address}`, takeOver, clock, signal),
    close: async () => {
      await client.close();
      link.close();
    },
  };
}

async function readPower({ run, fail }: Turn): Promise<PowerState> {
  const status = chassis.decodeChassisStatus(await run(chassis.getChassisStatus));
  if (status === undefined) throw fail("protocol", "its chassis status is cut short");
  return status.power;
}

/** On and off may be repeated: a second one finds its work done. Cycle, reset and soft, a press of the button, would do theirs again. */
async function control(turn: Turn, action: PowerAction): Promise<void> {
  const once = action !== "on" && action !== "off";
  // Finds out that the session of before is dead while that may still be repeated, and that there is nothing to restart.
  if (once && (await readPower(turn)) === "off") {
    if (action === "soft") return;
    throw turn.fail("unsupported", `the machine is off, so there is nothing to ${action}`);
  }
  try {
    await turn.run(chassis.chassisControl(action), { once });
  } catch (error) {
    if (!(await isSoDespite(error, turn, action))) throw error;
  }
}

/** Some BMCs refuse what is so already, and what is so may be this command's work: its first copy, whose answer was lost. */
async function isSoDespite(error: unknown, turn: Turn, action: PowerAction): Promise<boolean> {
  const refused = error instanceof BmcError && !mayPass(error) && error.kind !== "authentication";
  return refused && (action === "on" || action === "off") && (await readPower(turn)) === action;
}

async function readBoot(turn: Turn): Promise<BootOverride> {
  const { valid, ...override } = await readBootFlags(turn);
  return valid ? override : { device: "none", persistent: false, uefi: false };
}

async function readBootFlags({ run, fail }: Turn): Promise<chassis.BootFlags> {
  const flags = chassis.decodeBootFlags(await run(chassis.getBootFlags));
  if (flags === undefined) throw fail("protocol", "its boot flags are cut short");
  return flags;
}

async function setBoot(turn: Turn, wanted: WantedBoot): Promise<BootOverride> {
  const { run, fail } = turn;
  await ifKnown(run(chassis.keepBootFlags));
  await ifKnown(run(chassis.beginBootOptions));
  try {
    await ifKnown(run(chassis.resetBootAcknowledge));
    await run(chassis.setBootFlags(wanted));
  } finally {
    await ifKnown(run(chassis.endBootOptions));
  }
  const { valid: _valid, ...kept } = await readBootFlags(turn);
  if (kept.device !== wanted.device)
    throw fail("unsupported", `it was told to boot from ${wanted.device} and says ${kept.device}`);
  return kept;
}

/** Several BMCs do not know the parameters around the boot flags, and keep the flags all the same. */
async function ifKnown(command: Promise<Buffer>): Promise<void> {
  try {
    await command;
  } catch (error) {
    if (!(error instanceof BmcError) || (error.kind !== "unsupported" && error.kind !== "protocol"))
      throw error;
  }
}
