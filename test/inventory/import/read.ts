// Reads text and fixtures with the importers, the way the command does.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseIscConfig } from "../../../src/inventory/import/isc-config.ts";
import { parseKeaConfig } from "../../../src/inventory/import/kea-config.ts";
import type { OldConfig } from "../../../src/inventory/import/model.ts";
import {
  formatPlace,
  type Note,
  type Read,
  type ReadFile,
} from "../../../src/inventory/import/source.ts";

export const fixtures = join(import.meta.dirname, "../../fixtures/import");

export const fixture = (name: string): Buffer => readFileSync(join(fixtures, name));

/** Included files by path. */
const filesOf =
  (files: Readonly<Record<string, string>>): ReadFile =>
  (file) => {
    const text = files[file];
    return text === undefined ? { error: "no such file" } : { bytes: Buffer.from(text) };
  };

export const readFixture: ReadFile = (file) => ({ bytes: readFileSync(file) });

export const isc = (text: string, files: Readonly<Record<string, string>> = {}): Read<OldConfig> =>
  parseIscConfig(Buffer.from(text), "/etc/dhcpd.conf", filesOf(files));

export const kea = (text: string, files: Readonly<Record<string, string>> = {}): Read<OldConfig> =>
  parseKeaConfig(Buffer.from(text), "/etc/kea.json", filesOf(files));

/** The value; the reason as an error when there is none. */
export function mustRead<T>(read: Read<T>): T {
  if ("value" in read) return read.value;
  throw new Error(`${formatPlace(read.place)}: ${read.malformed}`);
}

/** `line:column: reason` of a file that can't be read. */
export function malformed(read: Read<unknown>): string {
  if ("value" in read) return "it was read";
  return `${read.place.file}:${read.place.line}:${read.place.column}: ${read.malformed}`;
}

/** `line what` of each note. */
export const noteLines = (notes: readonly Note[]): string[] =>
  notes.map(({ place, what }) => `${place.line} ${what}`);
