// Opens what machines talk to on the provisioning network: DHCP, TFTP and the boot plane.
// What they see goes to the timelines.

import type { Logger } from "pino";
import type { Assets } from "../boot/assets.ts";
import { createNetbootPolicy } from "../boot/netboot-policy.ts";
import { createBootPlane } from "../bootplane/app.ts";
import type { Services } from "../bootplane/deps.ts";
import { listenBootPlane } from "../bootplane/listen.ts";
import type { DhcpConfig, DhcpEvent } from "../dhcp/policy.ts";
import { createDhcpServer, inheritedDhcpSocket } from "../dhcp/server.ts";
import { findNodeByMac } from "../inventory/find.ts";
import type { Inventory } from "../inventory/schema.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import type { Mac } from "../net/mac.ts";
import { createTimeline, type Sighting } from "../nodes/timeline.ts";
import type { Store } from "../store/store.ts";
import { createTftpServer } from "../tftp/server.ts";
import type { Rendering } from "./rendering.ts";

export interface NetworkServices {
  services(): Services;
  close(): Promise<void>;
}

export interface NetworkTools {
  readonly inventory: Inventory;
  readonly store: Store;
  readonly assets: Assets;
  readonly rendering: Rendering;
  readonly authorizedKeys: string;
  readonly logger: Logger;
  readonly now: () => number;
}

/** Records what `look` finds; undefined is nothing to record. */
type Record = (look: () => Sighting | undefined) => void;

/** Opens all three, or none: rejects with the reason when one can't be had. */
export async function startNetworkServices(tools: NetworkTools): Promise<NetworkServices> {
  const { inventory, store, now } = tools;
  const record = forgiving(
    createTimeline(store.nodes, (mac) => findNodeByMac(inventory, mac), now),
    tools.logger,
  );
  const dhcp = openDhcp(tools, record);
  const tftp = openTftp(tools, record);
  let http: { status(): Services["http"] } = { status: () => "stopped" };
  const services = (): Services => ({
    dhcp: dhcp.state(),
    tftp: tftp.state().service,
    http: http.status(),
  });
  const app = openBootPlane(tools, record, services);
  const close = async () => {
    // DHCP first: a machine must not be sent to listeners that are gone.
    await dhcp.close();
    await tftp.close();
    await app.close();
  };
  try {
    http = await listenBootPlane(app, inventory.server.address, inventory.server.httpPort);
    await tftp.start();
    await dhcp.start();
  } catch (error) {
    await close();
    throw error;
  }
  return { services, close };
}

/** A store that can't be read or written (a full disk) must not keep a machine from its boot file. */
function forgiving(record: (sighting: Sighting) => void, logger: Logger): Record {
  return (look) => {
    try {
      const sighting = look();
      if (sighting !== undefined) record(sighting);
    } catch (error) {
      logger.error({ err: error }, "event not recorded");
    }
  };
}

function openDhcp(tools: NetworkTools, record: Record) {
  const { inventory, store, rendering, logger, now } = tools;
  const inheritedFd = inheritedDhcpSocket(process.env, process.pid);
  const scriptUrl = `${rendering.server.baseUrl}/boot/ipxe/boot.ipxe`;
  return createDhcpServer({
    interface: inventory.server.interface,
    config: dhcpConfig(inventory),
    policy: createNetbootPolicy({
      inventory,
      scriptUrl,
      onFallback: ({ mac, architectures }, file) =>
        logger.info({ mac, architectures, file }, "fallback loader given"),
    }),
    leases: store.leases,
    onEvent: (event) => recordDhcp(event, record, logger),
    now,
    logger: logger.child({ service: "dhcp" }),
    ...(inheritedFd === undefined ? {} : { inheritedFd }),
  });
}

function dhcpConfig({ server, networks }: Inventory): DhcpConfig {
  const { cidr, gateway, dns, domain, pool, leaseSeconds, maxLeaseSeconds } = networks.provisioning;
  return {
    serverAddress: server.address,
    subnets: [{ cidr, router: gateway, dns, domain, pool }],
    leaseSeconds,
    minLeaseSeconds: 60,
    maxLeaseSeconds,
  };
}

function recordDhcp(event: DhcpEvent, record: Record, logger: Logger): void {
  const { mac, kind, address, facts, bootFile, reason } = event;
  logger.debug(event, "dhcp");
  const detail = {
    ...(bootFile === undefined ? {} : { bootFile }),
    ...(reason === undefined ? {} : { reason }),
  };
  record(() => (mac === undefined ? undefined : { mac, kind, address, facts, detail }));
}

function openTftp({ inventory, assets, store, logger }: NetworkTools, record: Record) {
  return createTftpServer({
    address: inventory.server.address,
    files: async (name) => assets.current().loaders.get(name)?.data,
    onEvent: ({ client, ...transfer }) => {
      logger.debug({ client, ...transfer }, "tftp");
      record(() => {
        const mac = macOf(inventory, store, client);
        return mac && { mac, kind: "tftp-transferred", address: client, detail: transfer };
      });
    },
    now: () => performance.now(),
    logger: logger.child({ service: "tftp" }),
  });
}

function openBootPlane(tools: NetworkTools, record: Record, services: () => Services) {
  const { inventory, store, assets, rendering, authorizedKeys, logger, now } = tools;
  return createBootPlane({
    server: rendering.server,
    scripts: rendering.scripts,
    assets,
    subject: rendering.subject,
    authorizedKeys: () => authorizedKeys,
    clusterConfig: rendering.clusterConfig,
    services,
    onEvent: ({ kind, client, ...detail }) => {
      record(() => {
        const mac = "mac" in detail ? detail.mac : macOf(inventory, store, client as Ipv4);
        return mac && { mac, kind, address: client, detail };
      });
    },
    now,
    logger: logger.child({ service: "http" }),
  });
}

/** Who has an address: the node it is reserved for, else the holder of its lease. Good for a timeline, never for a permission. */
function macOf(inventory: Inventory, store: Store, address: Ipv4): Mac | undefined {
  const node = inventory.nodes.find((candidate) => candidate.provisioningAddress === address);
  return node?.mac ?? store.leases.findByAddress(address)?.mac;
}
