// Builds the boot plane for one address, and takes what it gave to the timelines.

import { createBootPlane } from "../bootplane/app.ts";
import type { BootPlaneDeps } from "../bootplane/deps.ts";
import { downloadRate } from "../inventory/download-rate.ts";
import { findNodeByIdentity } from "../inventory/find.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import type { NetworkTools, Observers } from "./network-tools.ts";

/** It listens when it is told to. */
export function openBootPlane(
  tools: NetworkTools,
  { onBoot, holders, keysLedger }: Observers,
  health: Pick<BootPlaneDeps, "services" | "trouble">,
  address: Ipv4,
) {
  const { inventory, store, assets, images, rendering, discoveryBoots } = tools;
  const { authorizedKeys, servedScripts, logger, now } = tools;
  const leastBytesPerSecond = inventory().server.leastDownloadKiBPerSecond * 1024;
  const deps: BootPlaneDeps = {
    // A machine is sent on to the address that it came to: it may reach no other.
    server: rendering.serverAt(address),
    scripts: rendering.scripts,
    assets,
    images,
    subject: rendering.subject,
    addresses: holders,
    ...{ keysLedger, nonceKey: tools.nonceKey },
    installerHostKey: tools.installerHostKey,
    onServed: ({ name }, stage, text) => servedScripts.keep(name, stage, text),
    authorizedKeys: () => authorizedKeys,
    clusterConfig: rendering.clusterConfig,
    downloadRate: (client) => downloadRate(inventory(), holders.find(client as Ipv4)),
    ...health,
    isInventoryRefused: tools.isInventoryRefused,
    onEvent: onBoot,
    discovery: {
      allowed: () => inventory().discovery.boot,
      ownerOf: ({ system }) => findNodeByIdentity(inventory(), system)?.name,
      report: (from, machine) => {
        store.nodes.reportMachine(from, machine);
        discoveryBoots.reported(machine.bootMac);
      },
      waiting: store.nodes.noteWaiting,
    },
    now,
    logger: logger.child({ service: "http" }),
  };
  return createBootPlane(deps, { leastBytesPerSecond });
}
