// Operations, their steps, and the bootstrap claim in SQLite.

import type {
  BootstrapClaim,
  ClusterStore,
  Confirmation,
  Evidence,
  Failure,
  Operation,
  OperationKind,
  OperationStatus,
  OperationStore,
  StepRecord,
  StepStatus,
} from "../operations/operation.ts";
import { type Connection, prepared } from "./database.ts";

interface OperationRow {
  id: string;
  kind: OperationKind;
  node: string;
  nodes: string;
  batch: string;
  status: OperationStatus;
  cancel_requested: number;
  created_at_ms: number;
  ended_at_ms: number | null;
  failure: string | null;
  confirmed: string | null;
  parameters: string;
  disruptive: number;
  forced: string;
}

interface StepRow {
  id: string;
  title: string;
  node: string | null;
  status: StepStatus;
  attempts: number;
  started_at_ms: number | null;
  ended_at_ms: number | null;
  last_line: string | null;
  evidence: string;
}

export function createOperationStore(database: Connection, now: () => number): OperationStore {
  const read = (row: OperationRow): Operation => toOperation(row, readSteps(database, row.id));
  return {
    create: (operations) =>
      database.transaction(() => {
        for (const operation of operations) insert(database, operation);
      })(),
    operation: (id) => {
      const row = database
        .prepare<[string], OperationRow>("SELECT * FROM operations WHERE id = ?")
        .get(id);
      return row && read(row);
    },
    operations: ({ running }) =>
      database
        .prepare<[], OperationRow>(
          `SELECT * FROM operations ${running ? "WHERE status = 'running'" : ""}
           ORDER BY created_at_ms DESC, rowid DESC LIMIT 1000`,
        )
        .all()
        .map(read),
    outlines: (limit) =>
      database
        .prepare<[number], OperationRow>(
          "SELECT * FROM operations ORDER BY created_at_ms DESC, rowid DESC LIMIT ?",
        )
        .all(limit)
        .map((row) => toOperation(row, readSteps(database, row.id, outlineColumns))),
    runningFor: (node) => {
      const row = prepared<[string], OperationRow>(
        database,
        "SELECT * FROM operations WHERE id = (SELECT operation FROM held_nodes WHERE node = ?)",
      ).get(node);
      return row && read(row);
    },
    disruptive: () => {
      const row = prepared<[], OperationRow>(
        database,
        "SELECT * FROM operations WHERE status = 'running' AND disruptive = 1",
      ).get();
      return row && read(row);
    },
    saveStep: (operationId, step) => {
      database
        .prepare(
          `UPDATE steps SET status = @status, attempts = @attempts, started_at_ms = @startedAtMs,
             ended_at_ms = @endedAtMs, last_line = @lastLine, evidence = @evidence
           WHERE operation = @operation AND id = @id`,
        )
        .run(stepParameters(operationId, step));
    },
    finish: (operationId, status, failure) =>
      database.transaction(() => {
        database
          .prepare("UPDATE operations SET status = ?, ended_at_ms = ?, failure = ? WHERE id = ?")
          .run(status, now(), failure === undefined ? null : JSON.stringify(failure), operationId);
        database.prepare("DELETE FROM held_nodes WHERE operation = ?").run(operationId);
      })(),
    reopen: (operationId, again) =>
      database.transaction(() => {
        const operation = database
          .prepare<[string], OperationRow>("SELECT * FROM operations WHERE id = ?")
          .get(operationId);
        if (operation === undefined) throw new Error(`no operation has the id ${operationId}`);
        hold(database, operationId, JSON.parse(operation.nodes) as string[]);
        database
          .prepare(
            `UPDATE operations SET status = 'running', cancel_requested = 0, ended_at_ms = NULL, failure = NULL
             WHERE id = ?`,
          )
          .run(operationId);
        database
          .prepare(
            `UPDATE steps SET status = 'pending', started_at_ms = NULL, ended_at_ms = NULL
             WHERE operation = ? AND (status <> 'done' OR id IN (SELECT value FROM json_each(?)))`,
          )
          .run(operationId, JSON.stringify(again));
      })(),
    requestCancel: (operationId) => {
      database.prepare("UPDATE operations SET cancel_requested = 1 WHERE id = ?").run(operationId);
    },
  };
}

function insert(database: Connection, operation: Operation): void {
  database
    .prepare(
      `INSERT INTO operations (id, kind, node, nodes, batch, status, cancel_requested, created_at_ms, confirmed,
         parameters, disruptive, forced)
       VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?)`,
    )
    .run(
      operation.id,
      operation.kind,
      operation.node,
      JSON.stringify(operation.nodes),
      JSON.stringify(operation.batch),
      operation.status,
      operation.createdAtMs,
      operation.confirmed === undefined ? null : JSON.stringify(operation.confirmed),
      JSON.stringify(operation.parameters),
      operation.disruptive ? 1 : 0,
      JSON.stringify(operation.forced),
    );
  if (operation.status === "running") hold(database, operation.id, operation.nodes);
  const insertStep = database.prepare(
    `INSERT INTO steps (operation, position, id, title, node, status, attempts, started_at_ms, ended_at_ms, last_line, evidence)
     VALUES (@operation, @position, @id, @title, @node, @status, @attempts, @startedAtMs, @endedAtMs, @lastLine, @evidence)`,
  );
  for (const [position, step] of operation.steps.entries())
    insertStep.run({
      ...stepParameters(operation.id, step),
      position,
      title: step.title,
      node: step.node ?? null,
    });
}

