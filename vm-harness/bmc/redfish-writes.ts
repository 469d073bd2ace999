// What writing to a simulated Redfish service does to its machine.

import type { BootDevice, PowerAction } from "../../src/bmc/bmc.ts";
import type { SimulatedMachine } from "./machine.ts";
import { type Answer, type Body, done, objectOf, refuse } from "./redfish-answer.ts";
import type { Maker } from "./redfish-makers.ts";

const badValue = (value: unknown, property: string) =>
  refuse(
    400,
    "PropertyValueNotInList",
    `The value ${JSON.stringify(value)} for the property ${property} is not in the list of acceptable values.`,
  );

const deviceOf = new Map<unknown, BootDevice>([
  ["None", "none"],
  ["Pxe", "pxe"],
  ["Hdd", "disk"],
  ["Cd", "cdrom"],
  ["UsbCd", "cdrom"],
  ["BiosSetup", "bios"],
]);

/** Changes the boot override. What is not sent stays, but for the mode where this maker's falls back to Legacy. */
export function writeBoot(
  machine: SimulatedMachine,
  { mode, cdTargets }: Maker,
  change: Body,
  forget: boolean,
): Answer {
  const {
    BootSourceOverrideEnabled: enabled,
    BootSourceOverrideTarget: target,
    BootSourceOverrideMode: wantedMode,
  } = change;
  const device = target === undefined ? machine.boot.device : deviceOf.get(target);
  const isOther = device === "cdrom" && target !== undefined && !cdTargets.includes(`${target}`);
  if (device === undefined || isOther) return badValue(target, "BootSourceOverrideTarget");
  if (![undefined, "Disabled", "Once", "Continuous"].some((known) => known === enabled))
    return badValue(enabled, "BootSourceOverrideEnabled");
  if (![undefined, "UEFI", "Legacy"].some((known) => known === wantedMode))
    return badValue(wantedMode, "BootSourceOverrideMode");
  if (wantedMode !== undefined && mode === "read-only")
    return refuse(400, "PropertyNotWritable", "The property BootSourceOverrideMode is read only.");
  if (forget) return done;
  const { boot } = machine;
  boot.device = enabled === "Disabled" ? "none" : device;
  if (enabled !== undefined) boot.persistent = enabled === "Continuous";
  if (wantedMode !== undefined) boot.uefi = wantedMode === "UEFI";
  else if (mode === "falls-back") boot.uefi = false;
  return done;
}

const hourMs = 60 * 60 * 1000;

/** Lights or puts out the lamp; refuses anything else that is not the boot override. */
export function writeLamp(
  machine: SimulatedMachine,
  { lamp }: Maker,
  body: Body,
  nowMs: number,
): Answer {
  const wanted = body[lamp];
  if (wanted === undefined)
    return refuse(400, "PropertyUnknown", `The property ${Object.keys(body)[0]} is not known.`);
  const known: readonly unknown[] =
    lamp === "IndicatorLED" ? ["Lit", "Blinking", "Off"] : [true, false];
  if (!known.includes(wanted)) return badValue(wanted, lamp);
  machine.identifyUntilMs = wanted === false || wanted === "Off" ? 0 : nowMs + hourMs;
  return done;
}

const actionOf = new Map<unknown, PowerAction>([
  ["On", "on"],
  ["ForceOff", "off"],
  ["GracefulShutdown", "soft"],
  ["PowerCycle", "cycle"],
  ["ForceRestart", "reset"],
]);

/** The power action of a reset request, or its refusal. */
export function resetAction({ resetTypes }: Maker, body: unknown): PowerAction | Answer {
  const { ResetType } = objectOf(body);
  const action = actionOf.get(ResetType);
  if (action !== undefined && resetTypes.includes(`${ResetType}`)) return action;
  return refuse(
    400,
    "ActionParameterNotSupported",
    `The reset type ${ResetType} is not supported.`,
  );
}

/** Puts an image in, or takes it out where `Image` is null. */
export function writeMedia(machine: SimulatedMachine, body: unknown): Answer {
  const { Image } = objectOf(body);
  if (Image === null) {
    machine.media = undefined;
    return done;
  }
  if (typeof Image !== "string" || !/^https?:\/\//.test(Image)) return badValue(Image, "Image");
  if (machine.media !== undefined) return refuse(409, "ResourceInUse", "The drive is in use.");
  machine.media = Image;
  return done;
}

export function writePassword(user: SimulatedMachine["users"][number], { Password }: Body): Answer {
  if (typeof Password !== "string" || Password.length < 8 || Password.length > 20)
    return refuse(
      400,
      "PropertyValueFormatError",
      `The value '${Password}' for Password is of a different format.`,
    );
  user.password = Password;
  return done;
}
