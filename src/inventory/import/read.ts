// Finds out which tool a file is from and reads it with the reader of that tool.

import { parseDnsmasq, type SourceFile } from "./dnsmasq-config.ts";
import { parseInventoryJson } from "./inventory-json.ts";
import { parseIscConfig } from "./isc-config.ts";
import { parseIscLeases } from "./isc-leases.ts";
import { parseKeaConfig } from "./kea-config.ts";
import { parseKeaLeases } from "./kea-leases.ts";
import type { OldLeases } from "./leases.ts";
import { parseMaasCsv } from "./maas-csv.ts";
import { meaningOf } from "./machine-fields.ts";
import { mergeConfigs } from "./merge.ts";
import type { OldConfig } from "./model.ts";
import { parseNixosModule } from "./nixos-module.ts";
import type { Read, ReadFile } from "./source.ts";

export const kinds = ["isc", "kea", "dnsmasq", "nixos", "json", "maas"] as const;
export type Kind = (typeof kinds)[number];
/** The servers whose leases can be brought along. */
export type LeaseKind = "isc" | "kea";

const dnsmasqLine =
  /^[ \t]*(?:dhcp-(?:range|host|option|option-force|boot|match|authoritative|leasefile|lease-max|vendorclass|userclass|hostsfile|hostsdir)|interface|listen-address|domain|enable-tftp|tftp-root|pxe-service|pxe-prompt|conf-dir|conf-file|bind-interfaces|bind-dynamic|port|no-resolv|server|address)[ \t]*(?:=[^;{]*|)$/m;

/** Each tool's files have words of their own; what has none of them is taken for dhcpd.conf. */
export function configKind(bytes: Buffer): Kind {
  const text = bytes
    .subarray(0, 1_000_000)
    .toString("latin1")
    .replace(/^\xEF\xBB\xBF/, "");
  const start = behindComments(text);
  if (/^(?:\{|<\?include)/.test(start) && /"Dhcp4"|<\?include/.test(start)) return "kea";
  if (/^\[|^\{\s*(?:"[^"\n]{0,200}"\s*:|\}\s*$)/.test(start)) return "json";
  if (
    text.includes("centra-pxe-server") ||
    /^(?:let\b|\{[^"{};]{0,500}[:=]|[a-z]{1,40}:\s)/.test(start)
  )
    return "nixos";
  if (start.startsWith("{")) return "kea";
  if (isMachineHeader(text)) return "maas";
  return dnsmasqLine.test(text) ? "dnsmasq" : "isc";
}

/** From the first character that is neither blank nor in a comment; empty when there is none. */
function behindComments(whole: string): string {
  let text = whole;
  for (;;) {
    text = text.trimStart();
    const end = /^(?:#|\/\/)/.test(text)
      ? text.indexOf("\n")
      : text.startsWith("/*")
        ? text.indexOf("*/") + 1
        : undefined;
    if (end === undefined) return text;
    if (end <= 0) return "";
    text = text.slice(end + 1);
  }
}

/** A first line of column names, one of them for MACs. */
function isMachineHeader(text: string): boolean {
  const end = text.indexOf("\n");
  const first = (end === -1 ? text : text.slice(0, end)).slice(0, 10_000);
  const names = first.split(/[,;\t]/).map((name) => name.replaceAll(/["\r]/g, "").trim());
  return names.length > 1 && names.some((name) => meaningOf(name) === "mac");
}

/** Kea's lease file starts with the names of its columns. */
export function leaseKind(bytes: Buffer): LeaseKind {
  return bytes.subarray(0, 8).toString("latin1") === "address," ? "kea" : "isc";
}

export interface KnownFile extends SourceFile {
  readonly kind: Kind;
}

/** Reads all files as one site. Those of dnsmasq are read together, because the tags of one stand in another. */
export function parseConfigs(files: readonly KnownFile[], readFile: ReadFile): Read<OldConfig> {
  const dnsmasq = files.filter(({ kind }) => kind === "dnsmasq");
  const configs: OldConfig[] = [];
  for (const file of files) {
    if (file.kind === "dnsmasq" && file !== dnsmasq[0]) continue;
    const read = file.kind === "dnsmasq" ? parseDnsmasq(dnsmasq) : parseConfig(file, readFile);
    if ("malformed" in read) return read;
    configs.push(read.value);
  }
  return { value: mergeConfigs(configs) };
}

function parseConfig({ kind, bytes, file }: KnownFile, readFile: ReadFile): Read<OldConfig> {
  switch (kind) {
    case "isc":
      return parseIscConfig(bytes, file, readFile);
    case "kea":
      return parseKeaConfig(bytes, file, readFile);
    case "nixos":
      return parseNixosModule(bytes, file);
    case "json":
      return parseInventoryJson(bytes, file);
    case "maas":
      return parseMaasCsv(bytes, file);
    case "dnsmasq":
      return parseDnsmasq([{ file, bytes }]);
  }
}

/** Lease files of one server, oldest first; dhcpd has one. */
export function parseLeases(
  kind: LeaseKind,
  files: readonly { readonly file: string; readonly bytes: Buffer }[],
): Read<OldLeases> {
  if (kind === "kea") return parseKeaLeases(files);
  const [first] = files;
  return first === undefined
    ? { value: { leases: [], notes: [] } }
    : parseIscLeases(first.bytes, first.file);
}
