// What a DHCP option of the old configuration means for a network here. One table for both servers, whose names for
// the options agree but for a few.

import { cidrContains, formatCidr, parseCidr } from "../../net/cidr.ts";
import { type Ipv4, ipv4FromNumber, ipv4ToNumber, parseIpv4 } from "../../net/ipv4.ts";
import type { Route, Settings } from "./model.ts";

/** A value as it was written: items in text, or octets. */
export type OptionValue = { readonly items: readonly string[] } | { readonly octets: Buffer };

/** What the option sets (`remarks`: what of it was left out, and what to do instead), or only what to do instead. */
export type OptionReading =
  | { readonly settings: Settings; readonly remarks: readonly string[] }
  | { readonly instead: string };

export const bootAdvice =
  "rackstrap does this itself: it chooses the boot file by client architecture and user class";

const codes: Readonly<Record<string, number>> = {
  "subnet-mask": 1,
  routers: 3,
  "domain-name-servers": 6,
  "host-name": 12,
  "domain-name": 15,
  "interface-mtu": 26,
  "broadcast-address": 28,
  "static-routes": 33,
  "ntp-servers": 42,
  "vendor-encapsulated-options": 43,
  "dhcp-lease-time": 51,
  "dhcp-server-identifier": 54,
  "dhcp-renewal-time": 58,
  "dhcp-rebinding-time": 59,
  "vendor-class-identifier": 60,
  "tftp-server-name": 66,
  "bootfile-name": 67,
  "boot-file-name": 67,
  "user-class": 77,
  "client-system": 93,
  "pxe-system-type": 93,
  "client-ndi": 94,
  "pxe-interface-id": 94,
  "uuid-guid": 97,
  "pxe-client-id": 97,
  "domain-search": 119,
  "classless-static-route": 121,
};

const bootCodes: ReadonlySet<number> = new Set([43, 60, 66, 67, 77, 93, 94, 97, 175, 209, 210]);
const bootSpaces = /^(pxe|ipxe|gpxe|pxelinux|vendor-encapsulated-options-space)$/i;

/** The number of an option by its name in either server's configuration; undefined for one that means nothing here. */
export function optionCode(name: string): number | undefined {
  return Object.hasOwn(codes, name) ? codes[name] : undefined;
}

/** Whether the option only serves network boot, which rackstrap decides for itself. */
export function isBootOption(name: string, code: number | undefined): boolean {
  const [first = "", second] = name.split(".");
  if (second !== undefined || bootSpaces.test(first)) return bootSpaces.test(first);
  return code !== undefined && bootCodes.has(code);
}

/** Reads an option that is set for a network or a scope around it. */
export function readOption(
  name: string,
  code: number | undefined,
  value: OptionValue,
): OptionReading {
  if (isBootOption(name, code)) return { instead: bootAdvice };
  switch (code) {
    case 1:
    case 28:
      return { instead: "rackstrap works it out of the network's cidr" };
    case 3:
      return gateway(value);
    case 6:
      return addresses(value, "dns");
    case 12:
      return { instead: "rackstrap gives each node its own name: declare the machine under nodes" };
    case 15:
      return domain(value);
    case 26:
      return mtu(value);
    case 33:
      return classfulRoutes(value);
    case 42:
      return addresses(value, "ntp");
    case 51:
      return { instead: "set leaseSeconds of the network" };
    case 54:
      return { instead: "rackstrap names its own address on the interface: see server.address" };
    case 58:
    case 59:
      return { instead: "rackstrap works it out of the lease time" };
    case 119:
      return searchDomains(value);
    case 121:
    case 249:
      return classlessRoutes(value);
    default:
      return { instead: "rackstrap has no such setting: configure it in the installed system" };
  }
}

function addressList(value: OptionValue): { good: Ipv4[]; remarks: string[] } {
  const texts = "items" in value ? value.items : octetAddresses(value.octets);
  const good: Ipv4[] = [];
  const remarks: string[] = [];
  for (const text of texts) {
    const address = parseIpv4(text);
    if (address === undefined) remarks.push(`"${text}" is not an IPv4 address: write its address`);
    else good.push(address);
  }
  return { good, remarks };
}

function octetAddresses(octets: Buffer): string[] {
  const count = Math.floor(octets.length / 4);
  return Array.from({ length: count }, (_, i) => ipv4FromNumber(octets.readUInt32BE(i * 4)));
}

function gateway(value: OptionValue): OptionReading {
  const { good, remarks } = addressList(value);
  const [first, ...others] = good;
  if (others.length > 0)
    remarks.push(
      `a network has one gateway here, ${first}; not carried over: ${others.join(", ")}`,
    );
  return { settings: first === undefined ? {} : { gateway: first }, remarks };
}

function addresses(value: OptionValue, key: "dns" | "ntp"): OptionReading {
  const { good, remarks } = addressList(value);
  return { settings: good.length === 0 ? {} : { [key]: good }, remarks };
}

