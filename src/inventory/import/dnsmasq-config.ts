// Reads the DHCP part of dnsmasq.conf(5): networks, pools and reservations with their options, and a note for every setting
// that is not carried over. Further files are further arguments, because conf-dir reads whatever is in a folder. Pure.

import { type Cidr, cidrContains, formatCidr, parseCidr } from "../../net/cidr.ts";
import { type Ipv4, parseIpv4 } from "../../net/ipv4.ts";
import { dnsmasqAdvice, dnsmasqOption, selfEvident, tagAdvice } from "./dnsmasq-advice.ts";
import { readSettings, type Setting } from "./dnsmasq-lines.ts";
import { type DnsmasqRange, readDhcpHost, readRange } from "./dnsmasq-range.ts";
import type { OldConfig, OldHost, OldNetwork, OldServer, Settings } from "./model.ts";
import { bootAdvice, readOption } from "./options.ts";
import { includedPath, type Note, type Read, total } from "./source.ts";

export interface SourceFile {
  readonly file: string;
  readonly bytes: Buffer;
}

interface Walk {
  readonly ranges: DnsmasqRange[];
  readonly hosts: OldHost[];
  readonly notes: Note[];
  readonly interfaces: { readonly name: string; readonly setting: Setting }[];
  readonly listening: Ipv4[];
  /** What options set for every network, and for those of a tag. */
  global: Settings;
  readonly tagged: Map<string, Settings>;
  readonly domains: { readonly cidr: Cidr; readonly domain: string }[];
}

// What dnsmasq does where nothing is written.
const usualSeconds = 3600;

/** Reads the files of one server together; says where and why when one can't be read. */
export function parseDnsmasq(files: readonly SourceFile[]): Read<OldConfig> {
  return total(() => {
    const walk: Walk = {
      ranges: [],
      hosts: [],
      notes: [],
      interfaces: [],
      listening: [],
      global: {},
      tagged: new Map(),
      domains: [],
    };
    const settings = files.flatMap(({ file, bytes }) =>
      readSettings(bytes.toString("utf8").replace(/^\uFEFF/, ""), file),
    );
    const given = new Set(files.map(({ file }) => file));
    for (const setting of settings.filter(({ name }) => name === "dhcp-range")) {
      const range = readRange(setting, (about, instead) => note(walk, about, instead));
      if (range !== undefined) walk.ranges.push(range);
    }
    for (const setting of settings) readSetting(setting, given, walk);
    if (walk.interfaces.length > 1)
      for (const { name, setting } of walk.interfaces)
        note(
          walk,
          setting,
          `there are several: ${name} is server.interface, or stands in server.interfaces and as interface of its network`,
        );
    const { hosts, notes } = walk;
    return { networks: networksOf(walk), hosts, server: serverOf(walk), notes };
  });
}

function note({ notes }: Walk, { place, text }: Setting, instead: string): void {
  const what = text.length > 100 ? `${text.slice(0, 99)}…` : text;
  notes.push({ place, what, instead });
}

function readSetting(setting: Setting, given: ReadonlySet<string>, walk: Walk): void {
  const { name, parts, place } = setting;
  switch (name) {
    case "dhcp-range":
      return;
    case "dhcp-host": {
      const host = readDhcpHost(setting, (about, instead) => note(walk, about, instead));
      if (host !== undefined) walk.hosts.push(host);
      return;
    }
    case "dhcp-userclass":
    case "dhcp-vendorclass":
      note(walk, setting, /ipxe|pxeclient|httpclient/i.test(setting.text) ? bootAdvice : tagAdvice);
      return;
    case "dhcp-option":
    case "dhcp-option-force":
    case "dhcp-option-pxe":
      readDhcpOption(setting, walk);
      return;
    case "interface":
      readInterfaces(setting, walk);
      return;
    case "listen-address":
      for (const part of parts) {
        const address = parseIpv4(part);
        if (address !== undefined && !part.startsWith("127.")) walk.listening.push(address);
      }
      return;
    case "domain":
      readDomain(setting, walk);
      return;
    case "conf-file":
    case "conf-dir":
    case "dhcp-hostsfile":
    case "dhcp-hostsdir":
    case "dhcp-optsfile":
    case "dhcp-optsdir":
    case "conf-script": {
      const path = includedPath(place.file, parts[0] ?? "");
      const folder = name.endsWith("dir");
      const read = [...given].some((file) =>
        folder ? file.startsWith(`${path.replace(/\/$/, "")}/`) : file === path,
      );
      if (!read) note(walk, setting, "it was not read: name its files as further arguments");
      return;
    }
    default:
      if (!selfEvident.has(name)) note(walk, setting, dnsmasqAdvice(name));
  }
}

