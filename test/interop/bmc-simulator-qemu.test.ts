// The BMC simulator as a program, over a QEMU machine of the virtual rack. Needs the packages of vm-harness/setup.sh.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Machine } from "../../vm-harness/machine.ts";
import { spawnInNamespace } from "../../vm-harness/network.ts";
import { createRack, type Rack } from "../../vm-harness/rack.ts";

let directory: string;
let rack: Rack;
let machine: Machine;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "rackstrap-simulator-"));
  const nodes = [{ name: "node01", firmware: "bios", memoryMiB: 256, bmc: "ipmi-17" }] as const;
  rack = await createRack({ directory, nodes });
  machine = rack.machine("node01");
});

afterAll(() => {
  rack?.close();
  rmSync(directory, { recursive: true, force: true });
});

/** What its control socket says. */
function control(): Promise<{ readonly power: string; readonly actions: readonly string[] }> {
  return new Promise((resolve, reject) => {
    const socketPath = join(machine.directory, "bmc-control");
    const asked = request({ socketPath, path: "/" }, (response) => {
      void text(response).then((body) => resolve(JSON.parse(body)));
    });
    asked.on("error", reject).end();
  });
}

async function ipmi(...command: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await machine.ipmitool(command);
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
  const target = `-H ${machine.bmcAddress} -U ${machine.bmcUser} -f ${machine.bmcPasswordPath}`;
  const command = `ipmitool -I lanplus -C 17 ${target} sol activate`;
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
