// Finds declared nodes by what people and machines call them.

import type { Mac } from "../net/mac.ts";
import { parseMac } from "../net/mac.ts";
import { isPlaceholder } from "../net/placeholder.ts";
import { oncePer } from "./live.ts";
import type { Inventory, Node } from "./schema.ts";

export function findNode(inventory: Inventory, name: string): Node | undefined {
  return inventory.nodes.find((node) => node.name === name || node.fqdn === name);
}

/** Asked with each packet and request of a rack that boots. */
export function findNodeByMac({ nodes }: Pick<Inventory, "nodes">, mac: Mac): Node | undefined {
  return nodesByMac(nodes).get(mac);
}

const nodesByMac = oncePer(
  (nodes: Inventory["nodes"]): ReadonlyMap<Mac, Node> =>
    new Map(nodes.map((node) => [node.mac, node])),
);

/** The node that has a card with this MAC: the one that it boots by, or another that its entry names. */
export function findNodeByCard({ nodes }: Pick<Inventory, "nodes">, mac: Mac): Node | undefined {
  return nodesByCard(nodes).get(mac);
}

const nodesByCard = oncePer(
  (nodes: Inventory["nodes"]): ReadonlyMap<Mac, Node> =>
    new Map(
      nodes.flatMap((node) =>
        [node.mac, ...Object.values(node.nics).flatMap((nic) => nic.mac ?? [])].map(
          (mac): [Mac, Node] => [mac, node],
        ),
      ),
    ),
);

/** What tells a machine from others (SMBIOS type 1). */
export interface MachineIdentity {
  readonly serial?: string | undefined;
  readonly uuid?: string | undefined;
}

/** What an entry has of it, the UUID in small letters. What makers leave where a number belongs is that of many machines, and none. */
export function declaredIdentity({ serial, uuid }: MachineIdentity): MachineIdentity {
  const number = (text: string | undefined) =>
    text === undefined || isPlaceholder(text) ? undefined : text;
  return { serial: number(serial), uuid: number(uuid)?.toLowerCase() };
}

/** The node whose entry has this serial number or this UUID. */
export function findNodeByIdentity(
  { nodes }: Pick<Inventory, "nodes">,
  { serial, uuid }: MachineIdentity,
): Node | undefined {
  const { bySerial, byUuid } = nodesByIdentity(nodes);
  return (
    (serial === undefined ? undefined : bySerial.get(serial)) ??
    (uuid === undefined ? undefined : byUuid.get(uuid.toLowerCase()))
  );
}

const nodesByIdentity = oncePer((nodes: Inventory["nodes"]) => ({
  bySerial: nodesBy(nodes, "serial"),
  byUuid: nodesBy(nodes, "uuid"),
}));

function nodesBy(
  nodes: Inventory["nodes"],
  number: keyof MachineIdentity,
): ReadonlyMap<string, Node> {
  return new Map(
    nodes.flatMap((node): [string, Node][] => {
      const own = declaredIdentity(node)[number];
      return own === undefined ? [] : [[own, node]];
    }),
  );
}

/** What a retired machine was, as the inventory says; undefined for a MAC that is not retired. */
export function retiredAs({ retired }: Pick<Inventory, "retired">, mac: Mac): string | undefined {
  if (!Object.hasOwn(retired, mac)) return undefined;
  return retired[mac] || "nothing says what it was";
}

/** A node by name, full name or MAC in any notation. */
export function findSubject(inventory: Inventory, text: string): Node | undefined {
  const mac = parseMac(text);
  return mac === undefined ? findNode(inventory, text) : findNodeByMac(inventory, mac);
}
