// DHCP leases in SQLite, in a file of their own: they are written by the thread that answers DHCP, thousands in a second.
// `write` returns after the commit is on disk: the ACKs leave only then.

import { readFileSync, renameSync } from "node:fs";
import Database from "better-sqlite3";
import type { Lease, LeaseJournal } from "../dhcp/lease-table.ts";
import { messageOf } from "../net/error-text.ts";
import { ipv4FromNumber, ipv4ToNumber } from "../net/ipv4.ts";
import type { Mac } from "../net/mac.ts";
import { type Connection, DamagedDatabase, openDatabase } from "./database.ts";

const migrations = [
  `
-- The boots of this machine: its monotonic clock is good for rows written during the same one. Leases name theirs in "boot",
-- without a foreign key, which would be looked up for each of thousands of rows a second.
CREATE TABLE boots (
  id INTEGER PRIMARY KEY,
  boot_id TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE leases (
  address INTEGER PRIMARY KEY,
  mac TEXT NOT NULL,
  client_id TEXT,
  host_name TEXT,
  state TEXT NOT NULL,
  boot INTEGER NOT NULL,
  expires_monotonic_ms INTEGER NOT NULL,
  seen_monotonic_ms INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL
) STRICT;
`,
];

// The log is written over from its start each time it has been moved into the file, and a sync that does not make a file
// longer takes half the time. 2 MiB is moved in two or three milliseconds.
const logPages = 512;

interface LeaseRow {
  address: number;
  mac: Mac;
  client_id: string | null;
  host_name: string | null;
  state: Lease["state"];
  boot: number;
  expires_monotonic_ms: number;
  seen_monotonic_ms: number;
  expires_at_ms: number;
}

export interface LeaseFile extends LeaseJournal {
  /** Where a damaged file was moved to when this one was opened in its place. */
  readonly damagedFile: string | undefined;
  /** Why nothing can be written any more; undefined while it can. */
  failure(): string | undefined;
  close(): void;
}

export interface LeaseFileOptions {
  /** Milliseconds since the epoch. */
  readonly wallNow: () => number;
  /** Names this boot of the machine; the clock of the journal's callers runs from one to the next. */
  readonly bootId: string;
}

/** The name Linux gives to this boot (proc(5), random/boot_id). */
export function readBootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
}

/**
 * Opens or creates the lease file. A damaged one is moved aside and replaced by an empty one: machines ask for their
 * addresses again, while a server that does not start leaves them without. Throws what `openDatabase` throws otherwise.
 */
export function openLeaseFile(file: string, options: LeaseFileOptions): LeaseFile {
  const opened = openOrReplace(file, options.wallNow);
  let database = opened.database;
  let write = prepareWrite(database, options);
  let tryOut = prepareTryOut(database);
  let failure: string | undefined;
  // After a failed sync the kernel may have dropped what was not written, and would report success the next time.
  const reopen = () => {
    try {
      database.close();
      database = openDatabase(file, migrations);
      write = prepareWrite(database, options);
      tryOut = prepareTryOut(database);
    } catch (error) {
      failure = `the lease file ${file} can't be opened again after an I/O error (${messageOf(error)}): check the disk, and start again`;
    }
  };
  const attempt = (work: () => void, mayRepeat = true): void => {
    try {
      work();
    } catch (error) {
      if (isInputOutputError(error)) reopen();
      if (mayRepeat && isFull(error) && reuseLog(database)) attempt(work, false);
      else throw error;
    }
  };
  return {
    damagedFile: opened.damagedFile,
    load: (nowMs) => load(database, options, nowMs),
    write: (rows, removed, nowMs) => attempt(() => write(rows, removed, nowMs)),
    tryOut: () => attempt(() => tryOut()),
    failure: () => failure,
    close: () => {
      database.close();
    },
  };
}

function openOrReplace(
  file: string,
  wallNow: () => number,
): { readonly database: Connection; readonly damagedFile: string | undefined } {
  try {
    return { database: openDatabase(file, migrations), damagedFile: undefined };
  } catch (error) {
    if (!(error instanceof DamagedDatabase)) throw error;
    const damagedFile = `${file}.damaged-${wallNow()}`;
    renameSync(file, damagedFile);
    return { database: openDatabase(file, migrations), damagedFile };
  }
}

function isFull(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code === "SQLITE_FULL";
}

