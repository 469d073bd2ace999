// Opens what machines talk to on every served interface: DHCP, TFTP and the boot plane.
// What they see goes to the timelines.

import type { BootPlaneEvent, ServiceStatus, Services } from "../bootplane/deps.ts";
import { type Listening, listenBootPlane } from "../bootplane/listen.ts";
import { findNodeByMac } from "../inventory/find.ts";
import { servedInterfaces } from "../inventory/networks.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import { createTimeline } from "../nodes/timeline.ts";
import { createAddressHolders } from "./address-holders.ts";
import { assetStatus, assetTrouble } from "./asset-checks.ts";
import { sightingOfBoot } from "./boot-sightings.ts";
import type { DhcpService } from "./dhcp-service.ts";
import { createKeysLedger } from "./keys-ledger.ts";
import type { NetworkTools } from "./network-tools.ts";
import { openBootPlane } from "./open-boot-plane.ts";
import { openDhcp } from "./open-dhcp.ts";
import { inheritedTftpSockets, openTftp } from "./open-tftp.ts";
import { createRecorder } from "./recorder.ts";
import { createSharedReads, readWhole } from "./shared-reads.ts";

export interface NetworkServices {
  services(): Services;
  readonly dhcp: Pick<
    DhcpService,
    "counts" | "foreignServers" | "poolUse" | "leases" | "setLoaders" | "setInventory"
  >;
  close(): Promise<void>;
}

/** Opens all three, or none: rejects with the reason when one can't be had. */
export async function startNetworkServices(tools: NetworkTools): Promise<NetworkServices> {
  const { inventory, store, now } = tools;
  const write = createTimeline(store.nodes, (mac) => findNodeByMac(inventory(), mac), now);
  const recorder = createRecorder(store, write, tools.logger);
  let dhcp: DhcpService | undefined;
  const leaseAt = (address: Ipv4) => dhcp?.leaseAt(address);
  const holders = createAddressHolders(inventory, leaseAt, monotonicMs);
  const { record } = recorder;
  const onBoot = (event: BootPlaneEvent) => {
    if (event.kind === "boot-script-served" && event.plan === "discovery")
      tools.discoveryBoots.given(event.mac, now());
    record(sightingOfBoot(event, holders));
  };
  const observers = { record, onBoot, holders, keysLedger: createKeysLedger(store) };
  const addresses = servedInterfaces(inventory()).map(({ address }) => address);
  const passed = await inheritedTftpSockets(addresses);
  const reads = createSharedReads(readWhole);
  const tftp = addresses.map((address) =>
    openTftp({ ...tools, reads }, observers, address, passed.get(address)),
  );
  const listening: Listening[] = [];
  const services = (): Services => ({
    dhcp: dhcp?.state() ?? "stopped",
    tftp: worst(tftp.map((server) => server.state().service)),
    http:
      listening.length === 0
        ? "stopped"
        : worst([
            ...listening.map((http) => http.status()),
            assetStatus(tools.assets.current()),
            imageTrouble() === undefined ? "running" : "degraded",
          ]),
  });
  const imageTrouble = (): string | undefined =>
    planes.map((plane) => plane.trouble()).find((why) => why !== undefined);
  const trouble = (): string | undefined =>
    dhcp?.trouble() ?? assetTrouble(tools.assets.current()) ?? imageTrouble();
  const health = { services, trouble };
  const planes = addresses.map((address) => ({
    address,
    ...openBootPlane(tools, observers, health, address),
  }));
  const close = async () => {
    // DHCP first: a machine must not be sent to listeners that are gone.
    await dhcp?.close();
    await Promise.all(tftp.map((server) => server.close()));
    await Promise.all(planes.map(({ app }) => app.close()));
    recorder.close();
  };
  try {
    // DHCP first here too: it knows whose the addresses are, and a machine that is half-way through its boot must not be taken for
    // a stranger. One that finds no listener yet asks again.
    dhcp = await openDhcp(tools, recorder.record);
    for (const plane of planes)
      listening.push(await listenBootPlane(plane, plane.address, inventory().server.httpPort));
    for (const server of tftp) await server.start();
  } catch (error) {
    await close();
    throw error;
  }
  return { services, dhcp, close };
}

/** CLOCK_MONOTONIC, the clock of leases. */
const monotonicMs = () => Number(process.hrtime.bigint() / 1_000_000n);

/** A service that fails on one interface fails the machines there. */
function worst(statuses: readonly ServiceStatus[]): ServiceStatus {
  return statuses.find((status) => status !== "running") ?? "running";
}
