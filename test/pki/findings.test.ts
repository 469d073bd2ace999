import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Secret } from "../../src/net/secret.ts";
import { type Ca, loadOrCreateCa } from "../../src/pki/ca.ts";
import { fingerprintOf } from "../../src/pki/chain.ts";
import { pkiFindings } from "../../src/pki/findings.ts";
import type { IssuedRecord } from "../../src/pki/issued.ts";
import { rotateCa } from "../../src/pki/rotate-ca.ts";

const root = mkdtempSync(join(tmpdir(), "rackstrap-findings-"));
const nowMs = Date.now();
const days = (count: number) => count * 86_400_000;
let plain: Ca;
let locked: Ca;

beforeAll(async () => {
  const settings = { commonName: "CA", key: "ec", caDays: 3650, nowMs } as const;
  plain = await loadOrCreateCa(join(root, "plain"), settings);
  const passphrase = { secret: new Secret("secret"), name: "the variable" };
  locked = await loadOrCreateCa(join(root, "locked"), { ...settings, passphrase });
});
afterAll(() => rmSync(root, { recursive: true }));

const record = (node: string, leftDays: number, ca = locked): IssuedRecord => ({
  ...{ node, serial: "1", operation: "op", issuedAtMs: 0, notBeforeMs: 0 },
  ...{ notAfterMs: nowMs + days(leftDays), fingerprint: "f", keySha256: "k" },
  caFingerprint: fingerprintOf(ca.certificate),
});

const levels = (...args: Parameters<typeof pkiFindings>) =>
  pkiFindings(...args).map(({ title, level }) => `${level}: ${title}`);

test("a CA under a passphrase with years to go is in order", () => {
  expect(levels(locked, [], ["node01"], nowMs)).toEqual([
    "ok: key of the cluster CA",
    "ok: certificate of the cluster CA",
  ]);
});

test("a CA without a passphrase is a warning that says how to set one, and where the key lies", () => {
  const [finding] = pkiFindings(plain, [], [], nowMs);
  expect(finding).toMatchObject({
    level: "warning",
    detail: expect.stringContaining(join(root, "plain/ca-key.pem")),
    next: expect.stringMatching(/^set pki\.passphrase/),
  });
});

test.each([
  [3650 - 100, "warning"],
  [3700, "error"],
])("a CA after %d days is a matter of: %s", (later, level) => {
  const [, dates] = pkiFindings(locked, [], [], nowMs + days(later));
  expect(dates).toMatchObject({ level, next: expect.stringContaining("every node") });
});

test.each([
  [100, "ok"],
  [29, "warning"],
  [-1, "error"],
])("a node's certificate that has %d days left is a matter of: %s", (left, level) => {
  expect(levels(locked, [record("node01", left)], ["node01"], nowMs)).toContain(
    `${level}: certificate of node node01`,
  );
});

test("the newest certificate of each declared node counts, and no other", () => {
  const records = [record("node01", 300), record("node01", -5), record("gone", -5)];
  expect(levels(locked, records, ["node01"], nowMs).slice(2)).toEqual([
    "ok: certificate of node node01",
  ]);
});

test("a certificate of a CA that is no longer used is an error", () => {
  const found = pkiFindings(locked, [record("node01", 300, plain)], ["node01"], nowMs).at(-1);
  expect(found).toMatchObject({ level: "error", detail: expect.stringContaining("another CA") });
});

test("a rotation of the CA that is not finished is a warning, and certificates of either CA are in order", async () => {
  const directory = join(root, "rotated");
  const settings = { commonName: "CA", key: "ec", caDays: 3650, nowMs } as const;
  const old = await loadOrCreateCa(directory, settings);
  const replaced = fingerprintOf(old.certificate);
  await rotateCa(directory, { step: "begin", replaced }, settings);
  await rotateCa(directory, { step: "switch", replaced }, settings);
  const ca = await loadOrCreateCa(directory, settings);
  const records = [record("node01", 300, old), record("node02", 300, ca)];
  expect(levels(ca, records, ["node01", "node02"], nowMs).slice(2)).toEqual([
    "warning: rotation of the cluster CA",
    "ok: certificate of node node01",
    "ok: certificate of node node02",
  ]);
});
