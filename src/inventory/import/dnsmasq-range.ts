// dhcp-range and dhcp-host of dnsmasq(8). Pure.

import { type Cidr, cidrContains, formatCidr } from "../../net/cidr.ts";
import { type Ipv4, parseIpv4 } from "../../net/ipv4.ts";
import type { Ipv4Range } from "../../net/ipv4-range.ts";
import { type Mac, parseMac } from "../../net/mac.ts";
import { identityAdvice, tagAdvice, v6Advice } from "./dnsmasq-advice.ts";
import { parseTime, type Setting } from "./dnsmasq-lines.ts";
import type { OldHost } from "./model.ts";
import { cidrAround, cidrOfMask, parseLooseMac } from "./network.ts";

export interface DnsmasqRange {
  readonly setting: Setting;
  readonly tag: string | undefined;
  readonly cidr: Cidr;
  readonly pool: Ipv4Range | undefined;
  readonly leaseSeconds: number | undefined;
}

type AddNote = (setting: Setting, instead: string) => void;

/** `[tag:T,][set:T,][interface:I,]START[,END|static|proxy][,NETMASK[,BROADCAST]][,TIME]`; undefined, with a note, for any other. */
export function readRange(setting: Setting, note: AddNote): DnsmasqRange | undefined {
  const tagged = setting.parts.filter((part) => part.startsWith("set:") || part.startsWith("net:"));
  const rest = setting.parts.filter((part) => !/^(?:set|net|tag|interface):/.test(part));
  if (setting.parts.some((part) => part.startsWith("tag:"))) note(setting, tagAdvice);
  if (rest.some((part) => part.includes(":"))) {
    note(setting, v6Advice);
    return undefined;
  }
  const [first = "", second = "", ...others] = rest;
  const start = parseIpv4(first);
  if (start === undefined) {
    note(setting, "it is no range: write it as dhcp-range=10.0.0.10,10.0.0.20,255.255.255.0,1h");
    return undefined;
  }
  const isMask = (part: string) => part.startsWith("255.") || part === "128.0.0.0";
  const end = isMask(second) ? undefined : parseIpv4(second);
  const mode = ["static", "proxy"].find((word) => rest.includes(word));
  if (mode === "proxy")
    note(setting, "set mode of this network to proxy: another server gives the addresses");
  const mask = [second, ...others].find(isMask);
  const cidr = networkOf(start, mode === undefined ? end : undefined, mask);
  if (cidr === undefined) {
    note(setting, "its netmask is none, or the range does not fit into it: correct it");
    return undefined;
  }
  if (mask === undefined)
    note(
      setting,
      `it names no netmask, and dnsmasq takes that of the interface; ${formatCidr(cidr)} is a guess: correct cidr`,
    );
  const time = [second, ...others].map(parseTime).find((seconds) => seconds !== undefined);
  if (time === Number.POSITIVE_INFINITY)
    note(setting, "leases end here: set leaseSeconds of the network");
  return {
    setting,
    tag: tagged[0]?.slice(4),
    cidr,
    pool: mode !== undefined ? undefined : { start, end: end ?? start },
    leaseSeconds: time !== undefined && Number.isFinite(time) ? time : undefined,
  };
}

/** With a mask the network around the start; without one the smallest from /24 up that holds both ends. */
function networkOf(start: Ipv4, end: Ipv4 | undefined, mask: string | undefined): Cidr | undefined {
  const prefixes =
    mask === undefined ? Array.from({ length: 17 }, (_, i) => 24 - i) : [prefixOf(mask)];
  return prefixes
    .map((prefix) => (prefix === undefined ? undefined : cidrAround(`${start}/${prefix}`)))
    .find((cidr) => cidr !== undefined && (end === undefined || cidrContains(cidr, end)));
}

function prefixOf(mask: string): number | undefined {
  return cidrOfMask("0.0.0.0", mask)?.prefix;
}

/** The reservation of a `dhcp-host`; what of it is left out is one note. */
export function readDhcpHost(setting: Setting, note: AddNote): OldHost | undefined {
  const macs: Mac[] = [];
  const addresses: Ipv4[] = [];
  const remarks = new Set<string>();
  let name: string | undefined;
  for (const part of setting.parts) {
    const mac = parseHardware(part);
    const address = parseIpv4(part);
    const remark = hostRemark(part);
    if (mac !== undefined) macs.push(mac);
    else if (address !== undefined) addresses.push(address);
    else if (remark !== undefined) remarks.add(remark);
    else if (part !== "" && part !== "id:*") name = part;
  }
  const [mac, ...others] = macs;
  if (others.length > 0)
    remarks.add(
      `a node has one MAC that it boots from, ${mac}; write the others under its nics: ${others.join(", ")}`,
    );
  const ignored = setting.parts.includes("ignore");
  if (mac === undefined && remarks.size === 0)
    remarks.add("rackstrap knows machines by their MAC: add the machine under nodes with its mac");
  if (remarks.size > 0) note(setting, [...remarks].join("; "));
  return mac === undefined || ignored ? undefined : { place: setting.place, name, mac, addresses };
}

function hostRemark(part: string): string | undefined {
  if (part === "ignore")
    return "rackstrap answers every machine of its networks: keep this one out of them by the switch";
  if (part.startsWith("id:")) return part === "id:*" ? undefined : identityAdvice;
  if (/^(?:set|net|tag):/.test(part)) return tagAdvice;
  if (part.startsWith("[")) return v6Advice;
  if (parseTime(part) !== undefined)
    return "a node has no lease time of its own: set it for its network";
  if (/[*:]/.test(part))
    return `${part} is no Ethernet MAC of one machine: declare each machine under nodes`;
  return undefined;
}

/** A MAC, with the hardware type of Ethernet in front of it or without. */
function parseHardware(text: string): Mac | undefined {
  const bare = text.replace(/^01-/, "");
  return /^[0-9a-fA-F]{1,2}(?::[0-9a-fA-F]{1,2}){5}$/.test(bare) ||
    /^[0-9a-fA-F]{2}(?:-[0-9a-fA-F]{2}){5}$/.test(text)
    ? (parseMac(bare) ?? parseLooseMac(bare) ?? parseMac(text))
    : undefined;
}
