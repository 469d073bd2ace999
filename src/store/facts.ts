// What is known of declared machines in SQLite: the last word of each, and what was last written to it.

import type { Mac } from "../net/mac.ts";
import type { KnownMachine, LastInstall, NodeStore } from "../nodes/ports.ts";
import { type Connection, prepared } from "./database.ts";

type Kind = "machine" | "install";

export function factMethods(
  database: Connection,
): Pick<NodeStore, "learn" | "machine" | "nodesWithCard" | "lastInstall"> {
  return {
    learn: (node, { atMs, ...machine }) => save(database, node, "machine", atMs, machine),
    machine: (node) => find<KnownMachine>(database, node, "machine"),
    nodesWithCard: (mac) => nodesWithCard(database, mac),
    lastInstall: (node) => find<LastInstall>(database, node, "install"),
  };
}

// Asked with each request of a machine in no inventory: the text is searched before it is parsed.
function nodesWithCard(database: Connection, mac: Mac): string[] {
  return prepared<[Record<string, unknown>], { node: string }>(
    database,
    `SELECT node FROM facts WHERE kind = 'machine' AND instr(facts, @mac) > 0
       AND EXISTS (SELECT 1 FROM json_each(facts, '$.facts.macs') WHERE value = @mac) ORDER BY node`,
  )
    .all({ mac })
    .map(({ node }) => node);
}

export function noteInstall(
  database: Connection,
  node: string,
  { atMs, ...install }: LastInstall,
): void {
  save(database, node, "install", atMs, install);
}

export function forgetInstall(database: Connection, node: string): void {
  database.prepare("DELETE FROM facts WHERE node = ? AND kind = 'install'").run(node);
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
