// The passwords of BMCs, searched for wherever they must not be, while the product drives BMCs of every kind.
// Needs the packages of vm-harness/setup.sh.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createRack, type Rack } from "../../vm-harness/rack.ts";
import { type RackServer, rackstrap, startServer } from "../../vm-harness/server.ts";
import { createScanner, filesBelow, findInFiles, watchProcesses } from "./secret-scan.ts";

let directory: string;
let rack: Rack;
let server: RackServer;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "rackstrap-bmc-secrets-"));
  rack = await createRack({
    directory,
    nodes: (["ipmi_sim", "ipmitool", "ipmi-17", "redfish"] as const).map((bmc, index) => ({
      ...{ name: `node0${index + 1}`, firmware: "bios", memoryMiB: 128, bmc },
    })),
  });
  server = await startServer(rack.namespace, rack.inventoryFile, join(directory, "server.log"));
}, 120_000);

afterAll(async () => {
  await server?.stop();
  rack?.close();
  rmSync(directory, { recursive: true, force: true });
});

test("no password of a BMC is in an argument, an unrelated environment, a log, an answer or the store", {
  timeout: 240_000,
}, async () => {
  const passwords = rack.machines.map(({ bmcPasswordPath }) =>
    readFileSync(bmcPasswordPath, "utf8").trim(),
  );
  const scanner = createScanner(
    passwords.map((value, index) => ({ name: `password ${index + 1}`, value })),
  );
  const names = rack.machines.map(({ name }) => name);
  const stop = new AbortController();
  const watching = watchProcesses(stop.signal);
  const answers: string[] = [];
  const run = async (...args: string[]) => {
    const { stdout, stderr, code } = await rackstrap(rack.namespace, rack.inventoryFile, args);
    answers.push(stdout, stderr);
    return code;
  };
  for (const json of [[], ["--json"]]) {
    expect(await run("power", "status", ...names, ...json)).toBe(0);
    expect(await run("power", "on", ...names, ...json)).toBe(0);
    expect(await run("power", "off", ...names, ...json)).toBe(0);
    await run("check", ...json);
    await run("nodes", ...json);
    await run("events", ...json);
  }
  // Failures say the most: a password that is refused, and a secret that can't be read.
  for (const { bmcPasswordPath } of rack.machines) writeFileSync(bmcPasswordPath, "wrong-12345\n");
  expect(await run("power", "status", ...names)).not.toBe(0);
  for (const { bmcPasswordPath } of rack.machines) rmSync(bmcPasswordPath);
  expect(await run("power", "status", ...names, "--json")).not.toBe(0);
  stop.abort();
  const { seen, looks } = await watching;
  expect(looks).toBeGreaterThan(10);

  const holding = seen.filter(({ content }) => scanner.find(content).length > 0);
  // The one program that has to be told, by the one way that nobody else can read. That it is seen shows that the watch sees.
  const told = holding.filter(
    ({ where, argv }) => where === "environ" && /^\[?ipmitool\b/.test(argv),
  );
  expect(told).not.toEqual([]);
  const others = holding.filter((each) => !told.includes(each));
  expect(others.map(({ where, argv }) => `${where} of ${argv}`)).toEqual([]);
  expect(answers.filter((answer) => scanner.find(answer).length > 0)).toEqual([]);
  expect(filesBelow(join(directory, "state")).length).toBeGreaterThan(2);
  expect(findInFiles(scanner, join(directory, "server.log"))).toEqual({});
  expect(findInFiles(scanner, join(directory, "state"))).toEqual({});
});
