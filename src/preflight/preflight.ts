// The runbook's checklists 4.1 to 4.6 as code: everything that can be looked at from the provisioning server.

import type { Inventory } from "../inventory/schema.ts";
import { messageOf } from "../net/error-text.ts";
import { checkBmcs } from "./bmcs.ts";
import { checkClock } from "./clock.ts";
import { checkDiskSpace } from "./disk-space.ts";
import { checkFirewall } from "./firewall.ts";
import { checkFlake } from "./flake.ts";
import { checkInterfaces } from "./interfaces.ts";
import { checkKeyOwner } from "./key-owner.ts";
import { type Area, areas, type CheckLine, error } from "./line.ts";
import { checkNames } from "./names.ts";
import { checkPorts } from "./ports.ts";
import { checkRecords } from "./records.ts";
import { checkRelays } from "./relays.ts";
import type { Surroundings } from "./surroundings.ts";
import { checkWorkstation } from "./workstation.ts";

export interface PreflightOptions {
  /** The server runs here and holds its ports. */
  readonly running: boolean;
  /** Also try well-known passwords on the BMCs. */
  readonly tryDefaults: boolean;
  /** Absent: all areas. */
  readonly only?: Area | undefined;
}

interface Check {
  readonly area: Area;
  readonly name: string;
  readonly run: () => readonly CheckLine[] | Promise<readonly CheckLine[]>;
}

/** All checks at the same time; `onDone` is told each one that ended, for those who wait. One that breaks is a line of its own. */
export async function preflight(
  inventory: Inventory,
  surroundings: Surroundings,
  options: PreflightOptions,
  onDone: (name: string) => void = () => undefined,
): Promise<readonly CheckLine[]> {
  const { only } = options;
  const chosen = checksOf(inventory, surroundings, options).filter(
    ({ area }) => only === undefined || area === only,
  );
  const lines = await Promise.all(
    chosen.map(async ({ area, name, run }) => {
      try {
        return await run();
      } catch (cause) {
        const next = "see to what it says; the other checks do not depend on it";
        return [error({ area, title: name }, `could not be checked: ${messageOf(cause)}`, next)];
      } finally {
        onDone(name);
      }
    }),
  );
  return lines.flat().toSorted((a, b) => areas.indexOf(a.area) - areas.indexOf(b.area));
}

function checksOf(
  inventory: Inventory,
  surroundings: Surroundings,
  { running, tryDefaults }: PreflightOptions,
): readonly Check[] {
  const ports: Check = {
    area: "boot-server",
    name: "ports",
    run: () => checkPorts(inventory, surroundings),
  };
  return [
    { area: "hardware", name: "BMCs", run: () => checkBmcs(inventory, surroundings, tryDefaults) },
    { area: "hardware", name: "records", run: () => checkRecords(inventory) },
    { area: "network", name: "interfaces", run: () => checkInterfaces(inventory, surroundings) },
    { area: "network", name: "relays", run: () => checkRelays(inventory, surroundings) },
    { area: "network", name: "DNS", run: () => checkNames(inventory, surroundings) },
    { area: "network", name: "clock", run: () => checkClock(inventory, surroundings) },
    { area: "network", name: "firewall", run: () => checkFirewall(inventory, surroundings) },
    ...(running ? [] : [ports]),
    { area: "boot-server", name: "disk space", run: () => checkDiskSpace(inventory, surroundings) },
    { area: "nodes", name: "flake", run: async () => [await checkFlake(inventory, surroundings)] },
    { area: "tls", name: "owner of the keys", run: () => checkKeyOwner(inventory) },
    { area: "workstation", name: "tools", run: () => checkWorkstation(inventory, surroundings) },
  ];
}
