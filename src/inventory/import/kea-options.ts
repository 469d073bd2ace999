// Kea's "option-data" and "option-def": which option an entry sets, and to what.

import { classAdvice, ownOptionAdvice } from "./kea-advice.ts";
import { entriesOf, itemsOf, type Json, scalarOf, textOf } from "./kea-json.ts";
import type { Settings } from "./model.ts";
import { bootAdvice, isBootOption, type OptionValue, optionCode, readOption } from "./options.ts";
import type { Note, Place } from "./source.ts";

const knownCodes: ReadonlySet<number> = new Set([119, 121, 249]);

/** Reads the options that a file defines itself into `codes`; notes what they would carry. */
export function readKeaDefinitions(list: Json, codes: Map<string, number>, notes: Note[]): void {
  for (const definition of itemsOf(list)) {
    const name = textOf(definition, "name") ?? "";
    const code = Number(scalarOf(definition, "code"));
    const space = textOf(definition, "space") ?? "dhcp4";
    const boot = isBootOption(space === "dhcp4" ? name : `${space}.${name}`, code);
    const known = space === "dhcp4" && knownCodes.has(code);
    if (space === "dhcp4") codes.set(name, code);
    if (!known)
      add(notes, definition.place, `option-def ${name}`, boot ? bootAdvice : ownOptionAdvice);
  }
}

/** The settings that a list of options makes; notes the others. */
export function readKeaOptions(
  list: Json,
  codes: ReadonlyMap<string, number>,
  notes: Note[],
): Settings {
  let settings: Settings = {};
  for (const option of itemsOf(list)) {
    const { name, what, code } = identityOf(option, codes);
    for (const { key, place, value } of entriesOf(option)) {
      if (key === "always-send" && value.kind === "scalar" && value.value === true)
        add(
          notes,
          place,
          `${what}: always-send`,
          "rackstrap decides itself which options a client needs",
        );
      if (key === "client-classes") add(notes, place, `${what}: client-classes`, classAdvice);
      if (key === "never-send")
        add(notes, place, `${what}: never-send`, "remove the setting from the network instead");
    }
    const value = optionValue(option);
    if (value === undefined) {
      add(
        notes,
        option.place,
        what,
        "its data is not the hexadecimal that csv-format false asks for: correct it",
      );
      continue;
    }
    const reading = readOption(name, code, value);
    if ("instead" in reading) add(notes, option.place, what, reading.instead);
    else {
      for (const remark of reading.remarks) add(notes, option.place, what, remark);
      settings = { ...settings, ...reading.settings };
    }
  }
  return settings;
}

/** Whether every option of the list only serves network boot. */
export function onlyBootOptions(list: Json, codes: ReadonlyMap<string, number>): boolean {
  return itemsOf(list).every((option) => {
    const { name, code } = identityOf(option, codes);
    return isBootOption(name, code);
  });
}

function identityOf(option: Json, codes: ReadonlyMap<string, number>) {
  const number = Number(scalarOf(option, "code"));
  const written = textOf(option, "name");
  const space = textOf(option, "space") ?? "dhcp4";
  const name = space === "dhcp4" ? (written ?? "") : `${space}.${written ?? number}`;
  const code =
    space !== "dhcp4" ? undefined : (codes.get(name) ?? optionCode(name) ?? (number || undefined));
  return { name, code, what: `option-data ${written ?? number}` };
}

/** Items between commas, where `\,` is a comma itself; octets where `csv-format` is false. */
function optionValue(option: Json): OptionValue | undefined {
  const data = textOf(option, "data") ?? "";
  if (scalarOf(option, "csv-format") !== false)
    return {
      items: data
        .split(/(?<!\\),/)
        .map((item) => item.trim().replaceAll("\\,", ","))
        .filter((item) => item !== ""),
    };
  const text = /^'(.*)'$/.exec(data)?.[1];
  if (text !== undefined) return { octets: Buffer.from(text) };
  const hex = data.replace(/^0x/i, "").replaceAll(/[\s:]/g, "");
  return /^([0-9a-f]{2})*$/i.test(hex) ? { octets: Buffer.from(hex, "hex") } : undefined;
}

function add(notes: Note[], place: Place, what: string, instead: string): void {
  notes.push({ place, what, instead });
}
