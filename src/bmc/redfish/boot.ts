// The boot override as Redfish has it (DSP0268, ComputerSystem.Boot), and as the rest of rackstrap does.

import type { BootDevice, BootOverride, WantedBoot } from "../bmc.ts";
import type { Boot } from "./shapes.ts";
import type { Vendor } from "./vendors.ts";

const targets: Readonly<Record<BootDevice, string>> = {
  none: "None",
  pxe: "Pxe",
  disk: "Hdd",
  cdrom: "Cd",
  bios: "BiosSetup",
};

const devices = new Map<string, BootDevice>([
  ...Object.entries(targets).map(([device, target]) => [target, device as BootDevice] as const),
  ["UsbCd", "cdrom"],
]);

/** What is in force; nothing said is nothing in force. */
export function overrideOf(boot: Boot | null | undefined): BootOverride {
  const enabled = boot?.BootSourceOverrideEnabled ?? "Disabled";
  const target = boot?.BootSourceOverrideTarget ?? "None";
  const uefi = boot?.BootSourceOverrideMode === "UEFI";
  if (enabled === "Disabled" || target === "None")
    return { device: "none", persistent: false, uefi };
  return { device: devices.get(target) ?? "other", persistent: enabled === "Continuous", uefi };
}

export interface BootChange {
  readonly BootSourceOverrideEnabled: string;
  readonly BootSourceOverrideTarget: string;
  readonly BootSourceOverrideMode?: string;
}

/**
 * What is sent to get the wanted override: everything each time, because several BMCs take what is not sent for their default. Or
 * one sentence on what this machine can't do. `boot` is what it said of itself.
 */
export function bootChange(
  wanted: WantedBoot,
  boot: Boot,
  vendor: Vendor,
): BootChange | { readonly refused: string } {
  const none = wanted.device === "none";
  const enabled = none ? "Disabled" : wanted.persistent ? "Continuous" : "Once";
  const mode = wanted.uefi ? "UEFI" : "Legacy";
  const allowedTargets = boot["BootSourceOverrideTarget@Redfish.AllowableValues"];
  const allowedModes = boot["BootSourceOverrideMode@Redfish.AllowableValues"];
  const wantedTargets = wanted.device === "cdrom" ? vendor.cdTargets : [targets[wanted.device]];
  const target = wantedTargets.find((one) => none || isAllowed(one, allowedTargets));
  if (target === undefined)
    return { refused: `it boots from ${list(allowedTargets)}, not from ${wanted.device}` };
  if (!isAllowed(enabled, boot["BootSourceOverrideEnabled@Redfish.AllowableValues"]))
    return { refused: `it has no override that is "${enabled}"` };
  const change = { BootSourceOverrideEnabled: enabled, BootSourceOverrideTarget: target };
  const hasMode = typeof boot.BootSourceOverrideMode === "string" || Boolean(allowedModes);
  if (!vendor.sendsMode || !hasMode) return change;
  if (!isAllowed(mode, allowedModes))
    return { refused: `its boot modes are ${list(allowedModes)}, not ${mode}` };
  return { ...change, BootSourceOverrideMode: mode };
}

/** An empty list, or none, says nothing. */
function isAllowed(value: string, allowed: readonly string[] | null | undefined): boolean {
  return !allowed || allowed.length === 0 || allowed.includes(value);
}

const list = (values: readonly string[] | null | undefined) => (values ?? []).join(", ");
