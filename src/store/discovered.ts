// Machines in no inventory in SQLite: when they were seen, and what the discovery image said of them. Anyone on the network can
// add to it, so all of it is bounded.

import type { Mac } from "../net/mac.ts";
import type { MachineReport } from "../nodes/machine-report.ts";
import type { Discovered, NodeStore, StoredReport } from "../nodes/ports.ts";
import type { Connection } from "./database.ts";

/** Of those that reported, and of those that did not: a crowd of MACs that were made up must not push out what was looked at. */
const keptOfEach = 500;
const keptReports = 5;

interface Row {
  readonly mac: Mac;
  readonly first: number;
  readonly last: number;
  readonly address: string | null;
  readonly facts: string;
  readonly waiting: number | null;
  readonly reportedAt: number | null;
  readonly reportedFrom: string | null;
  readonly machine: string | null;
}

interface ReportRow {
  readonly atMs: number;
  readonly address: string;
  readonly machine: string;
}

type Methods = Pick<
  NodeStore,
  "discover" | "discovered" | "discovery" | "reportMachine" | "noteWaiting"
>;

export function discoveryMethods(database: Connection, now: () => number): Methods {
  const see = (mac: Mac, address: string | undefined, facts: Readonly<Record<string, string>>) => {
    database
      .prepare(
        `INSERT INTO discovered (mac, first_seen_ms, last_seen_ms, address, facts)
         VALUES (@mac, @at, @at, @address, @facts)
         ON CONFLICT (mac) DO UPDATE SET last_seen_ms = @at,
           address = coalesce(@address, address), facts = json_patch(facts, @facts)`,
      )
      .run({ mac, at: now(), address: address ?? null, facts: JSON.stringify(facts) });
  };
  return {
    discover: database.transaction((mac, address, facts) => {
      see(mac, address, facts);
      prune(database);
    }),
    discovered: () => rows(database).map(machineOf),
    discovery: (mac) => {
      const [row] = rows(database, mac);
      return row && { ...machineOf(row), reports: reportsOf(database, mac) };
    },
    reportMachine: database.transaction((address, machine) => {
      see(machine.bootMac, address, {});
      keepReport(database, address, machine, now());
      prune(database);
      noteWaiting(database, machine.bootMac, now());
    }),
    noteWaiting: (mac) => noteWaiting(database, mac, now()),
  };
}

function prune(database: Connection): void {
  database
    .prepare<[number]>(
      `DELETE FROM discovered WHERE mac IN (SELECT mac FROM
         (SELECT mac, row_number() OVER (
            PARTITION BY EXISTS (SELECT 1 FROM machine_reports r WHERE r.mac = d.mac)
            ORDER BY last_seen_ms DESC) AS place FROM discovered d)
       WHERE place > ?)`,
    )
    .run(keptOfEach);
}

/** One that says the same as the last takes its place. */
function keepReport(
  database: Connection,
  address: string,
  machine: MachineReport,
  atMs: number,
): void {
  const { bootMac: mac } = machine;
  const text = JSON.stringify(machine);
  const last = database
    .prepare<[string], { id: number; machine: string }>(
      "SELECT id, machine FROM machine_reports WHERE mac = ? ORDER BY id DESC LIMIT 1",
    )
    .get(mac);
  if (last?.machine === text) {
    database
      .prepare("UPDATE machine_reports SET at_ms = ?, address = ? WHERE id = ?")
      .run(atMs, address, last.id);
    return;
  }
  database
    .prepare("INSERT INTO machine_reports (mac, at_ms, address, machine) VALUES (?, ?, ?, ?)")
    .run(mac, atMs, address, text);
  database
    .prepare(
      `DELETE FROM machine_reports WHERE mac = ? AND id NOT IN
         (SELECT id FROM machine_reports WHERE mac = ? ORDER BY id DESC LIMIT ?)`,
    )
    .run(mac, mac, keptReports);
}

function noteWaiting(database: Connection, mac: Mac, nowMs: number): boolean {
  const { changes } = database
    .prepare(
      `UPDATE discovered SET waiting_ms = @nowMs, last_seen_ms = @nowMs
       WHERE mac = @mac AND EXISTS (SELECT 1 FROM machine_reports r WHERE r.mac = @mac)`,
    )
    .run({ mac, nowMs });
  return changes > 0;
}

function rows(database: Connection, mac?: Mac): Row[] {
  return database
    .prepare<[Record<string, unknown>], Row>(
      `SELECT d.mac, first_seen_ms AS first, last_seen_ms AS last, d.address, facts, waiting_ms AS waiting,
              r.at_ms AS reportedAt, r.address AS reportedFrom, r.machine
       FROM discovered d LEFT JOIN machine_reports r
         ON r.id = (SELECT max(id) FROM machine_reports newest WHERE newest.mac = d.mac)
       WHERE @mac IS NULL OR d.mac = @mac ORDER BY last_seen_ms DESC`,
    )
    .all({ mac: mac ?? null });
}

function machineOf(row: Row): Discovered {
  const { reportedAt: atMs, reportedFrom: address, machine } = row;
  const reported = atMs !== null && address !== null && machine !== null;
  return {
    mac: row.mac,
    firstSeenMs: row.first,
    lastSeenMs: row.last,
    address: row.address ?? undefined,
    facts: JSON.parse(row.facts) as Record<string, string>,
    report: reported ? reportOf({ atMs, address, machine }) : undefined,
    waitingMs: row.waiting ?? undefined,
  };
}

function reportsOf(database: Connection, mac: Mac): StoredReport[] {
  return database
    .prepare<[string], ReportRow>(
      "SELECT at_ms AS atMs, address, machine FROM machine_reports WHERE mac = ? ORDER BY id DESC",
    )
    .all(mac)
    .map(reportOf);
}

/** Checked when it was stored. */
function reportOf({ atMs, address, machine }: ReportRow): StoredReport {
  return { atMs, address, machine: JSON.parse(machine) as MachineReport };
}
