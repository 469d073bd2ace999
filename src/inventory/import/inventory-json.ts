// Reads a list of machines in JSON: a list of maps, or a map by host name, MAC or role, alone or under `nodes` and the like.

import { parseMac } from "../../net/mac.ts";
import { toRole } from "./facts.ts";
import { entriesOf, itemsOf, type Json, type JsonEntry, parseKeaJson } from "./kea-json.ts";
import {
  addMachine,
  createMachines,
  type Field,
  type Machines,
  meaningOf,
} from "./machine-fields.ts";
import type { OldConfig } from "./model.ts";
import { type Read, total, unreadable } from "./source.ts";

const listNames: ReadonlySet<string> = new Set([
  "nodes",
  "machines",
  "hosts",
  "servers",
  "systems",
  "inventory",
]);

/** Reads the machines; says where and why when there are none to be read. */
export function parseInventoryJson(bytes: Buffer, file: string): Read<OldConfig> {
  return total(() => {
    const noInclude = () => ({ error: "a list of machines includes nothing" });
    const root = parseKeaJson(bytes.toString("utf8").replace(/^\uFEFF/, ""), file, noInclude);
    const machines = createMachines();
    readMachines(root, machines, {});
    const { hosts, notes } = machines;
    if (hosts.length === 0 && notes.length === 0)
      unreadable(
        root.place,
        'there is no machine in it: write [{ "hostname": "node01", "mac": "52:54:00:12:34:56" }]',
      );
    return { networks: [], hosts, notes };
  });
}

/** What the map around a machine says of it. */
interface Around {
  readonly key?: JsonEntry;
  readonly role?: JsonEntry;
  /** It stands in a list of machines. */
  readonly listed?: true;
}

function readMachines(json: Json, machines: Machines, around: Around): void {
  if (json.kind === "list") {
    for (const item of json.items)
      readMachines(item, machines, {
        listed: true,
        ...(around.role !== undefined && { role: around.role }),
      });
    return;
  }
  if (json.kind === "scalar") {
    readPair(json, machines, around);
    return;
  }
  const entries = entriesOf(json);
  const role = around.role === undefined ? {} : { role: around.role };
  const has = (meaning: string) =>
    entries.some(({ key, value }) => value.kind !== "map" && meaningOf(key) === meaning);
  // Outside a list, what only has a name may be the site around the machines.
  const isMachine =
    around.key !== undefined || has("mac") || (around.listed === true && has("name"));
  if (isMachine) {
    addMachine([...aroundFields(around), ...fieldsOf(json, "")], json.place, machines);
    return;
  }
  for (const entry of entries) {
    const { key, value, place } = entry;
    if (listNames.has(key.toLowerCase()) && value.kind !== "scalar")
      readMachines(value, machines, {});
    else if (toRole(key) !== undefined && isGroup(value))
      readMachines(value, machines, { role: entry });
    else if (value.kind === "map" || isPair(entry))
      readMachines(value, machines, { ...role, key: entry });
    else
      machines.notes.push({
        place,
        what: key,
        instead: "it is no machine: check whether it is still needed",
      });
  }
}

/** The machines of a role. */
function isGroup(value: Json): boolean {
  return (
    value.kind === "list" ||
    (value.kind === "map" && value.entries.every((entry) => entry.value.kind === "map"))
  );
}

function isPair({ key, value }: JsonEntry): boolean {
  if (value.kind !== "scalar" || typeof value.value !== "string") return false;
  return parseMac(key) !== undefined || parseMac(value.value) !== undefined;
}

/** `"node01": "52:54:00:12:34:56"`, or the other way round. */
function readPair(
  json: Json & { readonly kind: "scalar" },
  machines: Machines,
  around: Around,
): void {
  const text = String(json.value);
  const name = parseMac(text) === undefined ? "hostname" : "mac";
  if (around.key === undefined)
    machines.notes.push({
      place: json.place,
      what: "an entry of the list",
      instead: "it is no machine: write a map with its hostname and mac",
    });
  else
    addMachine([...aroundFields(around), { name, text, place: json.place }], json.place, machines);
}

function aroundFields({ key, role }: Around): Field[] {
  return [
    ...(key === undefined
      ? []
      : [
          {
            name: parseMac(key.key) === undefined ? "hostname" : "mac",
            text: key.key,
            place: key.place,
          },
        ]),
    ...(role === undefined ? [] : [{ name: "role", text: role.key, place: role.place }]),
  ];
}

/** The map's values with their names; those of an inner map are named with its own name in front. */
function fieldsOf(json: Json, prefix: string): Field[] {
  return entriesOf(json).flatMap(({ key, place, value }) => {
    const name = prefix === "" ? key : `${prefix}_${key}`;
    if (value.kind === "map")
      return prefix === "" ? fieldsOf(value, key) : [{ name, text: "{ … }", place }];
    if (value.kind === "scalar")
      return value.value === null ? [] : [{ name, text: String(value.value), place }];
    const texts = itemsOf(value).map((item) =>
      item.kind === "scalar" ? String(item.value) : "{ … }",
    );
    return [{ name, text: texts.join(" "), place }];
  });
}
