import "reflect-metadata";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { X509Certificate } from "@peculiar/x509";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Ca, loadOrCreateCa } from "../../src/pki/ca.ts";
import { clusterIdentity } from "../../src/serve/cluster-identity.ts";
import { exampleInventory } from "../fakes/rack.ts";

const dayMs = 86_400_000;
const startMs = Date.UTC(2026, 0, 1);
const root = mkdtempSync(join(tmpdir(), "rackstrap-identity-"));
const inventory = exampleInventory();
let first: Ca;
let second: Ca;

beforeAll(async () => {
  const settings = { commonName: "CA", key: "ec", caDays: 30, nowMs: startMs } as const;
  first = await loadOrCreateCa(join(root, "first"), settings);
  second = await loadOrCreateCa(join(root, "second"), settings);
});

afterAll(() => rmSync(root, { recursive: true }));

test("the server is known by one certificate until half its time is over", async () => {
  let nowMs = startMs;
  const identity = clusterIdentity(
    () => first,
    () => inventory,
    () => nowMs,
  );
  const shown = await identity();
  expect(new X509Certificate(shown.cert).subject).toBe(`CN=rackstrap.${inventory.domain}`);
  nowMs += 3 * dayMs;
  expect(await identity()).toBe(shown);
  nowMs += dayMs;
  expect(await identity()).not.toBe(shown);
});

test("another CA in force signs another certificate", async () => {
  let ca = first;
  const identity = clusterIdentity(
    () => ca,
    () => inventory,
    () => startMs,
  );
  const shown = await identity();
  ca = second;
  const next = new X509Certificate((await identity()).cert);
  expect(await next.verify({ publicKey: second.certificate.publicKey, signatureOnly: true })).toBe(
    true,
  );
  expect(next.serialNumber).not.toBe(new X509Certificate(shown.cert).serialNumber);
});
