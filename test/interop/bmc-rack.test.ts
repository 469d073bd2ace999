// A machine of the virtual rack, switched through its BMC alone: no boot server answers it.
// Needs the packages of vm-harness/setup.sh; createRack names those that are missing.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Machine } from "../../vm-harness/machine.ts";
import { runInNamespace } from "../../vm-harness/network.ts";
import { createRack, type Rack } from "../../vm-harness/rack.ts";

let directory: string;
let rack: Rack;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "rackstrap-bmc-rack-"));
  rack = await createRack({
    directory,
    nodes: [
      { name: "node01", firmware: "bios", memoryMiB: 256 },
      { name: "node02", firmware: "uefi", memoryMiB: 512, bmc: "ipmi-17" },
    ],
  });
});

afterAll(() => {
  rack?.close();
  rmSync(directory, { recursive: true, force: true });
});

async function ipmi(machine: Machine, ...command: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await machine.ipmitool(["chassis", ...command]);
  expect(code, stderr).toBe(0);
  return stdout.trim();
}

test("a BMC starts QEMU, restarts it and ends it, and knows which of these is the case", async () => {
  const machine = rack.machine("node01");
  expect(await ipmi(machine, "power", "status")).toBe("Chassis Power is off");
  expect(machine.qemuPid()).toBeUndefined();

  await ipmi(machine, "power", "on");
  const first = await vi.waitUntil(() => machine.qemuPid(), { timeout: 5000 });
  expect(await ipmi(machine, "power", "status")).toBe("Chassis Power is on");

  await ipmi(machine, "power", "on");
  expect(machine.qemuPid(), "a repeated power on restarts nothing").toBe(first);

  await ipmi(machine, "power", "cycle");
  const second = await vi.waitUntil(() => newPid(machine, first), { timeout: 10_000 });
  await ipmi(machine, "power", "reset");
  await vi.waitUntil(() => newPid(machine, second), { timeout: 10_000 });
  expect(await ipmi(machine, "power", "soft")).toBe("Chassis Power Control: Soft");

  await ipmi(machine, "power", "off");
  await vi.waitUntil(() => machine.qemuPid() === undefined, { timeout: 5000 });
  expect(await ipmi(machine, "power", "status")).toBe("Chassis Power is off");
});

describe.each(["node01", "node02"])("the BMC of %s", (name) => {
  test("keeps a boot device for one start", async () => {
    const machine = rack.machine(name);
    const kept = () => ipmi(machine, "bootparam", "get", "5");
    const usedUp = async () => (await kept()).includes("No override");
    await ipmi(machine, "bootdev", "pxe");
    expect(await kept()).toContain("Force PXE");
    await ipmi(machine, "power", "on");
    await vi.waitUntil(() => machine.qemuPid(), { timeout: 5000 });
    await vi.waitUntil(usedUp, { timeout: 5000 });

    await ipmi(machine, "bootdev", "disk");
    expect(await kept()).toContain("Force Boot from default Hard-Drive");
    // Off before on: what the first start still printed must not be taken for the second's.
    await ipmi(machine, "power", "off");
    await vi.waitUntil(() => machine.qemuPid() === undefined, { timeout: 10_000 });
    const printed = machine.consoleLog().length;
    await ipmi(machine, "power", "on");
    await vi.waitUntil(async () => machine.qemuPid() && (await usedUp()), { timeout: 10_000 });
    // The disk is blank: the firmware tries it, says so, and only then turns to the network.
    const tried = await vi.waitUntil(() => triedDevices(machine, printed).at(0), {
      timeout: 40_000,
    });
    await ipmi(machine, "power", "off");
    expect(tried).toBe("disk");
  });

  test("refuses a wrong password", async () => {
    const machine = rack.machine(name);
    const password = readFileSync(machine.bmcPasswordPath, "utf8");
    writeFileSync(machine.bmcPasswordPath, "wrong\n");
    const { code, stderr } = await machine.ipmitool(["-R", "1", "chassis", "power", "on"]);
    writeFileSync(machine.bmcPasswordPath, password);
    expect(code).not.toBe(0);
    expect(stderr).toContain("Unable to establish IPMI v2 / RMCP+ session");
    expect(await ipmi(machine, "power", "status")).toBe("Chassis Power is off");
  });

  test("powers on a machine whose firmware asks the provisioning network what to boot", async () => {
    const machine = rack.machine(name);
    const capture = runInNamespace(
      rack.namespace,
      // One DISCOVER from this machine: its MAC, the BOOTP server port.
      ["tcpdump", "-lnvi", "prov", "-c", "1", `ether src ${machine.mac} and udp dst port 67`],
      { timeoutMs: 30_000 },
    );
    await ipmi(machine, "power", "on");
    const { stdout } = await capture;
    await ipmi(machine, "power", "off");
    expect(stdout).toContain("Discover");
    expect(stdout).toContain(
      machine.firmware === "bios" ? "PXEClient:Arch:00000" : "PXEClient:Arch:00007",
    );
    expect(machine.consoleLog()).toContain("PXE");
  });
});

test("a closed rack leaves no process and no namespace", async () => {
  const machine = rack.machine("node01");
  await ipmi(machine, "power", "on");
  await vi.waitUntil(() => machine.qemuPid(), { timeout: 5000 });
  rack.close();
  expect(machine.qemuPid()).toBeUndefined();
  const { code } = await runInNamespace(rack.namespace, ["true"]);
  expect(code).not.toBe(0);
});

test("the next rack removes one whose process was killed", async () => {
  const rackModule = join(import.meta.dirname, "../../vm-harness/rack.ts");
  const killed = spawnSync(
    process.execPath,
    [
      "--input-type=module-typescript",
      "--eval",
      `import { createRack } from ${JSON.stringify(rackModule)};
      const directory = ${JSON.stringify(join(directory, "killed"))};
      const rack = await createRack({ directory, nodes: [{ name: "node01", firmware: "bios" }] });
      await rack.machine("node01").ipmitool(["chassis", "power", "on"]);
      process.stdout.write(rack.namespace + " " + rack.machine("node01").qemuPid());
      process.kill(process.pid, "SIGKILL");`,
    ],
    { encoding: "utf8" },
  );
  const [namespace = "", pid = ""] = killed.stdout.split(" ");
  expect(killed.signal, killed.stderr).toBe("SIGKILL");
  expect(existsSync(`/run/netns/${namespace}`)).toBe(true);
  expect(existsSync(`/proc/${pid}`)).toBe(true);

  const next = await createRack({
    directory: join(directory, "next"),
    nodes: [{ name: "node01", firmware: "bios" }],
  });
  next.close();
  expect(existsSync(`/run/netns/${namespace}`)).toBe(false);
  expect(existsSync(`/proc/${pid}`)).toBe(false);
});

/** What the firmware tried to boot, in order, by what the console printed after its first `offset` characters. */
function triedDevices(machine: Machine, offset: number): ("disk" | "network")[] {
  const patterns = {
    bios: /Booting from (?<disk>Hard Disk)|Booting from (?<network>ROM)/g,
    uefi: /Boot\d+ "UEFI (?<disk>Misc Device)|(?<network>Start PXE)/g,
  };
  const found = machine.consoleLog().slice(offset).matchAll(patterns[machine.firmware]);
  return [...found].map(({ groups }) => (groups?.["disk"] === undefined ? "network" : "disk"));
}

/** The pid of a QEMU that isn't `old` any more. */
function newPid(machine: Machine, old: number | undefined): number | undefined {
  const pid = machine.qemuPid();
  return pid === old ? undefined : pid;
}
