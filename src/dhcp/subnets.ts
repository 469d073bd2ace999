// Which network a request comes from: what a relay says, else the interface it arrived on.

import { cidrContains } from "../net/cidr.ts";
import { anyAddress, type Ipv4, ipv4FromNumber } from "../net/ipv4.ts";
import type { Client } from "./client.ts";
import { isMalformed, option, readAddress, relaySubOption } from "./options.ts";
import type { Packet } from "./packet.ts";
import type { DhcpConfig, DhcpInterface, Subnet } from "./policy.ts";

/**
 * The network of a request that arrived at `receiver`, or why there is none. A relay names it by its own address (RFC 2131
 * §4.3.1), or by link selection where that address is of another network (RFC 3527), which overrides the client's subnet
 * selection (RFC 3011). Without a relay, option 82 has no say: any client can forge it.
 */
export function findSubnet(
  packet: Packet,
  client: Client,
  config: DhcpConfig,
  receiver: DhcpInterface,
): Subnet | { readonly ignore: string } {
  const containing = (address: Ipv4) =>
    config.subnets.find(({ cidr }) => cidrContains(cidr, address));
  const relayed = packet.giaddr !== anyAddress;
  const relayNetwork = relayed ? containing(packet.giaddr) : undefined;
  if (relayed && relayNetwork === undefined && !config.relays.includes(packet.giaddr))
    return { ignore: `relay ${packet.giaddr} is in no network served here` };
  const link = relayed ? linkSelection(client) : undefined;
  const selected = link ?? subnetSelection(packet);
  if (selected !== undefined)
    return containing(selected) ?? { ignore: `${selected} is in no network served here` };
  if (relayNetwork !== undefined) return relayNetwork;
  if (relayed) return { ignore: `relay ${packet.giaddr} does not select a network` };
  const attached = config.subnets.filter((subnet) => subnet.interface === receiver.name);
  const own =
    attached.find(({ cidr }) => cidrContains(cidr, receiver.address)) ??
    attached[0] ??
    containing(receiver.address);
  // A renewal reaches the server without its relay, so the address in use tells the network.
  const used = client.messageType === "DISCOVER" ? anyAddress : packet.ciaddr;
  const network = used === anyAddress ? own : (containing(used) ?? own);
  return network ?? { ignore: `interface ${receiver.name} has no network of its own` };
}

function linkSelection({ relaySubOptions }: Client): Ipv4 | undefined {
  const data = relaySubOptions.get(relaySubOption.linkSelection);
  return data?.length === 4 ? ipv4FromNumber(data.readUInt32BE(0)) : undefined;
}

function subnetSelection({ options }: Packet): Ipv4 | undefined {
  const selected = readAddress(options, option.subnetSelection);
  return isMalformed(selected) ? undefined : selected;
}
