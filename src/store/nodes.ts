// Node states, intents and events in SQLite.

import type { Mac } from "../net/mac.ts";
import type { NewEvent, NodeRecord, NodeStore, TimelineEvent } from "../nodes/ports.ts";
import { type NodeEvent, type NodeState, nextState } from "../nodes/state.ts";
import { type Connection, prepared } from "./database.ts";
import { discoveryMethods } from "./discovered.ts";
import { factMethods, forgetInstall } from "./facts.ts";
import { intentMethods } from "./intents.ts";

type Detail = Readonly<Record<string, unknown>>;

interface EventRow {
  id: number;
  at_ms: number;
  node: string | null;
  mac: string | null;
  kind: string;
  detail: string;
}

// What machines on the network cause is bounded, they can go on for as long as they like; what moved a node is kept.
const keptEvents = 200_000;
const pruneEvery = 1000;

/** `onEvent` hears every event as it is written. */
export function createNodeStore(
  database: Connection,
  now: () => number,
  onEvent: (event: TimelineEvent) => void = () => {},
): NodeStore {
  const insertEvent = database.prepare<[number, string | null, string | null, string, string]>(
    "INSERT INTO events (at_ms, node, mac, kind, detail) VALUES (?, ?, ?, ?, ?)",
  );
  const prune = database.prepare<[number]>(`DELETE FROM events WHERE id <= ?
       AND (kind GLOB 'dhcp-*' OR kind GLOB 'foreign-*' OR kind GLOB 'tftp-*' OR kind GLOB 'boot-*'
       OR kind GLOB '*-served')`);
  const saveNode = database.prepare<[string, NodeState, number]>(
    `INSERT INTO nodes (name, state, since_ms) VALUES (?, ?, ?)
     ON CONFLICT (name) DO UPDATE SET state = excluded.state, since_ms = excluded.since_ms`,
  );

  const append = (event: NewEvent): TimelineEvent => {
    const atMs = now();
    const detail = JSON.stringify(event.detail);
    const row = insertEvent.run(atMs, event.node ?? null, event.mac ?? null, event.kind, detail);
    const id = Number(row.lastInsertRowid);
    if (id % pruneEvery === 0) prune.run(id - keptEvents);
    const written = { ...event, atMs, id };
    onEvent(written);
    return written;
  };

  const node = (name: string): NodeRecord => findNode(database, name);

  const transition = (name: string, event: NodeEvent, detail: Detail): NodeRecord =>
    database.transaction(() => {
      const from = node(name).state;
      const state = nextState(from, event);
      if (state === undefined)
        throw new Error(`node ${name} is ${from}: ${event} is no move from there`);
      const sinceMs = now();
      saveNode.run(name, state, sinceMs);
      // Whatever is on its disk by the time it comes back is not known to be ours.
      if (event === "decommissioned") forgetInstall(database, name);
      append({ node: name, mac: undefined, kind: event, detail: { ...detail, from, to: state } });
      return { name, state, sinceMs };
    })();

  return {
    node,
    transition,
    append,
    ...intentMethods(database, transition),
    ...factMethods(database),
    ...discoveryMethods(database, now),
    events: (query) => findEvents(database, query),
  };
}

function findNode(database: Connection, name: string): NodeRecord {
  const row = prepared<[string], { state: NodeState; since_ms: number }>(
    database,
    "SELECT state, since_ms FROM nodes WHERE name = ?",
  ).get(name);
  return { name, state: row?.state ?? "registered", sinceMs: row?.since_ms ?? 0 };
}

function findEvents(
  database: Connection,
  query: Parameters<NodeStore["events"]>[0],
): TimelineEvent[] {
  const after = query.afterId;
  const rows = database
    .prepare<[Record<string, unknown>], EventRow>(
      `SELECT id, at_ms, node, mac, kind, detail FROM events
       WHERE id > @after AND (@node IS NULL OR node = @node) AND (@mac IS NULL OR mac = @mac)
         AND (@kinds IS NULL OR kind IN (SELECT value FROM json_each(@kinds)))
       ORDER BY id ${after === undefined ? "DESC" : "ASC"} LIMIT @limit`,
    )
    .all({
      after: after ?? 0,
      node: query.node ?? null,
      mac: query.mac ?? null,
      kinds: query.kinds === undefined ? null : JSON.stringify(query.kinds),
      limit: query.limit,
    });
  const events = rows.map((row) => ({
    id: row.id,
    atMs: row.at_ms,
    node: row.node ?? undefined,
    mac: (row.mac ?? undefined) as Mac | undefined,
    kind: row.kind,
    detail: JSON.parse(row.detail) as Detail,
  }));
  return after === undefined ? events.reverse() : events;
}