function domain(value: OptionValue): OptionReading {
  const text = textOf(value);
  const name = parseDomain(text);
  if (name !== undefined) return { settings: { domain: name }, remarks: [] };
  return {
    instead: `"${text}" is not one domain name: set domain and searchDomains of the network`,
  };
}

function searchDomains(value: OptionValue): OptionReading {
  if ("octets" in value)
    return { instead: "it is written as octets: set searchDomains of the network" };
  const names: string[] = [];
  const remarks: string[] = [];
  for (const text of value.items) {
    const name = parseDomain(text);
    if (name === undefined) remarks.push(`"${text}" is not a domain name: correct it`);
    else names.push(name);
  }
  return { settings: names.length === 0 ? {} : { searchDomains: names }, remarks };
}

function mtu(value: OptionValue): OptionReading {
  const number =
    "items" in value
      ? Number(value.items[0])
      : value.octets.length === 2
        ? value.octets.readUInt16BE(0)
        : Number.NaN;
  return Number.isInteger(number) && number >= 576 && number <= 65_535
    ? { settings: { mtu: number }, remarks: [] }
    : { instead: "an mtu here is a number from 576 to 65535: set mtu of the network" };
}

/** Option 33 (RFC 2132 §5.8) names no mask: as its readers do, a destination without host bits is its whole class. */
function classfulRoutes(value: OptionValue): OptionReading {
  const { good, remarks } = addressList(value);
  const routes: Route[] = [];
  for (let i = 0; i + 1 < good.length; i += 2) {
    const [to, via] = [good[i], good[i + 1]];
    const cidr = to === undefined ? undefined : classOf(to);
    if (cidr === undefined || via === undefined) continue;
    routes.push({ to: cidr, via });
    remarks.push(`option 33 names no mask; ${to} is taken as ${formatCidr(cidr)}: check it`);
  }
  if (good.length % 2 === 1) remarks.push(`${good.at(-1)} has no router: complete the pair`);
  return { settings: routes.length === 0 ? {} : { routes }, remarks };
}

function classOf(address: Ipv4) {
  const first = ipv4ToNumber(address) >>> 24;
  const prefix = first < 128 ? 8 : first < 192 ? 16 : 24;
  return parseCidr(`${address}/${prefix}`) ?? parseCidr(`${address}/32`);
}

/** RFC 3442, written as numbers (dhcpd, and Kea in hexadecimal) or as `10.0.0.0/8 - 10.0.0.1, …` (Kea). */
function classlessRoutes(value: OptionValue): OptionReading {
  const instead =
    "it is not a list of destinations and routers (RFC 3442): set routes of the network";
  const routes =
    "octets" in value
      ? octetRoutes(value.octets)
      : (textRoutes(value.items) ?? numberRoutes(value.items));
  return routes === undefined ? { instead } : { settings: { routes }, remarks: [] };
}

function textRoutes(items: readonly string[]): Route[] | undefined {
  const routes: Route[] = [];
  for (const item of items) {
    const [to = "", via = "", ...rest] = item.split(/\s+-\s+/);
    const route = { to: parseCidr(to), via: parseIpv4(via) };
    if (route.to === undefined || route.via === undefined || rest.length > 0) return undefined;
    routes.push({ to: route.to, via: route.via });
  }
  return routes;
}

function numberRoutes(items: readonly string[]): Route[] | undefined {
  const numbers = items.flatMap((item) => item.split(/[\s.]+/)).map(Number);
  const sound = numbers.every((number) => Number.isInteger(number) && number >= 0 && number < 256);
  return sound ? octetRoutes(Buffer.from(numbers)) : undefined;
}

function octetRoutes(octets: Buffer): Route[] | undefined {
  const routes: Route[] = [];
  for (let at = 0; at < octets.length; ) {
    const prefix = octets[at] ?? 0;
    const size = Math.ceil(prefix / 8);
    const end = at + 1 + size + 4;
    if (prefix > 32 || end > octets.length) return undefined;
    const network = Buffer.alloc(4);
    octets.copy(network, 0, at + 1, at + 1 + size);
    const to = { network: ipv4FromNumber(network.readUInt32BE(0)), prefix };
    if (!cidrContains(to, to.network) || parseCidr(formatCidr(to)) === undefined) return undefined;
    routes.push({ to, via: ipv4FromNumber(octets.readUInt32BE(end - 4)) });
    at = end;
  }
  return routes;
}

function textOf(value: OptionValue): string {
  if ("octets" in value) return value.octets.toString("utf8");
  return value.items.join(" ");
}

/** A domain name as the inventory takes it: lower case, without the root's dot; undefined when it is none. */
function parseDomain(text: string): string | undefined {
  const name = text.trim().toLowerCase().replace(/\.$/, "");
  const label = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
  return new RegExp(`^${label}(\\.${label})*$`).test(name) ? name : undefined;
}
