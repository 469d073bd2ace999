// Opens what machines talk to on every served interface: DHCP, TFTP and the boot plane.
// What they see goes to the timelines.

import type { Socket } from "node:dgram";
import { join } from "node:path";
import type { Logger } from "pino";
import type { Assets } from "../boot/assets.ts";
import type { ImageCache } from "../boot/image-cache.ts";
import type { LoaderConfigs } from "../boot/loader-config.ts";
import { shownName } from "../boot/virtual-files.ts";
import { createBootPlane } from "../bootplane/app.ts";
import type { BootPlaneDeps, ServiceStatus, Services } from "../bootplane/deps.ts";
import { type Listening, listenBootPlane } from "../bootplane/listen.ts";
import { type DhcpSighting, isOfNetwork } from "../dhcp/event-digest.ts";
import { downloadRate } from "../inventory/download-rate.ts";
import { findNodeByMac } from "../inventory/find.ts";
import { servedInterfaces } from "../inventory/networks.ts";
import type { Inventory } from "../inventory/schema.ts";
import { inheritedSockets } from "../net/inherited-sockets.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import { createTimeline, type Sighting } from "../nodes/timeline.ts";
import type { Store } from "../store/store.ts";
import { adoptTftpSocket } from "../tftp/listening-socket.ts";
import { createTftpServer, type TftpEvent } from "../tftp/server.ts";
import { type AddressHolders, createAddressHolders } from "./address-holders.ts";
import { assetStatus, assetTrouble } from "./asset-checks.ts";
import { sightingOfBoot } from "./boot-sightings.ts";
import { type DhcpService, startDhcpService } from "./dhcp-service.ts";
import { oncePerMinute } from "./once-per-minute.ts";
import { createRecorder, type Recorder } from "./recorder.ts";
import type { Rendering } from "./rendering.ts";
import type { ServedScripts } from "./served-scripts.ts";
import { createTftpFiles } from "./tftp-files.ts";

export interface NetworkServices {
  services(): Services;
  readonly dhcp: Pick<DhcpService, "counts" | "foreignServers" | "poolUse" | "leases">;
  close(): Promise<void>;
}

export interface NetworkTools {
  readonly inventory: Inventory;
  readonly store: Store;
  readonly assets: Assets;
  readonly images: ImageCache;
  readonly rendering: Rendering;
  readonly configs: LoaderConfigs;
  readonly authorizedKeys: string;
  readonly nonceKey: string;
  readonly installerHostKey: BootPlaneDeps["installerHostKey"];
  readonly servedScripts: Pick<ServedScripts, "keep">;
  readonly logger: Logger;
  readonly now: () => number;
  /** A service has ended by a fault; the server can't go on without it. */
  readonly onFault: (error: Error) => void;
}

interface Observers {
  readonly record: Recorder["record"];
  readonly holders: AddressHolders;
}

/** Opens all three, or none: rejects with the reason when one can't be had. */
export async function startNetworkServices(tools: NetworkTools): Promise<NetworkServices> {
  const { inventory, store, now } = tools;
  const write = createTimeline(store.nodes, (mac) => findNodeByMac(inventory, mac), now);
  const recorder = createRecorder(store, write, tools.logger);
  const observers = { record: recorder.record, holders: createAddressHolders(inventory) };
  let dhcp: DhcpService | undefined;
  const addresses = servedInterfaces(inventory).map(({ address }) => address);
  const passed = await inheritedTftpSockets(addresses);
  const tftp = addresses.map((address) => openTftp(tools, observers, address, passed.get(address)));
  const listening: Listening[] = [];
  const services = (): Services => ({
    dhcp: dhcp?.state() ?? "stopped",
    tftp: worst(tftp.map((server) => server.state().service)),
    http:
      listening.length === 0
        ? "stopped"
        : worst([...listening.map((http) => http.status()), assetStatus(tools.assets.current())]),
  });
  const trouble = () => dhcp?.trouble() ?? assetTrouble(tools.assets.current());
  const health = { services, trouble };
  const apps = addresses.map((address) => ({
    address,
    app: openBootPlane(tools, observers, health, address),
  }));
  const close = async () => {
    // DHCP first: a machine must not be sent to listeners that are gone.
    await dhcp?.close();
    await Promise.all(tftp.map((server) => server.close()));
    await Promise.all(apps.map(({ app }) => app.close()));
    recorder.close();
  };
  try {
    for (const { app, address } of apps)
      listening.push(await listenBootPlane(app, address, inventory.server.httpPort));
    for (const server of tftp) await server.start();
    dhcp = await openDhcp(tools, observers);
    // Machines that were given their address before a restart of this server ask on.
    for (const { address, mac, state } of await dhcp.leases())
      if (state === "bound" && findNodeByMac(inventory, mac) !== undefined)
        observers.holders.note(address, mac);
  } catch (error) {
    await close();
    throw error;
  }
  return { services, dhcp, close };
}

