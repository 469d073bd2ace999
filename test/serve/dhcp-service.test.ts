import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Inventory } from "../../src/inventory/schema.ts";
import { startDhcpService } from "../../src/serve/dhcp-service.ts";
import { exampleInventory } from "../fakes/rack.ts";

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rackstrap-dhcp-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

const example = exampleInventory();
const onInterface = (name: string): Inventory => ({
  ...example,
  server: { ...example.server, interface: name },
});

const noLoaders = { usable: new Set<string>(), refused: new Map<string, string>() };

function start(inventory: Inventory, heard: string[] = []) {
  return startDhcpService(
    { inventory, leaseFile: join(folder, "leases.db"), inheritedFds: [], loaders: noLoaders },
    {
      onSightings: () => undefined,
      onWarning: (message) => heard.push(message),
      onStoring: () => undefined,
      onFault: (error) => heard.push(`fault: ${error.message}`),
    },
    Date.now,
  );
}

test("the service says why it can't start, and lets go of the lease file", async () => {
  const heard: string[] = [];
  await expect(start(onInterface("nosuch0"), heard)).rejects.toThrow(
    "there is no network interface nosuch0: name one that ip link shows",
  );
  expect(heard).toEqual([]);
  // Nobody else could open it otherwise.
  const database = new Database(join(folder, "leases.db"), { timeout: 0 });
  expect(database.pragma("quick_check", { simple: true })).toBe("ok");
  database.close();
});

test("the service does not start on a lease file of a newer version", async () => {
  const database = new Database(join(folder, "leases.db"));
  database.pragma("user_version = 99");
  database.close();
  await expect(start(onInterface("lo"))).rejects.toThrow(/schema 99, and this version knows 1/);
});

test("the service tells of a lease file that was damaged", async () => {
  const heard: string[] = [];
  writeFileSync(join(folder, "leases.db"), "nonsense ".repeat(1_000));
  await expect(start(onInterface("nosuch0"), heard)).rejects.toThrow("nosuch0");
  expect(heard).toEqual([
    expect.stringMatching(/^the lease file was damaged and is now .*leases begin anew$/),
  ]);
  expect(existsSync(heard[0]?.match(/now (.*):/)?.[1] ?? "")).toBe(true);
});

// Ports 67 and 4011 of the loopback interface; only root may have them.
test.runIf(process.getuid?.() === 0)(
  "the service runs until it is closed, and leaves nobody waiting for an answer",
  { timeout: 20_000 },
  async () => {
    const heard: string[] = [];
    const service = await start(onInterface("lo"), heard);
    expect(service.state()).toBe("running");
    expect(await service.leases()).toEqual([]);
    expect((await service.poolUse()).every(({ used }) => used === 0)).toBe(true);
    const { provisioning } = example.networks;
    const networks = { ...example.networks, provisioning: { ...provisioning, pool: undefined } };
    await service.setInventory({ ...onInterface("lo"), networks });
    expect(await service.poolUse()).toEqual([]);
    const asked = [service.leases(), service.leases()];
    const closed = service.close();
    const late = service.leases();
    await expect(late).rejects.toThrow("DHCP has stopped");
    expect(await Promise.all(asked)).toEqual([[], []]);
    await expect(service.setInventory(onInterface("lo"))).rejects.toThrow("DHCP has stopped");
    await closed;
    expect([service.state(), await service.poolUse(), heard]).toEqual(["stopped", [], []]);
    // And again: closing twice is no fault, and the ports are free.
    await service.close();
    const second = await start(onInterface("lo"), heard);
    await second.close();
  },
);
