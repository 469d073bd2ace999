// What is known of declared machines in SQLite: the last word of each, and what was last written to it.

import type { KnownMachine, LastInstall, NodeStore } from "../nodes/ports.ts";
import { type Connection, prepared } from "./database.ts";

type Kind = "machine" | "install";

export function factMethods(
  database: Connection,
): Pick<NodeStore, "learn" | "machine" | "lastInstall"> {
  return {
    learn: (node, { atMs, ...machine }) => save(database, node, "machine", atMs, machine),
    machine: (node) => find<KnownMachine>(database, node, "machine"),
    lastInstall: (node) => find<LastInstall>(database, node, "install"),
  };
}

export function noteInstall(
  database: Connection,
  node: string,
  { atMs, ...install }: LastInstall,
): void {
  save(database, node, "install", atMs, install);
}

function save(database: Connection, node: string, kind: Kind, atMs: number, facts: object): void {
  database
    .prepare(
      `INSERT INTO facts (node, kind, at_ms, facts) VALUES (?, ?, ?, ?)
       ON CONFLICT (node, kind) DO UPDATE SET at_ms = excluded.at_ms, facts = excluded.facts`,
    )
    .run(node, kind, atMs, JSON.stringify(facts));
}

function find<Known extends { readonly atMs: number }>(
  database: Connection,
  node: string,
  kind: Kind,
): Known | undefined {
  const row = prepared<[string, Kind], { atMs: number; facts: string }>(
    database,
    "SELECT at_ms AS atMs, facts FROM facts WHERE node = ? AND kind = ?",
  ).get(node, kind);
  return row && ({ ...(JSON.parse(row.facts) as object), atMs: row.atMs } as Known);
}