/** Moves what is in the log to the file, so that the log is written from its beginning and needs no more room on a full disk. */
function reuseLog(database: Connection): boolean {
  try {
    database.pragma("wal_checkpoint(RESTART)");
    return true;
  } catch {
    return false;
  }
}

function isInputOutputError(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code.startsWith("SQLITE_IOERR");
}

function prepareWrite(
  database: Connection,
  { wallNow, bootId }: LeaseFileOptions,
): LeaseJournal["write"] {
  database.pragma(`wal_autocheckpoint = ${logPages}`);
  const addBoot = database.prepare("INSERT INTO boots (boot_id) VALUES (?)");
  let boot = currentBoot(database, bootId);
  const save = database.prepare(
    `INSERT OR REPLACE INTO leases
       (address, mac, client_id, host_name, state, boot, expires_monotonic_ms, seen_monotonic_ms, expires_at_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const remove = database.prepare("DELETE FROM leases WHERE address = ?");
  const store = database.transaction<LeaseJournal["write"]>((rows, removed, nowMs) => {
    // With the first lease and not at the start: a disk that is full by then must not keep reserved machines from theirs.
    if (boot === undefined) addBoot.run(bootId);
    const writtenDuring = boot ?? currentBoot(database, bootId);
    const offsetMs = wallNow() - nowMs;
    for (const address of removed) remove.run(ipv4ToNumber(address));
    for (const lease of rows)
      save.run(
        ipv4ToNumber(lease.address),
        lease.mac,
        lease.clientId ?? null,
        lease.hostName ?? null,
        lease.state,
        writtenDuring,
        Math.round(lease.expiresAtMs),
        Math.round(lease.lastSeenMs),
        Math.round(lease.expiresAtMs + offsetMs),
      );
  });
  return (rows, removed, nowMs) => {
    store(rows, removed, nowMs);
    boot ??= currentBoot(database, bootId);
  };
}

/** Writes and takes away a row, so that every page of the smallest change comes to the disk. */
function prepareTryOut(database: Connection): () => void {
  const put = database.prepare("INSERT INTO boots (boot_id) VALUES ('')");
  const remove = database.prepare("DELETE FROM boots WHERE boot_id = ''");
  return database.transaction(() => {
    put.run();
    remove.run();
  });
}

function currentBoot(database: Connection, bootId: string): number | undefined {
  const row = database
    .prepare<[string], { id: number }>("SELECT id FROM boots WHERE boot_id = ?")
    .get(bootId);
  return row?.id;
}

// The clock on the wall may be set while the server runs or is down. Within one boot it is not looked at; across boots a
// lease never lasts longer than it was granted for.
function load(
  database: Connection,
  { wallNow, bootId }: LeaseFileOptions,
  nowMs: number,
): readonly Lease[] {
  const boot = currentBoot(database, bootId);
  const offsetMs = nowMs - wallNow();
  const rows = database.prepare<[], LeaseRow>("SELECT * FROM leases").all();
  const newest = newestOfEachBoot(rows);
  return rows.map((row) => {
    const grantedMs = row.expires_monotonic_ms - row.seen_monotonic_ms;
    const sameBoot = row.boot === boot;
    const expiresAtMs = sameBoot
      ? row.expires_monotonic_ms
      : Math.min(expiresAtWall(row, newest.get(row.boot) ?? row) + offsetMs, nowMs + grantedMs);
    return {
      address: ipv4FromNumber(row.address),
      mac: row.mac,
      ...(row.client_id === null ? {} : { clientId: row.client_id }),
      ...(row.host_name === null ? {} : { hostName: row.host_name }),
      state: row.state,
      expiresAtMs,
      lastSeenMs: expiresAtMs - grantedMs,
    };
  });
}

function newestOfEachBoot(rows: readonly LeaseRow[]): ReadonlyMap<number, LeaseRow> {
  const newest = new Map<number, LeaseRow>();
  for (const row of rows)
    if (row.seen_monotonic_ms >= (newest.get(row.boot)?.seen_monotonic_ms ?? 0))
      newest.set(row.boot, row);
  return newest;
}

/** Of several settings of the clock during one boot, the last is the one to believe. */
function expiresAtWall(row: LeaseRow, newest: LeaseRow): number {
  return row.expires_monotonic_ms + (newest.expires_at_ms - newest.expires_monotonic_ms);
}
