// The reservations of the old configuration as entries of the inventory's nodes, made to keep its rules. Pure.

import { cidrContains } from "../../net/cidr.ts";
import type { Ipv4 } from "../../net/ipv4.ts";
import type { Mac } from "../../net/mac.ts";
import type { HostFacts, OldHost, OldNetwork } from "./model.ts";
import type { Note } from "./source.ts";

/** What of a node the old configuration knows. */
export interface NodeEntry extends HostFacts {
  readonly mac: Mac;
  readonly provisioningAddress?: Ipv4;
}

/** Each machine once, each name once, each address once; what had to give way is noted. */
export function carryNodes(
  hosts: readonly OldHost[],
  networks: readonly OldNetwork[],
): { readonly nodes: ReadonlyMap<string, NodeEntry>; readonly notes: readonly Note[] } {
  const nodes = new Map<string, NodeEntry>();
  const byMac = new Map<Mac, string>();
  const byAddress = new Map<Ipv4, string>();
  const notes: Note[] = [];
  for (const host of hosts) {
    const { mac, place } = host;
    const what = `host ${host.name ?? mac}`;
    const note = (instead: string) => notes.push({ place, what, instead });
    const [address, ...others] = placedFirst(host.addresses, networks);
    const sameMac = byMac.get(mac);
    const sameAddress = address === undefined ? undefined : byAddress.get(address);
    if (sameMac !== undefined)
      note(
        `${mac} is node ${sameMac} already, and a node has one provisioningAddress; not carried over: ${host.addresses.join(", ") || "none"}`,
      );
    else if (sameAddress !== undefined)
      note(
        `${address} is the provisioningAddress of node ${sameAddress} already, and a node has one mac; not carried over: ${mac}`,
      );
    else {
      const name = nodeName(host, nodes, note);
      // A list of machines alone has no networks, and its addresses are what there is to go by.
      const reachable =
        address !== undefined && (networks.length === 0 || isPlaced(address, networks));
      if (address !== undefined && !reachable)
        note(
          `${address} lies in none of the networks: declare the network, or choose another address`,
        );
      if (others.length > 0)
        note(
          `a node has one provisioningAddress, ${address}; not carried over: ${others.join(", ")}`,
        );
      nodes.set(name, {
        mac,
        ...(reachable ? { provisioningAddress: address } : {}),
        ...host.facts,
      });
      byMac.set(mac, name);
      if (reachable) byAddress.set(address, name);
    }
  }
  return { nodes, notes };
}

function placedFirst(addresses: readonly Ipv4[], networks: readonly OldNetwork[]): Ipv4[] {
  return addresses.toSorted(
    (a, b) => Number(isPlaced(b, networks)) - Number(isPlaced(a, networks)),
  );
}

function isPlaced(address: Ipv4, networks: readonly OldNetwork[]): boolean {
  return networks.some(({ cidr }) => cidrContains(cidr, address));
}

/** The host's own name without its domain; `node-` and the MAC where it has none that can be one here. */
function nodeName(
  { name, mac }: OldHost,
  taken: ReadonlyMap<string, NodeEntry>,
  note: (instead: string) => void,
): string {
  const written = (name ?? "").split(".")[0]?.toLowerCase() ?? "";
  const label = toLabel(written) ?? `node-${mac.replaceAll(":", "")}`;
  const unique = uniqueLabel(label, (other) => taken.has(other));
  if (name !== undefined && unique !== written)
    note(`it is node ${unique} here: rename it if you like`);
  return unique;
}

/** The text as a host name, or undefined when nothing of it can be one. */
export function toLabel(text: string): string | undefined {
  const label = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, 60)
    .replaceAll(/^-+|-+$/g, "");
  return label === "" ? undefined : label;
}

/** The label itself, or with the first number behind it that is not taken. */
export function uniqueLabel(label: string, isTaken: (label: string) => boolean): string {
  if (!isTaken(label)) return label;
  let number = 2;
  while (isTaken(`${label.slice(0, 56)}-${number}`)) number++;
  return `${label.slice(0, 56)}-${number}`;
}
