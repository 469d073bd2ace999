import { expect, test } from "vitest";
import type { IssuedRecord } from "../../src/pki/issued.ts";
import { createCertificateStore } from "../../src/store/certificates.ts";
import { openDatabase } from "../../src/store/database.ts";

const record = (serial: string, operation: string, node: string, issuedAtMs: number) => ({
  ...{ serial, operation, node, issuedAtMs, notBeforeMs: 1, notAfterMs: 2 },
  ...{ fingerprint: `f-${serial}`, keySha256: `k-${serial}`, caFingerprint: "ca" },
});

test("what was issued is kept, newest first, and how it was seen on its node", () => {
  const store = createCertificateStore(openDatabase(":memory:"));
  const [first, second] = [record("1", "op-1", "node01", 10), record("2", "op-2", "node02", 20)];
  store.issued(first);
  store.issued(second);
  store.verified("op-1", "node01", "files", 30);
  store.verified("op-2", "node02", "handshake", 40);
  expect(store.certificates()).toEqual<readonly IssuedRecord[]>([
    { ...second, verified: { atMs: 40, by: "handshake" } },
    { ...first, verified: { atMs: 30, by: "files" } },
  ]);
});

test("one that is issued again for the same operation takes the first one's place, not seen yet", () => {
  const store = createCertificateStore(openDatabase(":memory:"));
  store.issued(record("1", "op-1", "node01", 10));
  store.verified("op-1", "node01", "files", 15);
  const again = record("2", "op-1", "node01", 20);
  store.issued(again);
  store.issued(record("3", "op-2", "node01", 5));
  expect(store.certificates().map(({ serial, verified }) => [serial, verified])).toEqual([
    ["2", undefined],
    ["3", undefined],
  ]);
});

test("of one operation about several nodes, each keeps its own", () => {
  const store = createCertificateStore(openDatabase(":memory:"));
  store.issued(record("1", "op-1", "node01", 10));
  store.issued(record("2", "op-1", "node02", 20));
  store.verified("op-1", "node02", "files", 30);
  expect(store.certificates().map(({ serial, verified }) => [serial, verified?.by])).toEqual([
    ["2", "files"],
    ["1", undefined],
  ]);
});

test("one that is withdrawn leaves those before it, and those of other nodes", () => {
  const store = createCertificateStore(openDatabase(":memory:"));
  store.issued(record("1", "op-1", "node01", 10));
  store.issued(record("2", "op-2", "node01", 20));
  store.issued(record("3", "op-2", "node02", 30));
  store.withdrawn("op-2", "node01");
  store.withdrawn("op-3", "node02");
  expect(store.certificates().map(({ serial }) => serial)).toEqual(["3", "1"]);
});
