// Who a BMC and its machine are, what firmware they run, and which ways to a serial console there are.

import type { BmcDescription, FirmwareVersion } from "../bmc.ts";
import { members } from "./collection.ts";
import type { Places } from "./discovery.ts";
import { clean } from "./failure.ts";
import { firmware, manager, system, updateService } from "./shapes.ts";
import type { Turn } from "./turn.ts";

const maxFirmware = 256;

export async function describe(turn: Turn, places: Places): Promise<BmcDescription> {
  const machine = (await turn.get(places.system, system)).value;
  const bmc = places.manager && (await turn.get(places.manager, manager)).value;
  return {
    protocol: clean(`Redfish ${places.version ?? ""}`),
    manufacturer: said(machine.Manufacturer),
    model: said(machine.Model),
    serial: said(machine.SerialNumber),
    firmware: said(bmc ? bmc.FirmwareVersion : undefined),
    uuid: said(machine.UUID?.toLowerCase()),
  };
}

export async function readFirmware(
  turn: Turn,
  places: Places,
): Promise<readonly FirmwareVersion[]> {
  if (places.updateService === undefined)
    throw turn.fail("unsupported", "it does not list its firmware");
  const { FirmwareInventory } = (await turn.get(places.updateService, updateService)).value;
  const options = { expand: places.expand, max: maxFirmware };
  const all = await members(turn, FirmwareInventory["@odata.id"], firmware, options);
  return all.flatMap(({ Name, Id, Version }) => {
    const version = said(Version);
    return version === undefined ? [] : { name: said(Name) ?? said(Id) ?? "unnamed", version };
  });
}

/** The ways to its machine's serial console, as a person would name them: "SSH, IPMI". Empty when it says of none. */
export async function consoleWays(turn: Turn, places: Places): Promise<readonly string[]> {
  const bmc = places.manager && (await turn.get(places.manager, manager)).value.SerialConsole;
  const machine = (await turn.get(places.system, system)).value.SerialConsole ?? {};
  const ofManager = bmc && bmc.ServiceEnabled !== false ? (bmc.ConnectTypesSupported ?? []) : [];
  const ofSystem = ["SSH", "Telnet", "IPMI", "WebSocket"].filter((way) => way in machine);
  return [...new Set([...ofManager, ...ofSystem])].map((way) => clean(way));
}

/** What a BMC says, or undefined where it says nothing. */
function said(words: string | null | undefined): string | undefined {
  const text = clean(words ?? "");
  return text === "" ? undefined : text;
}
