import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openRun } from "../../src/install/run.ts";
import type { Inventory } from "../../src/inventory/schema.ts";
import type { Operation } from "../../src/operations/operation.ts";
import { removeLeftSecrets } from "../../src/serve/provisioning.ts";
import { exampleInventory } from "../fakes/rack.ts";
import { temporaryDirectory } from "../fakes/temporary-directory.ts";

const secrets = ["extra-files", "host-key", "installer-host-key", "tmp"];

function site() {
  const stateDirectory = temporaryDirectory();
  const before = exampleInventory();
  const inventory: Inventory = { ...before, server: { ...before.server, stateDirectory } };
  const directoryOf = (id: string) => join(stateDirectory, "runs", id);
  return { inventory, directoryOf };
}

/** A run directory with every secret that an install has. */
function withSecrets(directory: string): void {
  for (const name of ["extra-files/etc", "tmp"])
    mkdirSync(join(directory, name), { recursive: true });
  for (const name of ["host-key", "installer-host-key", "extra-files/etc/key", "tmp/key", "log"])
    writeFileSync(join(directory, name), "");
}

const left = (directory: string) => readdirSync(directory).filter((name) => secrets.includes(name));

test("at the start, secrets of ended operations are removed and their processes ended, and no other's", async () => {
  const { inventory, directoryOf } = site();
  const statuses: Record<string, Operation["status"]> = {
    ...{ failed: "failed", cancelled: "cancelled", done: "done", running: "running" },
  };
  for (const id of [...Object.keys(statuses), "unknown"]) withSecrets(directoryOf(id));
  const run = openRun(directoryOf("failed"));
  writeFileSync(join(run.directory, "known_hosts"), "10.0.100.50 ssh-ed25519 AAAA\n");
  await run.start({
    argv: ["/bin/sh", "-c", "sleep 600"],
    home: "/",
    path: process.env["PATH"] ?? "",
  });
  expect((await run.inspect(Date.now())).kind).toBe("running");
  const operation = (id: string) =>
    id in statuses ? ({ id, status: statuses[id] } as Operation) : undefined;
  const faults: unknown[] = [];
  const logger = { error: (fault: unknown) => void faults.push(fault) } as never;
  await removeLeftSecrets(inventory, { operation }, logger);
  expect(faults).toEqual([]);
  expect((await run.inspect(Date.now())).kind).toBe("cancelled");
  for (const id of ["failed", "cancelled", "done"]) {
    expect(left(directoryOf(id))).toEqual([]);
    expect(existsSync(join(directoryOf(id), "log"))).toBe(true);
  }
  for (const id of ["running", "unknown"]) expect(left(directoryOf(id))).toEqual(secrets);
});

test("a state directory without runs has no secrets left, and one that can't be read is told of", async () => {
  const { inventory } = site();
  const faults: object[] = [];
  const logger = { error: (fault: object) => void faults.push(fault) } as never;
  const operation = (id: string) => ({ id, status: "failed" }) as Operation;
  await removeLeftSecrets(inventory, { operation }, logger);
  expect(faults).toEqual([]);
  const { stateDirectory } = inventory.server;
  withSecrets(join(stateDirectory, "runs", "not usable"));
  await removeLeftSecrets(inventory, { operation }, logger);
  expect(faults).toMatchObject([{ operation: "not usable", err: expect.any(Error) }]);
});
