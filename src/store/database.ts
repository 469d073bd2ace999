// Opens the SQLite file: durability settings, schema, and the checks before anything trusts it.

import { chmodSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { messageOf } from "../net/error-text.ts";

export type Connection = Database.Database;

/** What brings a database from one version to the next; its version is how many of them it has seen. */
export type Migrations = readonly string[];

/** Everything but the leases, which have a file of their own (see leases.ts). */
const mainMigrations: Migrations = [
  `
CREATE TABLE nodes (
  name TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  since_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE intents (
  id TEXT PRIMARY KEY,
  node TEXT NOT NULL,
  mac TEXT NOT NULL,
  disk TEXT NOT NULL,
  operation TEXT NOT NULL,
  armed_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  consumed_at_ms INTEGER
) STRICT;
CREATE INDEX intents_by_node ON intents (node);
CREATE TABLE events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at_ms INTEGER NOT NULL,
  node TEXT,
  mac TEXT,
  kind TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_node ON events (node, id);
CREATE INDEX events_by_mac ON events (mac, id);
CREATE TABLE discovered (
  mac TEXT PRIMARY KEY,
  first_seen_ms INTEGER NOT NULL,
  last_seen_ms INTEGER NOT NULL,
  address TEXT,
  facts TEXT NOT NULL
) STRICT;
CREATE TABLE leases (
  address TEXT PRIMARY KEY,
  mac TEXT NOT NULL,
  client_id TEXT,
  host_name TEXT,
  state TEXT NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  last_seen_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX leases_by_mac ON leases (mac);
CREATE TABLE operations (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  node TEXT NOT NULL,
  batch TEXT NOT NULL,
  status TEXT NOT NULL,
  cancel_requested INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL,
  ended_at_ms INTEGER,
  failure TEXT
) STRICT;
-- One running operation for a node, kept by the database itself.
CREATE UNIQUE INDEX operations_running ON operations (node) WHERE status = 'running';
CREATE TABLE steps (
  operation TEXT NOT NULL REFERENCES operations (id),
  position INTEGER NOT NULL,
  id TEXT NOT NULL,
  title TEXT NOT NULL,
  status TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  started_at_ms INTEGER,
  ended_at_ms INTEGER,
  last_line TEXT,
  evidence TEXT NOT NULL,
  PRIMARY KEY (operation, id)
) STRICT;
CREATE TABLE clusters (
  name TEXT PRIMARY KEY,
  bootstrap_node TEXT,
  claimed_at_ms INTEGER NOT NULL,
  initialised_at_ms INTEGER
) STRICT;
`,
  "DROP TABLE leases;",
  `
CREATE TABLE certificates (
  serial TEXT PRIMARY KEY,
  node TEXT NOT NULL,
  operation TEXT NOT NULL,
  issued_at_ms INTEGER NOT NULL,
  not_before_ms INTEGER NOT NULL,
  not_after_ms INTEGER NOT NULL,
  fingerprint TEXT NOT NULL,
  key_sha256 TEXT NOT NULL,
  ca_fingerprint TEXT NOT NULL,
  verified_at_ms INTEGER,
  verified_by TEXT
) STRICT;
CREATE INDEX certificates_by_operation ON certificates (operation);
`,
  `
ALTER TABLE intents ADD COLUMN resolved TEXT;
ALTER TABLE operations ADD COLUMN confirmed TEXT;
CREATE TABLE facts (
  node TEXT NOT NULL,
  kind TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  facts TEXT NOT NULL,
  PRIMARY KEY (node, kind)
) STRICT;
`,
  `
ALTER TABLE discovered ADD COLUMN waiting_ms INTEGER;
CREATE TABLE machine_reports (
  id INTEGER PRIMARY KEY,
  mac TEXT NOT NULL REFERENCES discovered (mac) ON DELETE CASCADE,
  at_ms INTEGER NOT NULL,
  address TEXT NOT NULL,
  machine TEXT NOT NULL
) STRICT;
CREATE INDEX machine_reports_by_mac ON machine_reports (mac, id);
`,
  `
ALTER TABLE operations ADD COLUMN parameters TEXT NOT NULL DEFAULT '{}';
ALTER TABLE operations ADD COLUMN disruptive INTEGER NOT NULL DEFAULT 0;
ALTER TABLE operations ADD COLUMN forced TEXT NOT NULL DEFAULT '[]';
ALTER TABLE operations ADD COLUMN nodes TEXT;
UPDATE operations SET nodes = json_array(node);
ALTER TABLE steps ADD COLUMN node TEXT;
-- Which nodes a running operation has to itself.
CREATE TABLE held_nodes (
  node TEXT PRIMARY KEY,
  operation TEXT NOT NULL REFERENCES operations (id)
) STRICT;
INSERT INTO held_nodes SELECT node, id FROM operations WHERE status = 'running';
-- One disruptive operation at a time, kept by the database itself.
CREATE UNIQUE INDEX operations_disruptive ON operations (disruptive) WHERE status = 'running' AND disruptive = 1;
`,
];

/** The database can't be trusted: what is in it was not written by this program as it stands. */
export class DamagedDatabase extends Error {}

/**
 * Opens or creates the database at `file` (mode 0600; ":memory:" for tests).
 * Throws an error that names the file and the remedy when it is damaged or written by a newer version.
 */
export function openDatabase(file: string, migrations: Migrations = mainMigrations): Connection {
  if (file !== ":memory:") mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const database = new Database(file, { timeout: 1000 });
  try {
    prepare(database, file, migrations);
  } catch (error) {
    database.close();
    if (error instanceof Database.SqliteError && error.code === "SQLITE_BUSY")
      throw new Error(
        `the database ${file} is in use by another server: stop that one, or give this one its own stateDirectory`,
        { cause: error },
      );
    throw error;
  }
  if (file !== ":memory:") chmodSync(file, 0o600);
  return database;
}

function prepare(database: Connection, file: string, migrations: Migrations): void {
  // One server for one file, for as long as it runs: two would hand out the same leases and wipe twice.
  database.pragma("locking_mode = EXCLUSIVE");
  const damage = damageOf(database);
  if (damage !== undefined)
    throw new DamagedDatabase(
      `the database ${file} is damaged (${damage}): stop the server, move the file aside, restore a backup of it, and start again`,
    );
  database.pragma("journal_mode = WAL");
  // A lease or an intent that was acknowledged must survive a power cut: every commit waits for the disk.
  database.pragma("synchronous = FULL");
  database.pragma("foreign_keys = ON");
  const version = Number(database.pragma("user_version", { simple: true }));
  if (version > migrations.length)
    throw new Error(
      `the database ${file} has schema ${version}, and this version knows ${migrations.length}: install the newer rackstrap that wrote it`,
    );
  if (version === migrations.length) return;
  database.transaction(() => {
    for (const migration of migrations.slice(version)) database.exec(migration);
    database.pragma(`user_version = ${migrations.length}`);
  })();
}

function damageOf(database: Connection): string | undefined {
  try {
    const answer = String(database.pragma("quick_check", { simple: true }));
    return answer === "ok" ? undefined : answer;
  } catch (error) {
    if (error instanceof Database.SqliteError && error.code === "SQLITE_BUSY") throw error;
    return messageOf(error);
  }
}

const statements = new WeakMap<Connection, Map<string, Database.Statement>>();

/** The statement of `sql`, which SQLite compiles at its first use alone: for what a rack asks a thousand times in a second. */
export function prepared<Bind extends unknown[], Row>(
  database: Connection,
  sql: string,
): Database.Statement<Bind, Row> {
  const known = statements.get(database) ?? new Map<string, Database.Statement>();
  statements.set(database, known);
  const statement = known.get(sql) ?? database.prepare(sql);
  known.set(sql, statement);
  return statement as unknown as Database.Statement<Bind, Row>;
}
