// The BMC simulator against freeipmi, which is strict. Needs the Debian packages freeipmi-tools and bsdutils.

import { spawn } from "node:child_process";
import { beforeAll, expect, test, vi } from "vitest";
import { machine, password, run, succeeds, useSimulators } from "./bmc-simulator-host.ts";
import { requireTools } from "./host.ts";

const bmcs = useSimulators();

beforeAll(() =>
  requireTools({
    "ipmi-power": "freeipmi-tools",
    "rmcp-ping": "freeipmi-tools",
    script: "bsdutils",
  }),
);

/** `options` say what the program is to do, as administrator. */
function freeipmi(program: string, ...options: readonly string[]): Promise<string> {
  const target = ["-D", "LAN_2_0", "-h", bmcs.plain.address, "-u", "admin", "-p", password];
  return succeeds(run(program, [...target, "-l", "ADMIN", "-I", "17", ...options]));
}

test("switches power and reads what it is", async () => {
  expect(await freeipmi("ipmi-power", "--stat")).toBe(`${bmcs.plain.address}: off\n`);
  await freeipmi("ipmi-power", "--on");
  expect(await freeipmi("ipmi-power", "--stat")).toBe(`${bmcs.plain.address}: on\n`);
  await freeipmi("ipmi-power", "--cycle");
  expect(machine.actions.slice(-2)).toEqual(["on", "cycle"]);
  expect(await freeipmi("ipmi-chassis", "--get-chassis-status")).toMatch(/System Power +: on/);
  await freeipmi("ipmi-chassis", "--chassis-identify=5");
  expect(machine.identifyUntilMs).toBeGreaterThan(Date.now());
});

test("reads sensors, event log and inventory", async () => {
  machine.log.push({ id: 1, timeMs: Date.now(), severity: "warning", message: "Fan 1 is slow" });
  expect(await freeipmi("ipmi-sensors")).toMatch(/Inlet Temp \| Temperature \| 23.00 +\| C /);
  expect(await freeipmi("ipmi-sel")).toMatch(
    /\| Fan 1 +\| Fan +\| Upper Non-critical - going high/,
  );
  expect(await freeipmi("ipmi-fru")).toContain("FRU Product Serial Number: SN-node01");
  await freeipmi("ipmi-sel", "--clear");
  expect(machine.log).toEqual([]);
});

test("names what was wrong", async () => {
  const ask = (...changed: readonly string[]) =>
    run("ipmi-power", [
      "-D",
      "LAN_2_0",
      "-h",
      bmcs.plain.address,
      "--stat",
      "-u",
      "admin",
      ...changed,
    ]);
  expect((await ask("-I", "17", "-p", "wrong")).text).toContain("password invalid");
  expect((await ask("-I", "17", "-p", password, "-u", "nobody")).text).toContain(
    "username invalid",
  );
  expect((await ask("-I", "8", "-p", password)).text).toContain("cipher suite id unavailable");
  expect((await ask("-I", "17", "-p", password, "-k", "kg")).text).toContain("k_g invalid");
  bmcs.plain.faults.outOfSessions = true;
  expect((await ask("-I", "17", "-p", password)).text).toContain("BMC busy");
});

test("hears the answer to a presence ping", async () => {
  const { code, text } = await run("rmcp-ping", ["-c", "1", bmcs.plain.address]);
  expect({ code, text }).toMatchObject({ code: 0, text: expect.stringContaining("1 pings") });
});

test("reads the boot flags", async () => {
  Object.assign(machine.boot, { device: "pxe", persistent: true, uefi: true });
  const flags = await freeipmi("ipmi-chassis-config", "--checkout", "-S", "Chassis_Boot_Flags");
  expect(flags).toMatch(/Boot_Flags_Persistent +Yes/);
  expect(flags).toMatch(/BIOS_Boot_Type +EFI/);
  expect(flags).toMatch(/Boot_Device +PXE/);
});

test("has the serial console", async () => {
  const { address } = bmcs.plain;
  const command = `ipmiconsole -I 17 -h ${address} -u admin -p ${password} --dont-steal`;
  const child = spawn("script", ["-qec", command, "/dev/null"]);
  let seen = "";
  child.stdout.on("data", (data) => {
    seen += data;
  });
  await vi.waitUntil(() => seen.includes("[SOL established]"), { timeout: 10_000 });
  child.stdin.write("uname -a\r");
  await vi.waitUntil(() => seen.includes("uname -a"), { timeout: 10_000 });
  child.stdin.write("&.");
  await vi.waitUntil(() => child.exitCode !== null, { timeout: 10_000 });
});
