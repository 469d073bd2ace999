// What the site tells its DHCP server: who has which address, and which loader a firmware gets.

import type { Client } from "../dhcp/client.ts";
import type { DhcpPolicy } from "../dhcp/policy.ts";
import { findNodeByMac } from "../inventory/find.ts";
import type { Inventory } from "../inventory/schema.ts";
import { type Loader, loaderFor } from "./firmware.ts";

export interface NetbootPolicyTools {
  readonly inventory: Inventory;
  /** The script that iPXE is sent to. */
  readonly scriptUrl: string;
  /** Hears of every client that was given the fallback loader. */
  readonly onFallback: (client: Client, file: string) => void;
}

/** The policy of a site. A machine in no inventory gets a loader too: its script sends it to its own disk. */
export function createNetbootPolicy(tools: NetbootPolicyTools): DhcpPolicy {
  const { inventory } = tools;
  const owners = new Map(inventory.nodes.map((node) => [node.provisioningAddress, node.mac]));
  return {
    reservation: (mac) => {
      const node = findNodeByMac(inventory, mac);
      return node && { address: node.provisioningAddress, hostName: node.name };
    },
    reservedFor: (address) => owners.get(address),
    bootFile: (client) => {
      const loader = chooseLoader(client, tools.scriptUrl, inventory.boot.fallbackLoader);
      if ("none" in loader) return loader;
      if (loader.fallback) tools.onFallback(client, loader.file);
      return { file: loader.file };
    },
  };
}

/** A firmware may name several architectures, the preferred one first: the first that has a loader is served. */
function chooseLoader(client: Client, scriptUrl: string, fallback: string | undefined): Loader {
  const { ipxe, architectures } = client;
  const offers = (architectures.length === 0 ? [undefined] : architectures).map((arch) =>
    loaderFor({ arch, ipxe }, scriptUrl, fallback),
  );
  const exact = offers.find((offer) => "file" in offer && !offer.fallback);
  return exact ?? offers[0] ?? { none: "the client names no architecture" };
}
