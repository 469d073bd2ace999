// What stands on the rack's provisioning network besides the machines: a router with a DHCP relay, or another DHCP server.
// Each has a network namespace of its own, which goes with its last process and its removal.

import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { addNamespace, spawnInNamespace } from "./network.ts";
import type { InventoryFile } from "./rack-inventory.ts";

/** What stands between the machines and the server. */
export type RackNetwork = "plain" | "relayed" | "foreign-dhcp";

interface NeighbourPlace {
  /** The rack's own namespace, where the server runs. */
  readonly namespace: string;
  /** The neighbour's. */
  readonly neighbour: string;
  /** For logs and leases. */
  readonly directory: string;
}

/** Commands for ip(8), and the inventory that goes with them. */
interface Neighbour {
  readonly links: (place: NeighbourPlace) => readonly string[];
  readonly program: (place: NeighbourPlace, inventory: InventoryFile) => readonly string[];
  readonly inventory: (inventory: InventoryFile) => InventoryFile;
}

/** A cable from the neighbour to the provisioning network. */
const cable = ({ namespace, neighbour }: NeighbourPlace) => [
  `-n ${namespace} link add name prov-near type veth peer name machines netns ${neighbour}`,
  `-n ${namespace} link set prov-near master prov up`,
  `-n ${neighbour} link set lo up`,
  `-n ${neighbour} link set machines up`,
];

const relay: Neighbour = {
  // The server loses its place on the machines' wire: it is behind the router now.
  links: (place) => [
    ...cable(place),
    `-n ${place.neighbour} address add 10.0.100.1/24 dev machines`,
    `-n ${place.namespace} address del 10.0.100.10/24 dev prov`,
    `-n ${place.namespace} link add name server type veth peer name server netns ${place.neighbour}`,
    `-n ${place.namespace} address add 10.0.99.10/24 dev server`,
    `-n ${place.namespace} link set server up`,
    `-n ${place.neighbour} address add 10.0.99.1/24 dev server`,
    `-n ${place.neighbour} link set server up`,
    `-n ${place.namespace} route add 10.0.100.0/24 via 10.0.99.1`,
  ],
  program: () => [
    ...["sh", "-c", 'echo 1 > /proc/sys/net/ipv4/ip_forward; exec "$@"', "sh"],
    ...["dhcrelay", "-4", "-d", "-a", "-id", "machines", "-iu", "server", "10.0.99.10"],
  ],
  inventory: (inventory) => {
    const { pool, ...machines } = inventory.networks.provisioning;
    return {
      ...inventory,
      server: { ...inventory.server, address: "10.0.99.10", interface: "server" },
      networks: {
        ...inventory.networks,
        provisioning: { ...machines, cidr: "10.0.99.0/24", gateway: "10.0.99.1" },
      },
      dhcp: { subnets: { machines: { ...machines, ...(pool !== undefined && { pool }) } } },
    };
  },
};

const foreignDhcp: Neighbour = {
  links: (place) => [
    ...cable(place),
    `-n ${place.neighbour} address add 10.0.100.2/24 dev machines`,
  ],
  program: ({ directory }, { nodes }) => [
    ...["dnsmasq", "--keep-in-foreground", "--no-daemon", "--conf-file=/dev/null", "--port=0"],
    ...["--log-dhcp", "--interface=machines", "--bind-interfaces", "--user=root"],
    ...["--dhcp-range=10.0.100.100,10.0.100.200,255.255.255.0,10m", "--dhcp-authoritative"],
    ...["--dhcp-option=option:router,10.0.100.1", `--dhcp-leasefile=${join(directory, "leases")}`],
    ...Object.values(nodes).map(
      ({ mac, provisioningAddress }) => `--dhcp-host=${mac},${provisioningAddress}`,
    ),
  ],
  inventory: (inventory) => {
    // A network whose addresses another server gives has no pool.
    const { pool: _, ...provisioning } = inventory.networks.provisioning;
    return {
      ...inventory,
      networks: { ...inventory.networks, provisioning: { ...provisioning, mode: "proxy" } },
    };
  },
};

/** The neighbour of that network; undefined where there is none. */
export function neighbourOf(network: RackNetwork): Neighbour | undefined {
  if (network === "plain") return undefined;
  return network === "relayed" ? relay : foreignDhcp;
}

/** The namespace of the neighbour of a rack, whether it has one or not. */
export function neighbourNamespace(namespace: string): string {
  return `${namespace}-near`;
}

/** Connects the neighbour to the rack and starts its program; both live until its namespace is removed. */
export function addNeighbour(
  { links, program }: Neighbour,
  namespace: string,
  directory: string,
  inventory: InventoryFile,
): void {
  const place = { namespace, neighbour: neighbourNamespace(namespace), directory };
  addNamespace(place.neighbour, links(place));
  const log = openSync(join(directory, "neighbour.log"), "a");
  const argv = program(place, inventory);
  spawnInNamespace(place.neighbour, argv, {
    stdio: ["ignore", log, log],
    detached: true,
  }).unref();
  closeSync(log);
}