/** A service that fails on one interface fails the machines there. */
function worst(statuses: readonly ServiceStatus[]): ServiceStatus {
  return statuses.find((status) => status !== "running") ?? "running";
}

function openDhcp(
  { inventory, logger, now, onFault }: NetworkTools,
  { record, holders }: Observers,
): Promise<DhcpService> {
  const log = logger.child({ service: "dhcp" });
  const data = {
    inventory,
    leaseFile: join(inventory.server.stateDirectory, "leases.db"),
    inheritedFds: inheritedSockets("dhcp", process.env, process.pid),
  };
  const warnOfExhaustion = oncePerMinute(now, (reason) =>
    log.warn({ reason }, "a pool is exhausted: widen it, or shorten its leases"),
  );
  const onSightings = (sightings: readonly DhcpSighting[]) => {
    for (const sighting of sightings) {
      const { kind, mac, address, reason = "" } = sighting;
      if (kind === "dhcp-pool-exhausted") warnOfExhaustion(reason);
      if (kind === "dhcp-acknowledged" && mac !== undefined && address !== undefined)
        holders.note(address, mac);
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

/** By the served address that each is bound to. */
async function inheritedTftpSockets(addresses: readonly Ipv4[]) {
  const sockets = new Map<Ipv4, Socket>();
  for (const fd of inheritedSockets("tftp", process.env, process.pid)) {
    const adopted = await adoptTftpSocket(fd);
    const served = addresses.find((address) => address === adopted.address);
    if (served === undefined)
      throw new Error(
        `the TFTP socket that was passed in is bound to ${adopted.address}, which is no address of this server in the inventory: set ListenDatagram=${addresses[0]}:69 in its .socket unit`,
      );
    sockets.set(served, adopted.socket);
  }
  return sockets;
}

function openTftp(
  tools: NetworkTools,
  { record, holders }: Observers,
  address: Ipv4,
  socket: Socket | undefined,
) {
  const { inventory, assets, images, rendering, configs, authorizedKeys, logger, now } = tools;
  const log = logger.child({ service: "tftp" });
  return createTftpServer({
    address,
    ...(socket && { socket }),
    files: createTftpFiles({
      ...{ assets, images, configs, holders, now, logger: log },
      subject: rendering.subject,
      addresses: holders,
      nonceKey: tools.nonceKey,
      installerHostKey: tools.installerHostKey,
      authorizedKeys: () => authorizedKeys,
      menuUrl: `${rendering.serverAt(address).baseUrl}/boot/ipxe/boot.ipxe`,
      onEvent: (event) => record(sightingOfBoot(event, holders)),
    }),
    shown: shownName,
    onEvent: ({ client, ...transfer }) => {
      log.debug({ client, ...transfer }, "tftp");
      const mac = holders.find(client);
      if (mac !== undefined)
        record([
          {
            mac,
            kind: "tftp-transferred",
            about: aboutTftp(transfer),
            address: client,
            detail: transfer,
          },
        ]);
    },
    now: () => performance.now(),
    logger: log,
    limits: inventory.server.tftp,
  });
}

/** A name that is not served is its sender's choice. */
function aboutTftp({ file, outcome }: Pick<TftpEvent, "file" | "outcome">): string | undefined {
  return outcome === "not-found" || outcome === "refused" ? undefined : file;
}

function openBootPlane(
  tools: NetworkTools,
  { record, holders }: Observers,
  health: Pick<BootPlaneDeps, "services" | "trouble">,
  address: Ipv4,
) {
  const { inventory, assets, images, rendering, authorizedKeys, servedScripts, logger, now } =
    tools;
  const leastBytesPerSecond = inventory.server.leastDownloadKiBPerSecond * 1024;
  const deps: BootPlaneDeps = {
    // A machine is sent on to the address that it came to: it may reach no other.
    server: rendering.serverAt(address),
    scripts: rendering.scripts,
    assets,
    images,
    subject: rendering.subject,
    addresses: holders,
    nonceKey: tools.nonceKey,
    installerHostKey: tools.installerHostKey,
    onServed: ({ name }, script) => {
      try {
        servedScripts.keep(name, script);
      } catch (error) {
        logger.error({ err: error, node: name }, "the served script was not kept");
      }
    },
    authorizedKeys: () => authorizedKeys,
    clusterConfig: rendering.clusterConfig,
    downloadRate: (client) => downloadRate(inventory, holders.find(client as Ipv4)),
    ...health,
    onEvent: (event) => record(sightingOfBoot(event, holders)),
    now,
    logger: logger.child({ service: "http" }),
  };
  return createBootPlane(deps, { leastBytesPerSecond });
}
