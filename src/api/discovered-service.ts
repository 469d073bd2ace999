// Answers what is known of machines in no inventory.

import { findNodeByMac, retiredAs } from "../inventory/find.ts";
import type { LiveInventory } from "../inventory/live.ts";
import type { Inventory } from "../inventory/schema.ts";
import { parseMac } from "../net/mac.ts";
import type { MachineReport } from "../nodes/machine-report.ts";
import type { Discovered, NodeStore } from "../nodes/ports.ts";
import type { DiscoveredView, DiscoveryView, MachineSummary } from "./discovered-shapes.ts";
import { Refusal } from "./service.ts";

export interface DiscoveredTools {
  readonly inventory: LiveInventory;
  readonly nodes: Pick<NodeStore, "discovered" | "discovery">;
}

export interface DiscoveredService {
  /** Machines that are in no inventory now, those last heard first. */
  discovered(): readonly DiscoveredView[];
  /** All that is known of one, also when it was accepted since. */
  discovery(mac: string): DiscoveryView;
}

export function createDiscoveredService({ inventory, nodes }: DiscoveredTools): DiscoveredService {
  return {
    discovered: () =>
      nodes
        .discovered()
        .filter(({ mac }) => findNodeByMac(inventory(), mac) === undefined)
        .map((found) => viewOf(found, inventory())),
    discovery(text) {
      const mac = parseMac(text);
      const found = mac && nodes.discovery(mac);
      if (found === undefined)
        throw new Refusal(
          "unknown",
          mac === undefined ? `${text} is no MAC address` : `no machine ${mac} was discovered`,
          "see what was: rackstrap discovered",
        );
      const node = findNodeByMac(inventory(), found.mac)?.name;
      return {
        ...viewOf(found, inventory()),
        ...(node !== undefined && { node }),
        reports: found.reports,
      };
    },
  };
}

function viewOf(found: Discovered, inventory: Inventory): DiscoveredView {
  const retired = retiredAs(inventory, found.mac);
  const { mac, firstSeenMs, lastSeenMs, address, facts, report, waitingMs } = found;
  return {
    ...{ mac, firstSeenMs, lastSeenMs, facts },
    ...(address !== undefined && { address }),
    ...(report !== undefined && { machine: summaryOf(report.machine) }),
    ...(waitingMs !== undefined && { waitingMs }),
    ...(retired !== undefined && { retired }),
  };
}

function summaryOf({ system, cpu, memoryBytes, disks, ...report }: MachineReport): MachineSummary {
  const { vendor, product, serial } = system;
  return {
    ...{ vendor, product, serial, cpu: cpu.model, threads: cpu.threads, memoryBytes },
    disks: disks.map(({ name, sizeBytes }) => ({ name, sizeBytes })),
    switchPort: switchPortOf(report),
  };
}

function switchPortOf({ nics, bootMac }: Pick<MachineReport, "nics" | "bootMac">) {
  const connected = nics.filter(({ neighbour }) => neighbour !== undefined);
  const { neighbour } = connected.find(({ mac }) => mac === bootMac) ?? connected[0] ?? {};
  if (neighbour === undefined) return undefined;
  const device = neighbour.system ?? neighbour.chassis ?? "?";
  return `${device} ${neighbour.port ?? neighbour.portDescription ?? "?"}`;
}
