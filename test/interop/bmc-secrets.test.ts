// The passwords of BMCs, searched for wherever they must not be, while the product drives BMCs of every kind.
// Needs the packages of vm-harness/setup.sh.

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createRack, type Rack } from "../../vm-harness/rack.ts";
import { type RackServer, rackstrap, startServer } from "../../vm-harness/server.ts";

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

interface Seen {
  readonly where: string;
  readonly argv: string;
}

/** Looks at every process again and again until it is told to stop: where a secret is in its arguments or its environment. */
async function watchProcesses(secrets: readonly string[], stop: AbortSignal): Promise<Seen[]> {
  const seen = new Map<string, Seen>();
  let looks = 0;
  while (!stop.aborted) {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      const argv = readProcess(pid, "cmdline").replaceAll("\0", " ").trim();
      for (const where of ["cmdline", "environ"])
        if (secrets.some((secret) => readProcess(pid, where).includes(secret)))
          seen.set(`${where} ${argv}`, { where, argv });
    }
    looks += 1;
    await turn();
  }
  expect(looks).toBeGreaterThan(10);
  return [...seen.values()];
}

function readProcess(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return "";
  }
}

/** Every file below the directory, as text. */
function textsBelow(path: string): { readonly path: string; readonly text: string }[] {
  if (!statSync(path).isDirectory()) return [{ path, text: readFileSync(path, "latin1") }];
  return readdirSync(path).flatMap((name) => textsBelow(join(path, name)));
}

test("no password of a BMC is in an argument, an unrelated environment, a log, an answer or the store", {
  timeout: 240_000,
}, async () => {
  const passwords = rack.machines.map(({ bmcPasswordPath }) =>
    readFileSync(bmcPasswordPath, "utf8").trim(),
  );
  const secrets = passwords.flatMap((password) => [
    password,
    Buffer.from(password).toString("base64"),
    Buffer.from(`admin:${password}`).toString("base64"),
    Buffer.from(password).toString("hex"),
  ]);
  const names = rack.machines.map(({ name }) => name);
  const stop = new AbortController();
  const watching = watchProcesses(secrets, stop.signal);
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
  const seen = await watching;

  const holds = (text: string) => secrets.some((secret) => text.includes(secret));
  // The one program that has to be told, by the one way that nobody else can read. That it is seen shows that the watch sees.
  const told = seen.filter(
    ({ where, argv }) => where === "environ" && argv.startsWith("ipmitool "),
  );
  expect(told).not.toEqual([]);
  expect(seen.filter((each) => !told.includes(each))).toEqual([]);
  expect(answers.filter(holds)).toEqual([]);
  const written = [
    ...textsBelow(join(directory, "server.log")),
    ...textsBelow(join(directory, "state")),
  ];
  expect(written.length).toBeGreaterThan(2);
  expect(written.filter(({ text }) => holds(text)).map(({ path }) => path)).toEqual([]);
});