function hold(database: Connection, operation: string, nodes: readonly string[]): void {
  const statement = database.prepare("INSERT INTO held_nodes (node, operation) VALUES (?, ?)");
  for (const node of nodes) statement.run(node, operation);
}

function stepParameters(operation: string, step: StepRecord): Record<string, unknown> {
  return {
    operation,
    id: step.id,
    status: step.status,
    attempts: step.attempts,
    startedAtMs: step.startedAtMs ?? null,
    endedAtMs: step.endedAtMs ?? null,
    lastLine: step.lastLine ?? null,
    evidence: JSON.stringify(step.evidence),
  };
}

/** Neither read nor parsed is what may be megabytes with a few hundred operations. */
const outlineColumns =
  "id, title, node, status, attempts, started_at_ms, ended_at_ms, NULL AS last_line, '{}' AS evidence";

function readSteps(database: Connection, operation: string, columns = "*"): StepRecord[] {
  return prepared<[string], StepRow>(
    database,
    `SELECT ${columns} FROM steps WHERE operation = ? ORDER BY position`,
  )
    .all(operation)
    .map((row) => ({
      id: row.id,
      title: row.title,
      node: row.node ?? undefined,
      status: row.status,
      attempts: row.attempts,
      startedAtMs: row.started_at_ms ?? undefined,
      endedAtMs: row.ended_at_ms ?? undefined,
      lastLine: row.last_line ?? undefined,
      evidence: JSON.parse(row.evidence) as Evidence,
    }));
}

function toOperation(row: OperationRow, steps: StepRecord[]): Operation {
  return {
    id: row.id,
    kind: row.kind,
    node: row.node,
    nodes: JSON.parse(row.nodes) as string[],
    batch: JSON.parse(row.batch) as string[],
    status: row.status,
    cancelRequested: row.cancel_requested === 1,
    steps,
    createdAtMs: row.created_at_ms,
    endedAtMs: row.ended_at_ms ?? undefined,
    failure: row.failure === null ? undefined : (JSON.parse(row.failure) as Failure),
    parameters: JSON.parse(row.parameters) as Evidence,
    disruptive: row.disruptive === 1,
    forced: JSON.parse(row.forced) as string[],
    ...(row.confirmed === null ? {} : { confirmed: JSON.parse(row.confirmed) as Confirmation }),
  };
}

export function createClusterStore(database: Connection, now: () => number): ClusterStore {
  const claim = (cluster: string): BootstrapClaim | undefined => {
    const row = prepared<
      [string],
      { node: string | null; claimed: number; initialised: number | null }
    >(
      database,
      `SELECT bootstrap_node AS node, claimed_at_ms AS claimed, initialised_at_ms AS initialised
       FROM clusters WHERE name = ?`,
    ).get(cluster);
    return (
      row && {
        cluster,
        node: row.node ?? undefined,
        claimedAtMs: row.claimed,
        initialisedAtMs: row.initialised ?? undefined,
      }
    );
  };
  return {
    claim,
    claimBootstrap: (cluster, node) => {
      database
        .prepare(
          "INSERT INTO clusters (name, bootstrap_node, claimed_at_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .run(cluster, node, now());
      return claim(cluster) ?? { cluster, node, claimedAtMs: now(), initialisedAtMs: undefined };
    },
    markInitialised: (cluster) => {
      database
        .prepare(
          `INSERT INTO clusters (name, claimed_at_ms, initialised_at_ms) VALUES (@cluster, @at, @at)
           ON CONFLICT (name) DO UPDATE SET initialised_at_ms = coalesce(initialised_at_ms, @at)`,
        )
        .run({ cluster, at: now() });
    },
    formAnew: (cluster, node) => {
      database
        .prepare(
          `INSERT INTO clusters (name, bootstrap_node, claimed_at_ms) VALUES (@cluster, @node, @at)
           ON CONFLICT (name) DO UPDATE
           SET bootstrap_node = @node, claimed_at_ms = @at, initialised_at_ms = NULL`,
        )
        .run({ cluster, node, at: now() });
    },
    markFormedBy: (cluster, node) => {
      database
        .prepare(
          `INSERT INTO clusters (name, bootstrap_node, claimed_at_ms, initialised_at_ms)
           VALUES (@cluster, @node, @at, @at)
           ON CONFLICT (name) DO UPDATE SET bootstrap_node = @node, initialised_at_ms = @at`,
        )
        .run({ cluster, node, at: now() });
    },
  };
}
