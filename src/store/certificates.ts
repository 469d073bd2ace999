// The certificates that were issued, in SQLite: what they say, never a key.

import type { CertificateStore, IssuedRecord } from "../pki/issued.ts";
import type { Connection } from "./database.ts";

interface Row {
  serial: string;
  node: string;
  operation: string;
  issued_at_ms: number;
  not_before_ms: number;
  not_after_ms: number;
  fingerprint: string;
  key_sha256: string;
  ca_fingerprint: string;
  verified_at_ms: number | null;
  verified_by: "files" | "handshake" | null;
}

export function createCertificateStore(database: Connection): CertificateStore {
  return {
    issued: (record) => database.transaction(() => insert(database, record))(),
    verified: (operation, node, by, atMs) => {
      database
        .prepare(
          "UPDATE certificates SET verified_at_ms = ?, verified_by = ? WHERE operation = ? AND node = ?",
        )
        .run(atMs, by, operation, node);
    },
    withdrawn: (operation, node) => remove(database, { operation, node }),
    certificates: () =>
      database
        .prepare<[], Row>(
          "SELECT * FROM certificates ORDER BY issued_at_ms DESC, rowid DESC LIMIT 10000",
        )
        .all()
        .map(toRecord),
  };
}

function remove(
  database: Connection,
  { operation, node }: Pick<IssuedRecord, "operation" | "node">,
): void {
  database
    .prepare("DELETE FROM certificates WHERE operation = ? AND node = ?")
    .run(operation, node);
}

function insert(database: Connection, record: IssuedRecord): void {
  remove(database, record);
  database
    .prepare(
      `INSERT INTO certificates (serial, node, operation, issued_at_ms, not_before_ms, not_after_ms,
         fingerprint, key_sha256, ca_fingerprint) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      record.serial,
      record.node,
      record.operation,
      record.issuedAtMs,
      record.notBeforeMs,
      record.notAfterMs,
      record.fingerprint,
      record.keySha256,
      record.caFingerprint,
    );
}

function toRecord(row: Row): IssuedRecord {
  const { serial, node, operation, fingerprint } = row;
  const verified =
    row.verified_at_ms === null || row.verified_by === null
      ? undefined
      : { atMs: row.verified_at_ms, by: row.verified_by };
  return {
    ...{ serial, node, operation, fingerprint },
    issuedAtMs: row.issued_at_ms,
    notBeforeMs: row.not_before_ms,
    notAfterMs: row.not_after_ms,
    keySha256: row.key_sha256,
    caFingerprint: row.ca_fingerprint,
    verified,
  };
}
