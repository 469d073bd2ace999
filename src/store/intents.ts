// Permissions to install in SQLite: what uses one up stands in one transaction with what it allows.

import { areSameDisks, type DiskIdentity } from "../nodes/disk-identity.ts";
import type { InstallIntent, NodeStore } from "../nodes/ports.ts";
import { type Connection, prepared } from "./database.ts";
import { noteInstall } from "./facts.ts";

export function intentMethods(
  database: Connection,
  transition: NodeStore["transition"],
): Pick<NodeStore, "arm" | "resolve" | "intent" | "consume" | "wasInstalled"> {
  return {
    arm: (intent) =>
      database.transaction(() => {
        database
          .prepare(
            `INSERT INTO intents (id, node, mac, disk, operation, armed_at_ms, expires_at_ms)
             VALUES (@id, @node, @mac, @disk, @operation, @armedAtMs, @expiresAtMs)`,
          )
          .run(intent);
        const { disk, mac, operation, expiresAtMs } = intent;
        transition(intent.node, "install-armed", { disk, mac, operation, expiresAtMs });
      })(),
    intent: (name) => newestIntent(database, name),
    wasInstalled: (name) =>
      database
        .prepare("SELECT 1 FROM intents WHERE node = ? AND consumed_at_ms IS NOT NULL LIMIT 1")
        .get(name) !== undefined,
    resolve: (intentId, disks, nowMs) =>
      database.transaction(() => {
        const intent = usableIntent(database, intentId, nowMs);
        if (intent === undefined) return false;
        if (intent.resolved !== undefined) return areSameDisks(intent.resolved, disks);
        database
          .prepare("UPDATE intents SET resolved = ? WHERE id = ?")
          .run(JSON.stringify(disks), intentId);
        return true;
      })(),
    consume: (intentId, disks, nowMs, detail) =>
      database.transaction(() => {
        const intent = usableIntent(database, intentId, nowMs);
        if (intent?.resolved === undefined || !areSameDisks(intent.resolved, disks)) return false;
        database.prepare("UPDATE intents SET consumed_at_ms = ? WHERE id = ?").run(nowMs, intentId);
        const { node, mac, disk: selector, resolved } = intent;
        noteInstall(database, node, { atMs: nowMs, mac, selector, disks: resolved });
        transition(node, "wipe-started", detail);
        return true;
      })(),
  };
}

/** The intent with this id, if it still allows a wipe: unused, unexpired, the newest of a node that is armed. */
function usableIntent(
  database: Connection,
  intentId: string,
  nowMs: number,
): InstallIntent | undefined {
  const named = database
    .prepare<[string], { node: string }>(
      `SELECT node FROM intents
       WHERE id = ? AND (SELECT state FROM nodes WHERE name = intents.node) = 'armed'`,
    )
    .get(intentId);
  const newest = named && newestIntent(database, named.node);
  if (newest === undefined || newest.id !== intentId || newest.consumedAtMs !== undefined)
    return undefined;
  return newest.expiresAtMs > nowMs ? newest : undefined;
}

interface IntentRow extends Omit<InstallIntent, "consumedAtMs" | "resolved"> {
  readonly consumedAtMs: number | null;
  readonly resolved: string | null;
}

function newestIntent(database: Connection, name: string): InstallIntent | undefined {
  const row = prepared<[string], IntentRow>(
    database,
    `SELECT id, node, mac, disk, resolved, operation, armed_at_ms AS armedAtMs,
            expires_at_ms AS expiresAtMs, consumed_at_ms AS consumedAtMs
     FROM intents WHERE node = ? ORDER BY rowid DESC LIMIT 1`,
  ).get(name);
  if (row === undefined) return undefined;
  const { consumedAtMs, resolved, ...intent } = row;
  return {
    ...intent,
    consumedAtMs: consumedAtMs ?? undefined,
    ...(resolved === null ? {} : { resolved: JSON.parse(resolved) as DiskIdentity[] }),
  };
}