function readInterfaces(setting: Setting, walk: Walk): void {
  for (const name of setting.parts) {
    if (name === "lo") continue;
    if (/^[A-Za-z0-9._-]{1,15}$/.test(name)) walk.interfaces.push({ name, setting });
    else note(walk, setting, "it is no name of one interface: set server.interface");
  }
}

/** `domain=NAME[,NETWORK|FIRST,LAST][,local]` */
function readDomain(setting: Setting, walk: Walk): void {
  const [name = "", network] = setting.parts;
  const read = readOption("domain-name", 15, { items: [name] });
  if ("instead" in read) {
    note(walk, setting, "it is not one domain name: set domain of the network");
    return;
  }
  const { domain } = read.settings;
  if (domain === undefined) return;
  if (network === undefined || network === "local") walk.global = { ...walk.global, domain };
  else {
    const cidr = parseCidr(network);
    if (cidr === undefined)
      note(walk, setting, "it is for a range of addresses: set domain of their network");
    else walk.domains.push({ cidr, domain });
  }
}

/** `[tag:T,]NUMBER|option:NAME[,VALUE…]` */
function readDhcpOption(setting: Setting, walk: Walk): void {
  const tags = setting.parts
    .filter((part) => /^(?:tag|net):/.test(part))
    .map((part) => part.slice(4));
  const rest = setting.parts.filter((part) => !/^(?:tag|net):/.test(part));
  const [written = "", ...values] = rest;
  if (/^(?:option6|encap|vi-encap|vendor):/.test(written)) {
    note(walk, setting, "rackstrap has no such setting: configure it in the installed system");
    return;
  }
  const name = written.replace(/^option:/, "");
  const code = /^\d{1,3}$/.test(name) ? Number(name) : dnsmasqOption(name);
  const [tag] = tags;
  const known = walk.ranges.some((range) => range.tag === tag);
  if (tags.length > 1 || (tag !== undefined && !known)) {
    note(walk, setting, tagAdvice);
    return;
  }
  // An option without a value is one that is not sent.
  if (values.length === 0 && code !== undefined && [3, 6, 15, 28, 42].includes(code)) return;
  if (values.includes("0.0.0.0")) {
    note(
      walk,
      setting,
      "0.0.0.0 is this server's own address: write that address into the network",
    );
    return;
  }
  const items = code === 121 || code === 249 ? pairs(values) : values;
  const read = readOption(name, code, { items });
  if ("instead" in read) note(walk, setting, read.instead);
  else {
    for (const remark of read.remarks) note(walk, setting, remark);
    if (tag === undefined) walk.global = { ...walk.global, ...read.settings };
    else walk.tagged.set(tag, { ...walk.tagged.get(tag), ...read.settings });
  }
}

/** `10.1.0.0/16,10.0.0.1` as the option's reader has it: `10.1.0.0/16 - 10.0.0.1`. */
function pairs(values: readonly string[]): string[] {
  return Array.from(
    { length: Math.ceil(values.length / 2) },
    (_, i) => `${values[2 * i]} - ${values[2 * i + 1] ?? ""}`,
  );
}

/** Ranges of one network are its pools. */
function networksOf(walk: Walk): OldNetwork[] {
  const networks = new Map<string, OldNetwork>();
  for (const { setting, tag, cidr, pool, leaseSeconds } of walk.ranges) {
    const key = formatCidr(cidr);
    const before = networks.get(key);
    const domain = walk.domains.find((one) => cidrContains(one.cidr, cidr.network))?.domain;
    const own = tag === undefined ? undefined : walk.tagged.get(tag);
    const settings: Settings = {
      leaseSeconds: leaseSeconds ?? usualSeconds,
      maxLeaseSeconds: Math.max(leaseSeconds ?? usualSeconds, usualSeconds),
      ...walk.global,
      ...(domain !== undefined && { domain }),
      ...own,
      ...before?.settings,
    };
    const pools = [...(before?.pools ?? []), ...(pool === undefined ? [] : [pool])];
    networks.set(key, {
      place: before?.place ?? setting.place,
      name: before?.name ?? tag,
      cidr,
      pools,
      settings: inNetwork(settings, cidr, walk.ranges.length > 1),
    });
  }
  return [...networks.values()];
}

/** A router for all networks is that of the one it lies in. */
function inNetwork(settings: Settings, cidr: Cidr, several: boolean): Settings {
  const { gateway, ...others } = settings;
  if (gateway === undefined || !several || cidrContains(cidr, gateway)) return settings;
  return others;
}

function serverOf({ interfaces, listening, ranges }: Walk): OldServer {
  const address = listening.find((one) => ranges.some(({ cidr }) => cidrContains(cidr, one)));
  const [only, ...others] = interfaces;
  return {
    ...(address !== undefined && { address }),
    ...(only !== undefined && others.length === 0 && { interface: only.name }),
  };
}
