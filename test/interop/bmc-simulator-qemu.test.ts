// The BMC simulator as a program, over a QEMU machine of the virtual rack. Needs the packages of vm-harness/setup.sh.

import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Machine } from "../../vm-harness/machine.ts";
import { runInNamespace, spawnInNamespace } from "../../vm-harness/network.ts";
import { createRack, type Rack } from "../../vm-harness/rack.ts";

const port = 6230;
let directory: string;
let rack: Rack;
let machine: Machine;
let simulator: ChildProcess;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "rackstrap-simulator-"));
  const nodes = [{ name: "node01", firmware: "bios", memoryMiB: 256 }] as const;
  rack = await createRack({ directory, nodes });
  machine = rack.machine("node01");
  // Beside the machine's own BMC, which nobody speaks to here.
  simulator = spawnInNamespace(rack.namespace, [
    ...[process.execPath, join(import.meta.dirname, "../../vm-harness/bmc/simulator.ts")],
    ...["--machine", machine.directory, "--address", machine.bmcAddress, "--port", `${port}`],
    ...["--user", machine.bmcUser, "--password-file", machine.bmcPasswordPath],
    ...["--control", controlSocket()],
  ]);
  await vi.waitUntil(() => existsSync(controlSocket()), { timeout: 20_000 });
});

afterAll(() => {
  simulator?.kill();
  rack?.close();
  rmSync(directory, { recursive: true, force: true });
});

function controlSocket(): string {
  return join(directory, "control.sock");
}

/** What its control socket says. */
function control(): Promise<{ readonly power: string; readonly actions: readonly string[] }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: controlSocket(), path: "/" }, (response) => {
      void text(response).then((body) => resolve(JSON.parse(body)));
    });
    asked.on("error", reject).end();
  });
}

const ipmitoolArgv = () => [
  ...["ipmitool", "-I", "lanplus", "-C", "17", "-H", machine.bmcAddress, "-p", `${port}`],
  ...["-U", machine.bmcUser, "-f", machine.bmcPasswordPath],
];

async function ipmi(...command: readonly string[]): Promise<string> {
  const argv = [...ipmitoolArgv(), ...command];
  const { code, stdout, stderr } = await runInNamespace(rack.namespace, argv);
  expect(code, stderr).toBe(0);
  return stdout.trim();
}

const isOn = async () => (await ipmi("power", "status")) === "Chassis Power is on";

test("power and the boot device reach QEMU, and a start uses the device up", {
  timeout: 120_000,
}, async () => {
  expect(await isOn()).toBe(false);
  await ipmi("chassis", "bootdev", "disk");
  await ipmi("power", "on");
  await vi.waitUntil(isOn, { timeout: 20_000, interval: 300 });
  const first = machine.qemuPid();
  expect(first).toBeDefined();
  const log = () => readFileSync(join(machine.directory, "bmc-vm.log"), "utf8");
  expect(log()).toContain("set boot default power 1");
  expect(await ipmi("chassis", "bootparam", "get", "5")).toContain("0000000000");

  await ipmi("chassis", "bootdev", "pxe", "options=persistent");
  await ipmi("power", "cycle");
  await vi.waitUntil(() => ![first, undefined].includes(machine.qemuPid()), { timeout: 20_000 });
  expect(log()).toContain("set power 0 boot pxe power 1");
  expect(await ipmi("chassis", "bootparam", "get", "5")).toContain("Force PXE");
  await ipmi("power", "off");
  await vi.waitUntil(() => machine.qemuPid() === undefined, { timeout: 20_000 });
  expect(await control()).toMatchObject({ power: "off", actions: ["on", "cycle", "off"] });
});

test("what the firmware prints is in the serial console", { timeout: 120_000 }, async () => {
  const command = [...ipmitoolArgv(), "sol", "activate"].join(" ");
  const sol = spawnInNamespace(rack.namespace, ["script", "-qec", command, "/dev/null"]);
  let seen = "";
  sol.stdout?.on("data", (data) => {
    seen += data;
  });
  await vi.waitUntil(() => seen.includes("SOL Session operational"), { timeout: 20_000 });
  await ipmi("power", "on");
  await vi.waitUntil(() => seen.includes("SeaBIOS"), { timeout: 60_000 });
  sol.stdin?.write("\r~.");
  await vi.waitUntil(() => sol.exitCode !== null, { timeout: 20_000 });
  await ipmi("power", "off");
  await vi.waitUntil(() => machine.qemuPid() === undefined, { timeout: 20_000 });
});
