// The address that a new node of a role gets: the next one behind those that its role has. Pure; it asks no network.

import {
  bootNetworks,
  excludedRanges,
  poolRanges,
  servedInterfaces,
} from "../inventory/networks.ts";
import type { Inventory, Role } from "../inventory/schema.ts";
import { type Cidr, cidrContains, directedBroadcast } from "../net/cidr.ts";
import { type Ipv4, ipv4FromNumber, ipv4ToNumber } from "../net/ipv4.ts";
import { rangeContains } from "../net/ipv4-range.ts";

/** In the network that machines boot in where `seenAt` lies, or the provisioning network; undefined when that is full. */
export function freeProvisioningAddress(
  inventory: Inventory,
  role: Role,
  seenAt: Ipv4 | undefined,
): Ipv4 | undefined {
  const networks = bootNetworks(inventory);
  const home = networks.find(
    ({ settings }) => seenAt !== undefined && cidrContains(settings.cidr, seenAt),
  );
  const { cidr } = home?.settings ?? inventory.networks.provisioning;
  const addresses = inventory.nodes.map((node) => ({
    role: node.role,
    address: node.provisioningAddress,
  }));
  return nextFree(inventory, cidr, role, addresses);
}

export function freeProductionAddress(inventory: Inventory, role: Role): Ipv4 | undefined {
  const addresses = inventory.nodes.map((node) => ({
    role: node.role,
    address: node.productionAddress,
  }));
  return nextFree(inventory, inventory.networks.production.cidr, role, addresses);
}

interface RoleAddress {
  readonly role: Role;
  readonly address: Ipv4;
}

/** Behind the last of the role, else behind the last of all; at the network's end it goes on at its beginning. */
function nextFree(
  inventory: Inventory,
  cidr: Cidr,
  role: Role,
  addresses: readonly RoleAddress[],
): Ipv4 | undefined {
  const here = addresses.filter(({ address }) => cidrContains(cidr, address));
  const ofRole = here.filter((each) => each.role === role);
  const after = (ofRole.length > 0 ? ofRole : here).map(({ address }) => ipv4ToNumber(address));
  const isTaken = takenIn(inventory);
  const first = ipv4ToNumber(cidr.network) + 1;
  const last = ipv4ToNumber(directedBroadcast(cidr)) - 1;
  const start = Math.max(first, ...after.map((number) => number + 1));
  // No network is larger than what a server could ever be asked to look through.
  const most = Math.min(last - first + 1, 65_536);
  for (let step = 0; step < most; step++) {
    const number = first + ((start - first + step) % (last - first + 1));
    const address = ipv4FromNumber(number);
    if (!isTaken(address)) return address;
  }
  return undefined;
}

/** Whether somebody has the address, or DHCP may give it to anybody. */
function takenIn(inventory: Inventory): (address: Ipv4) => boolean {
  const networks = bootNetworks(inventory).map(({ settings }) => settings);
  const { production, management } = inventory.networks;
  const taken = new Set<Ipv4 | undefined>([
    ...inventory.nodes.flatMap((node) => [
      node.provisioningAddress,
      node.productionAddress,
      node.bmc.address,
    ]),
    ...servedInterfaces(inventory).map(({ address }) => address),
    ...networks.flatMap(({ gateway, dns, ntp, routes }) => [
      gateway,
      ...dns,
      ...ntp,
      ...routes.map(({ via }) => via),
    ]),
    ...[production.gateway, ...production.dns, ...Object.values(production.vips)],
    management.gateway,
  ]);
  return (address) =>
    taken.has(address) ||
    networks.some(
      (settings) =>
        poolRanges(settings).some((range) => rangeContains(range, address)) &&
        !excludedRanges(settings).some((range) => rangeContains(range, address)),
    );
}
