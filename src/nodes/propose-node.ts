// The inventory's entry for a machine that was discovered: what it says of itself, the next free addresses of its role, and what
// the operator wishes. Pure; whether the entry is sound is for the loader to say.

import type { Inventory } from "../inventory/schema.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import type { Mac } from "../net/mac.ts";
import { isPlaceholder } from "../net/placeholder.ts";
import type { MachineReport } from "./machine-report.ts";
import { freeProductionAddress, freeProvisioningAddress } from "./propose-address.ts";
import { proposeBmc } from "./propose-bmc.ts";
import { proposeDisk, type WrittenDisk } from "./propose-disk.ts";

export interface NewMachine {
  readonly mac: Mac;
  /** Where it was seen last. */
  readonly address: Ipv4 | undefined;
  /** Undefined where the discovery image has not run on it. */
  readonly report: MachineReport | undefined;
}

/** What an operator says himself; the rest is proposed. */
export interface Wishes {
  readonly profile: string;
  readonly firmware?: string | undefined;
  readonly provisioningAddress?: string | undefined;
  readonly productionAddress?: string | undefined;
  readonly bmcAddress?: string | undefined;
  readonly disk?: WrittenDisk | undefined;
}

export type Entry = Readonly<Record<string, unknown>>;

export type Proposal =
  /** `remarks` say where values come from that an operator should look at. */
  | { readonly entry: Entry; readonly remarks: readonly string[] }
  | { readonly problem: string; readonly next: string };

export function proposeNode(inventory: Inventory, machine: NewMachine, wishes: Wishes): Proposal {
  const profile = inventory.profiles[wishes.profile];
  if (profile === undefined)
    return {
      problem: `there is no profile ${JSON.stringify(wishes.profile)}`,
      next: `name one of the inventory: ${Object.keys(inventory.profiles).join(", ")}`,
    };
  const { mac, address, report } = machine;
  const provisioningAddress =
    wishes.provisioningAddress ?? freeProvisioningAddress(inventory, profile.role, address);
  const productionAddress =
    wishes.productionAddress ?? freeProductionAddress(inventory, profile.role);
  const firmware = wishes.firmware ?? report?.firmware ?? profile.firmware;
  const proposed = report && proposeDisk(report);
  const disk = wishes.disk ?? (profile.disk === undefined ? proposed?.disk : undefined);
  const bmcAddress = wishes.bmcAddress ?? report?.bmc?.address;
  const missing = missingValue([
    ["firmware", firmware, "--firmware"],
    ["provisioning address that is free", provisioningAddress, "--provisioning-address"],
    ["production address that is free", productionAddress, "--production-address"],
    ["BMC address", bmcAddress, "--bmc-address"],
    ["disk", disk ?? profile.disk, "--disk"],
  ]);
  if (missing !== undefined || bmcAddress === undefined)
    return missing ?? { problem: "there is no BMC address", next: "name it with --bmc-address" };
  const bmc = proposeBmc(inventory, wishes.profile, bmcAddress);
  const isProposed = wishes.disk === undefined && disk !== undefined;
  return {
    entry: {
      mac,
      profile: wishes.profile,
      ...identityOf(report),
      ...(firmware !== profile.firmware && { firmware }),
      ...(report?.secureBoot === true && profile.secureBoot !== true && { secureBoot: true }),
      ...{ provisioningAddress, productionAddress },
      ...(disk !== undefined && { disk }),
      bmc: bmc.settings,
    },
    remarks: [
      ...(isProposed && proposed !== undefined ? [`disk: ${proposed.why}`] : []),
      ...(bmc.like === undefined ? [] : [`bmc: user and password as node ${bmc.like} has them`]),
      ...bmc.remarks,
    ],
  };
}

function missingValue(
  values: readonly (readonly [string, unknown, string])[],
): Extract<Proposal, { readonly problem: string }> | undefined {
  const [what, , option] = values.find(([, value]) => value === undefined) ?? [];
  if (what === undefined) return undefined;
  return {
    problem: `nothing says this machine's ${what}`,
    next: `name it with ${option}, or let the machine boot the discovery image (docs/discovery.md)`,
  };
}

/** Serial number and UUID, where they tell this machine from others. */
function identityOf(report: MachineReport | undefined): Entry {
  const { serial, uuid } = report?.system ?? {};
  const hasSerial =
    serial !== undefined &&
    /^[A-Za-z0-9][A-Za-z0-9 ._/-]{0,63}$/.test(serial) &&
    !isPlaceholder(serial);
  const hasUuid =
    uuid !== undefined &&
    /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid) &&
    !isPlaceholder(uuid);
  return { ...(hasSerial && { serial }), ...(hasUuid && { uuid }) };
}
