// Opens DHCP, and takes what it saw to the log and to the timelines.

import { join } from "node:path";
import type { Logger } from "pino";
import { type DhcpSighting, isOfNetwork } from "../dhcp/event-digest.ts";
import { inheritedSockets } from "../net/inherited-sockets.ts";
import type { Sighting } from "../nodes/timeline.ts";
import { type DhcpService, startDhcpService } from "./dhcp-service.ts";
import { loaderNames } from "./loader-watch.ts";
import type { NetworkTools, Observers } from "./network-tools.ts";
import { oncePerMinute } from "./once-per-minute.ts";

/** Rejects as startDhcpService does. */
export async function openDhcp(
  { inventory, assets, logger, now, onFault }: NetworkTools,
  record: Observers["record"],
): Promise<DhcpService> {
  const log = logger.child({ service: "dhcp" });
  const data = {
    inventory: inventory(),
    leaseFile: join(inventory().server.stateDirectory, "leases.db"),
    inheritedFds: inheritedSockets("dhcp", process.env, process.pid),
    loaders: loaderNames(await assets.loaders()),
  };
  const warnOfExhaustion = oncePerMinute(now, (reason) =>
    log.warn({ reason }, "a pool is exhausted: widen it, or shorten its leases"),
  );
  const onSightings = (sightings: readonly DhcpSighting[]) => {
    for (const sighting of sightings) {
      const { kind, reason = "" } = sighting;
      if (kind === "dhcp-pool-exhausted") warnOfExhaustion(reason);
      logDhcp(sighting, log);
    }
    record(sightings.flatMap(sightingOfDhcp));
  };
  const onWarning = (message: string) => log.warn(message);
  const onStoring = (failure: string | undefined) => {
    if (failure === undefined) log.info("leases can be stored again");
    else log.error({ reason: failure }, "only machines with a reservation get an address");
  };
  return startDhcpService(data, { onSightings, onWarning, onStoring, onFault }, now);
}

function logDhcp(sighting: DhcpSighting, log: Logger): void {
  const { kind, bootFile, reason } = sighting;
  if (isOfNetwork(kind)) log.error(sighting, "dhcp");
  // A remark on a boot file that was given, such as that it is the fallback.
  else if (bootFile !== undefined && reason !== undefined) log.info(sighting, "dhcp");
  else log.debug(sighting, "dhcp");
}

/** What can't be read as far as its sender is counted and no more. */
function sightingOfDhcp(sighting: DhcpSighting): Sighting[] {
  const { mac, kind, address, interface: device, facts, bootFile, reason } = sighting;
  if (mac === undefined && !isOfNetwork(kind)) return [];
  const detail = {
    ...(device === undefined ? {} : { interface: device }),
    ...(bootFile === undefined ? {} : { bootFile }),
    ...(reason === undefined ? {} : { reason }),
  };
  return [{ mac, kind, address, facts, detail }];
}
