// Reads machines from a CSV with the names that MAAS has for them (`maas … machines create`, its machine list) in the first line.

import { parseCsv } from "./csv.ts";
import { addMachine, createMachines, meaningOf } from "./machine-fields.ts";
import type { OldConfig } from "./model.ts";
import { type Read, startOf, total, unreadable } from "./source.ts";

const maxNoted = 20;

/** Reads the machines; says where and why when there is no header or a cell does not end. */
export function parseMaasCsv(bytes: Buffer, file: string): Read<OldConfig> {
  return total(() => {
    const [header, ...rows] = parseCsv(bytes.toString("utf8").replace(/^\uFEFF/, ""), file);
    if (header === undefined || !header.some(({ text }) => meaningOf(text) === "mac"))
      unreadable(
        header?.[0]?.place ?? startOf(file),
        "its first line has no column for MACs: name one mac_addresses",
      );
    const machines = createMachines();
    const unknown = header.filter(({ text }) => text !== "" && meaningOf(text) === undefined);
    // Once for the column, not for every machine.
    for (const { text, place } of unknown.slice(0, maxNoted))
      machines.notes.push({
        place,
        what: `column ${text}`,
        instead: "rackstrap has no counterpart: check whether it is still needed",
      });
    for (const row of rows) {
      const place = row[0]?.place ?? startOf(file);
      const fields = row.flatMap((cell, i) => {
        const column = header[i]?.text ?? "";
        return meaningOf(column) === undefined
          ? []
          : [{ name: column, text: cell.text, place: cell.place }];
      });
      if (row.length > header.length)
        machines.notes.push({
          place,
          what: `row ${place.line}`,
          instead: `it has ${row.length} cells and the first line ${header.length}: put text with a comma into quotation marks`,
        });
      addMachine(fields, place, machines);
    }
    const { hosts, notes } = machines;
    return { networks: [], hosts, notes };
  });
}
