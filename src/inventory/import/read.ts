// Finds out which server a file is from and reads it with the reader of that server.

import { parseIscConfig } from "./isc-config.ts";
import { parseIscLeases } from "./isc-leases.ts";
import { parseKeaConfig } from "./kea-config.ts";
import { parseKeaLeases } from "./kea-leases.ts";
import type { OldLeases } from "./leases.ts";
import type { OldConfig } from "./model.ts";
import type { Read, ReadFile } from "./source.ts";

export type Kind = "isc" | "kea";

/** Kea's configuration is a JSON map, before which only comments and includes may stand; no statement of dhcpd starts so. */
export function configKind(bytes: Buffer): Kind {
  let text = bytes.toString("latin1").replace(/^\xEF\xBB\xBF/, "");
  for (;;) {
    text = text.trimStart();
    const end = /^(?:#|\/\/)/.test(text)
      ? text.indexOf("\n")
      : text.startsWith("/*")
        ? text.indexOf("*/") + 1
        : undefined;
    if (end === undefined) return /^(?:\{|<\?include)/.test(text) ? "kea" : "isc";
    if (end <= 0) return "isc";
    text = text.slice(end + 1);
  }
}

/** Kea's lease file starts with the names of its columns. */
export function leaseKind(bytes: Buffer): Kind {
  return bytes.subarray(0, 8).toString("latin1") === "address," ? "kea" : "isc";
}

export function parseConfig(
  kind: Kind,
  bytes: Buffer,
  file: string,
  readFile: ReadFile,
): Read<OldConfig> {
  return kind === "kea"
    ? parseKeaConfig(bytes, file, readFile)
    : parseIscConfig(bytes, file, readFile);
}

/** Lease files of one server, oldest first; dhcpd has one. */
export function parseLeases(
  kind: Kind,
  files: readonly { readonly file: string; readonly bytes: Buffer }[],
): Read<OldLeases> {
  if (kind === "kea") return parseKeaLeases(files);
  const [first] = files;
  return first === undefined
    ? { value: { leases: [], notes: [] } }
    : parseIscLeases(first.bytes, first.file);
}
