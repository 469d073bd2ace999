// Where on this BMC the things are: service root, system, manager and chassis, and whose BMC it is.

import type { BmcError } from "../bmc.ts";
import { memberPaths } from "./collection.ts";
import { rootPath } from "./login.ts";
import { idOf } from "./path.ts";
import { type Link, root as rootShape, system as systemShape } from "./shapes.ts";
import type { Turn } from "./turn.ts";
import { type Vendor, type VendorName, vendorNamed, vendorOf } from "./vendors.ts";

/** Which of several, by Id; the first where nothing is named. */
export interface Chosen {
  readonly system?: string | undefined;
  readonly manager?: string | undefined;
  readonly chassis?: string | undefined;
  /** Whose BMC it is, where it says something else itself. */
  readonly vendor?: VendorName | undefined;
}

/** Paths, and what the root says. What this BMC has not is absent. */
export interface Places {
  readonly vendor: Vendor;
  readonly version: string | undefined;
  readonly expand: boolean;
  readonly system: string;
  readonly manager: string | undefined;
  readonly chassis: string | undefined;
  readonly accountService: string | undefined;
  readonly updateService: string | undefined;
}

/** Reads the root, the systems and one system; managers and chassis only where that system does not name its own. */
export async function discover(turn: Turn, chosen: Chosen): Promise<Places> {
  const root = (await turn.get(rootPath, rootShape)).value;
  const systems = await memberPaths(turn, root.Systems["@odata.id"]);
  const path = choose(turn, "system", systems, chosen.system);
  if (path === undefined) throw turn.fail("unsupported", "it has no system");
  const system = (await turn.get(path, systemShape)).value;
  /** The one that is named, else what the system says is its own, else the first of the collection. */
  const beside = async (
    what: "manager" | "chassis",
    own: readonly Link[] | null | undefined,
    all: Link | null | undefined,
  ) => {
    const wanted = chosen[what];
    const linked = own?.map((link) => link["@odata.id"]) ?? [];
    if (wanted === undefined && linked[0] !== undefined) return linked[0];
    return all ? choose(turn, what, await memberPaths(turn, all["@odata.id"]), wanted) : undefined;
  };
  const oem = Object.keys(root.Oem ?? {}).join(" ");
  return {
    vendor: chosen.vendor
      ? vendorNamed(chosen.vendor)
      : vendorOf([oem, root.Product, root.Vendor, system.Manufacturer]),
    version: root.RedfishVersion ?? undefined,
    expand: root.ProtocolFeaturesSupported?.ExpandQuery?.NoLinks === true,
    system: path,
    manager: await beside("manager", system.Links?.ManagedBy, root.Managers),
    chassis: await beside("chassis", system.Links?.Chassis, root.Chassis),
    accountService: root.AccountService?.["@odata.id"],
    updateService: root.UpdateService?.["@odata.id"],
  };
}

/** Throws a BmcError that names what there is when the one that the settings name is not among it. */
function choose(
  turn: Turn,
  what: string,
  paths: readonly string[],
  wanted: string | undefined,
): string | undefined {
  if (wanted === undefined) return paths[0];
  const found = paths.find((path) => idOf(path) === wanted);
  if (found !== undefined) return found;
  throw noSuch(turn, what, wanted, paths);
}

function noSuch(turn: Turn, what: string, wanted: string, paths: readonly string[]): BmcError {
  return turn.fail(
    "unsupported",
    `it has no ${what} "${wanted}"; it has: ${paths.map(idOf).join(", ")}`,
  );
}
