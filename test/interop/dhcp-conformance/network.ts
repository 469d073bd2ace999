// The two namespaces of the suite, the wires between them, and what the server says on those.

import { ip, removeNamespaces } from "../host.ts";
import { type Datagram, type Link, openLink } from "./link.ts";
import { decodeMessage, type Message } from "./message.ts";
import { clientEnd, rackLink, type Site } from "./site.ts";

export const serverSpace = "rsconf-server";
const clientSpace = "rsconf-client";
const broadcastMac = "ff:ff:ff:ff:ff:ff";
/** A server's message and where it was sent. */
export type Reply = Message & { readonly sent: Datagram };

export interface Network {
  /** Sends bytes as a client or relay; nothing is said about answers. */
  send(link: string, datagram: Partial<Datagram> & { readonly payload: Buffer }): void;
  /** Hears every reply with this xid from now on. */
  listen(xid: number, heard: (reply: Reply) => void): () => void;
  close(): Promise<void>;
}

/** Every interface of the server has a MAC we know, so that unicasts need no ARP. */
const serverMac = (link: string) => `02:77:ff:00:00:0${link.at(-1)}`;

async function createNamespaces(site: Site): Promise<void> {
  const wires = site.interfaces.flatMap(({ name, address }) => [
    `-n ${serverSpace} link add ${name} mtu 9000 address ${serverMac(name)} type veth peer name ${clientEnd(name)} mtu 9000 netns ${clientSpace}`,
    `-n ${serverSpace} addr add ${address}/24 dev ${name}`,
    `-n ${serverSpace} link set ${name} up`,
    `-n ${clientSpace} link set ${clientEnd(name)} up`,
  ]);
  const far = site.subnets.filter(({ interface: link }) => link === undefined);
  const commands = [
    `netns add ${serverSpace}`,
    `netns add ${clientSpace}`,
    `-n ${serverSpace} link set lo up`,
    ...wires,
    // The suite's relays answer for every address of their subnets, as routers would.
    ...far.map(({ cidr }) => `-n ${serverSpace} route add ${cidr} dev ${rackLink}`),
  ];
  await ip(...commands);
}

/** Makes both namespaces and joins them with one wire for each interface of the site. */
export async function openNetwork(site: Site): Promise<Network> {
  await removeNamespaces(serverSpace, clientSpace);
  await createNamespaces(site);
  const ears = new Map<number, (reply: Reply) => void>();
  const heard = (sent: Datagram) => {
    if (![67, 4011].includes(sent.sourcePort) || sent.payload.length < 8) return;
    const ear = ears.get(sent.payload.readUInt32BE(4));
    if (ear !== undefined && sent.payload[0] === 2) ear({ ...decodeMessage(sent.payload), sent });
  };
  const links = new Map<string, Link>(
    site.interfaces.map(({ name }) => [name, openLink(clientSpace, clientEnd(name), heard)]),
  );
  return {
    send: (link, datagram) =>
      links.get(link)?.send({
        etherSource: "02:77:dd:00:00:01",
        etherDestination: datagram.source === undefined ? broadcastMac : serverMac(link),
        source: "0.0.0.0",
        destination: "255.255.255.255",
        sourcePort: 68,
        port: 67,
        ...datagram,
      }),
    listen: (xid, ear) => {
      ears.set(xid, ear);
      return () => void ears.delete(xid);
    },
    close: async () => {
      for (const link of links.values()) link.close();
      await removeNamespaces(serverSpace, clientSpace);
    },
  };
}
