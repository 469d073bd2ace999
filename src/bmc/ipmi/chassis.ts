// Chassis commands: power, identify light and boot options (IPMI 2.0 §28), as bytes and back.

import type { BootDevice, BootOverride, PowerAction, WantedBoot } from "../bmc.ts";
import { netFns } from "./message.ts";
import type { Command } from "./session.ts";

const chassis = (command: number, ...data: number[]): Command => ({
  netFn: netFns.chassis,
  command,
  data: Buffer.from(data),
});

export const getChassisStatus = chassis(0x01);

export interface ChassisStatus {
  readonly power: "on" | "off";
  /** The last switch-off was not asked for by IPMI: power failed, was overloaded, or an interlock or fault ended it. */
  readonly lastOffBecause?: "power failure" | "overload" | "interlock" | "fault";
  readonly restorePolicy: "stay off" | "as before" | "switch on" | "unknown";
}

/** Reads the response data of Get Chassis Status (table 28-3). Undefined when it is cut short. */
export function decodeChassisStatus(data: Buffer): ChassisStatus | undefined {
  const power = data[0];
  const event = data[1];
  if (power === undefined || event === undefined) return undefined;
  const causes = ["power failure", "overload", "interlock", "fault"] as const;
  const because = causes.find((_cause, bit) => (event & (1 << bit)) !== 0);
  const policies = ["stay off", "as before", "switch on", "unknown"] as const;
  return {
    power: (power & 0x01) === 0 ? "off" : "on",
    ...(because !== undefined && { lastOffBecause: because }),
    restorePolicy: policies[(power >> 5) & 0x03] ?? "unknown",
  };
}

const controls: Readonly<Record<PowerAction, number>> = {
  off: 0,
  on: 1,
  cycle: 2,
  reset: 3,
  soft: 5,
};

/** Chassis Control (§28.3). */
export function chassisControl(action: PowerAction): Command {
  return chassis(0x02, controls[action]);
}

/** Chassis Identify (§28.5): `seconds` 0 is off; at most 255. */
export function chassisIdentify(seconds: number): Command {
  return chassis(0x04, Math.min(255, Math.max(0, Math.round(seconds))));
}

// Boot option parameters (table 28-14).
const setInProgress = 0;
const bootFlagsValidity = 3;
const bootInfoAcknowledge = 4;
const bootFlags = 5;

/** A BMC that must not be written to by two at once is told when a change begins and ends. Some do not know this parameter. */
export const beginBootOptions = chassis(0x08, setInProgress, 0x01);
export const endBootOptions = chassis(0x08, setInProgress, 0x00);

/**
 * Keeps the flags valid when no power command follows within 60 s (bit 3): a machine that is switched on later, or by hand,
 * must still find them.
 */
export const keepBootFlags = chassis(0x08, bootFlagsValidity, 0x08);

/** Tells the BIOS that the flags are not yet handled (§28.13, parameter 4). */
export const resetBootAcknowledge = chassis(0x08, bootInfoAcknowledge, 0x01, 0x00);

export const getBootFlags = chassis(0x09, bootFlags, 0x00, 0x00);

const devices: Readonly<Record<BootDevice, number>> = {
  none: 0,
  pxe: 1,
  disk: 2,
  cdrom: 5,
  bios: 6,
};

/** Set System Boot Options, parameter 5. `none` clears every override. */
export function setBootFlags({ device, persistent, uefi }: WantedBoot): Command {
  const valid = device === "none" ? 0 : 0x80 | (persistent ? 0x40 : 0) | (uefi ? 0x20 : 0);
  return chassis(0x08, bootFlags, valid, devices[device] << 2, 0, 0, 0);
}

export interface BootFlags extends BootOverride {
  /** False: the machine has used them up, or they were never set. Some BMCs say so at once and boot the device all the same. */
  readonly valid: boolean;
}

/** Reads the response data of Get System Boot Options, parameter 5. Undefined when it is cut short or of another parameter. */
export function decodeBootFlags(data: Buffer): BootFlags | undefined {
  const parameter = data[1];
  const flags = data[2];
  const selector = data[3];
  if (parameter === undefined || flags === undefined || selector === undefined) return undefined;
  if ((parameter & 0x7f) !== bootFlags) return undefined;
  const number = (selector >> 2) & 0x0f;
  const device = (Object.keys(devices) as BootDevice[]).find((name) => devices[name] === number);
  return {
    device: device ?? "other",
    persistent: (flags & 0x40) !== 0,
    uefi: (flags & 0x20) !== 0,
    // Bit 7 of the parameter says that it is invalid, bit 7 of the flags that they are valid.
    valid: (parameter & 0x80) === 0 && (flags & 0x80) !== 0,
  };
}
