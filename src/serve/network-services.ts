// Opens what machines talk to on every served interface: DHCP, TFTP and the boot plane.
// What they see goes to the timelines.

import type { ServiceStatus, Services } from "../bootplane/deps.ts";
import { type Listening, listenBootPlane } from "../bootplane/listen.ts";
import { findNodeByMac } from "../inventory/find.ts";
import { servedInterfaces } from "../inventory/networks.ts";
import { createTimeline } from "../nodes/timeline.ts";
import { createAddressHolders } from "./address-holders.ts";
import { assetStatus, assetTrouble } from "./asset-checks.ts";
import type { DhcpService } from "./dhcp-service.ts";
import type { NetworkTools } from "./network-tools.ts";
import { openBootPlane } from "./open-boot-plane.ts";
import { openDhcp } from "./open-dhcp.ts";
import { inheritedTftpSockets, openTftp } from "./open-tftp.ts";
import { createRecorder } from "./recorder.ts";

export interface NetworkServices {
  services(): Services;
  readonly dhcp: Pick<DhcpService, "counts" | "foreignServers" | "poolUse" | "leases">;
  close(): Promise<void>;
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
