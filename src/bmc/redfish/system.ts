// The machine itself: its power, its next boot, its lamp.

import type { BootOverride, PowerAction, PowerState, WantedBoot } from "../bmc.ts";
import { BmcError, mayPass } from "../bmc.ts";
import { type BootChange, bootChange, overrideOf } from "./boot.ts";
import type { Places } from "./discovery.ts";
import { isRepeatable, resetTypeOf } from "./reset.ts";
import { actionInfo, type Boot, type System, system, systemSettings } from "./shapes.ts";
import type { Resource, Turn } from "./turn.ts";

const powerStates = new Map<string, PowerState>([
  ["On", "on"],
  ["Off", "off"],
  // What it is on its way from: it is not there yet.
  ["PoweringOn", "off"],
  ["PoweringOff", "on"],
  ["Paused", "on"],
]);

export async function readPower(turn: Turn, places: Places): Promise<PowerState> {
  const { value } = await turn.get(places.system, system);
  const state = powerStates.get(value.PowerState ?? "");
  if (state !== undefined) return state;
  // A BMC that has just started doesn't know yet.
  if (value.PowerState === undefined || value.PowerState === null)
    throw turn.fail("busy", "it does not know the power state now");
  throw turn.fail("protocol", `its power state is "${value.PowerState.slice(0, 40)}"`);
}

export async function control(turn: Turn, places: Places, action: PowerAction): Promise<void> {
  const { value } = await turn.get(places.system, system);
  const reset = value.Actions?.["#ComputerSystem.Reset"];
  if (!reset) throw turn.fail("unsupported", "it can't switch the power of this machine");
  const allowed =
    reset["ResetType@Redfish.AllowableValues"] ??
    (await allowedByInfo(turn, reset["@Redfish.ActionInfo"]));
  const ResetType = resetTypeOf(action, allowed);
  if (ResetType === undefined)
    throw turn.fail("unsupported", `it has no "${action}"; it has: ${allowed?.join(", ")}`);
  const post = () => turn.post(reset.target, { ResetType }, { once: true });
  try {
    await post();
  } catch (error) {
    if (!(error instanceof BmcError) || !isRepeatable(action)) throw error;
    // It may have done it and not said so, and several BMCs refuse what is so already.
    if (error.kind !== "authentication" && (await readPower(turn, places)) === action) return;
    if (!mayPass(error)) throw error;
    await post();
  }
}

/** The allowed reset types out of an ActionInfo resource; undefined where it names none. */
async function allowedByInfo(
  turn: Turn,
  path: string | null | undefined,
): Promise<readonly string[] | undefined> {
  if (!path) return undefined;
  const { value } = await turn.get(path, actionInfo);
  return value.Parameters.find(({ Name }) => Name === "ResetType")?.AllowableValues ?? undefined;
}

export async function readBoot(turn: Turn, places: Places): Promise<BootOverride> {
  return overrideOf((await bootHolder(turn, places)).value.Boot);
}

/** Writes it and reads it back from where it was written. */
export async function setBoot(
  turn: Turn,
  places: Places,
  wanted: WantedBoot,
): Promise<BootOverride> {
  const holder = await bootHolder(turn, places);
  const change = changeFor(turn, places, wanted, holder.value.Boot);
  await turn.patch(holder, { Boot: change });
  const kept = overrideOf((await turn.get(holder.path, systemSettings)).value.Boot);
  if (kept.device === wanted.device) return kept;
  throw turn.fail("unsupported", `it was told to boot from ${wanted.device}, keeps ${kept.device}`);
}

function changeFor(
  turn: Turn,
  { vendor }: Places,
  wanted: WantedBoot,
  boot: Boot | null | undefined,
): BootChange {
  if (!boot) throw turn.fail("unsupported", "it has no boot override");
  const change = bootChange(wanted, boot, vendor);
  if (!("refused" in change)) return change;
  throw turn.fail("unsupported", change.refused);
}

/** The resource that has the boot override: the system, or what its maker uses in its place. */
async function bootHolder(
  turn: Turn,
  { vendor, system: path }: Places,
): Promise<Resource<{ Boot?: Boot | null | undefined }>> {
  const read = await turn.get(path, system);
  const settings = read.value["@Redfish.Settings"]?.SettingsObject?.["@odata.id"];
  if (vendor.bootIn === "system" || settings === undefined) return read;
  const future = await turn.get(settings, systemSettings);
  return future.value.Boot ? future : read;
}

/** Lights the lamp, or puts it out. Redfish has no time for it. */
export async function light(turn: Turn, places: Places, lit: boolean): Promise<void> {
  for (const path of [places.system, places.chassis]) {
    if (path === undefined) continue;
    const resource = await turn.get(path, system);
    const change = lampChange(resource.value, lit);
    if (change !== undefined) return await turn.patch(resource, change);
  }
  throw turn.fail("unsupported", "it has no identify lamp");
}

function lampChange({ LocationIndicatorActive, IndicatorLED }: System, lit: boolean) {
  if (typeof LocationIndicatorActive === "boolean") return { LocationIndicatorActive: lit };
  if (typeof IndicatorLED === "string") return { IndicatorLED: lit ? "Blinking" : "Off" };
  return undefined;
}
