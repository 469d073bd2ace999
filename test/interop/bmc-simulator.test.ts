// The BMC simulator against ipmitool. Needs the Debian packages ipmitool and bsdutils.

import { spawn } from "node:child_process";
import { beforeAll, describe, expect, test, vi } from "vitest";
import type { Faults } from "../../vm-harness/bmc/faults.ts";
import {
  bmcKey,
  ipmitoolArgv,
  machine,
  password,
  run,
  succeeds,
  useSimulators,
} from "./bmc-simulator-host.ts";
import { requireTools } from "./host.ts";

const bmcs = useSimulators();
const argvOf = (suite: number) => ipmitoolArgv(suite, bmcs.plain);
const ipmitool = (suite: number, ...command: readonly string[]) =>
  succeeds(run("ipmitool", [...argvOf(suite), ...command]));

beforeAll(() => requireTools({ ipmitool: "ipmitool", script: "bsdutils" }));

describe.each([3, 17])("ipmitool with cipher suite %i", (suite) => {
  test("switches power, and reads what it is", async () => {
    const power = (verb: string) => ipmitool(suite, "chassis", "power", verb);
    expect(await power("status")).toBe("Chassis Power is off\n");
    await power("on");
    expect(await power("status")).toBe("Chassis Power is on\n");
    await power("cycle");
    await power("reset");
    await power("soft");
    expect(await power("status")).toBe("Chassis Power is off\n");
    expect(machine.actions.slice(-4)).toEqual(["on", "cycle", "reset", "soft"]);
  });

  test("is refused a cycle of a machine that is off", async () => {
    const asked = machine.actions.length;
    const { code, text } = await run("ipmitool", [...argvOf(suite), "chassis", "power", "cycle"]);
    expect({ code, text }).toMatchObject({
      code: 1,
      text: expect.stringContaining("present state"),
    });
    expect(machine.actions.length).toBe(asked);
  });

  test("finds the boot flags as it wrote them, until a start uses them up", async () => {
    await ipmitool(suite, "chassis", "bootdev", "pxe", "options=efiboot");
    expect(await ipmitool(suite, "chassis", "bootparam", "get", "5")).toContain("a004000000");
    await ipmitool(suite, "chassis", "power", "on");
    expect(await ipmitool(suite, "chassis", "bootparam", "get", "5")).toContain("0000000000");

    await ipmitool(suite, "chassis", "bootdev", "disk", "options=persistent,efiboot");
    await ipmitool(suite, "chassis", "power", "cycle");
    const flags = await ipmitool(suite, "chassis", "bootparam", "get", "5");
    expect(flags).toContain("e008000000");
    expect(flags).toContain("Force Boot from default Hard-Drive");
    expect(machine.boot).toEqual({ device: "disk", persistent: true, uefi: true });
    await ipmitool(suite, "chassis", "bootdev", "none");
    expect(machine.boot.device).toBe("none");
  });

  test("types into the serial console and sends it a break", async () => {
    const typed = vi.fn();
    const end = machine.listenConsole((data) => typed(data.toString()));
    const command = ["ipmitool", ...argvOf(suite), "sol", "activate"].join(" ");
    const child = spawn("script", ["-qec", command, "/dev/null"], {
      env: { ...process.env, IPMI_PASSWORD: password },
    });
    let seen = "";
    child.stdout.on("data", (data) => {
      seen += data;
    });
    await vi.waitUntil(() => seen.includes("SOL Session operational"), { timeout: 10_000 });
    child.stdin.write("uname -a\r");
    await vi.waitUntil(() => seen.includes("uname -a"), { timeout: 10_000 });
    await machine.act("on");
    await vi.waitUntil(() => seen.includes("node01 starts"), { timeout: 10_000 });
    child.stdin.write("~B");
    await vi.waitUntil(() => seen.includes("<break>"), { timeout: 10_000 });
    child.stdin.write("\r~.");
    await vi.waitUntil(() => child.exitCode !== null, { timeout: 10_000 });
    end();
    expect(typed.mock.calls.flat().join("")).toContain("uname -a\r");
  });
});

test("finds suite 17 by itself", async () => {
  expect(await ipmitool(17, "channel", "getciphers", "ipmi")).toMatch(
    /^17 .*hmac_sha256 .*\n3 .*hmac_sha1 /m,
  );
  const withoutSuite = argvOf(17).toSpliced(2, 2);
  const said = await succeeds(run("ipmitool", [...withoutSuite, "-v", "mc", "info"]));
  // Where the list is not answered it says so, ten seconds later, and takes suite 3.
  expect(said).toContain("Using best available cipher suite 17");
  expect(said).toContain("Firmware Revision         : 1.02");
});

test("reads who the machine is", async () => {
  expect(await ipmitool(17, "mc", "guid")).toContain(machine.description.uuid);
  const fru = await ipmitool(17, "fru");
  expect(fru).toContain("Board Mfg             : rackstrap");
  expect(fru).toContain("Product Name          : Virtual Server");
  expect(fru).toContain("Product Serial        : SN-node01");
});

test("reads sensors, of which most have no reading while the machine is off", async () => {
  expect(await ipmitool(17, "sdr")).toMatch(
    /Inlet Temp +\| 23 degrees C .*\n(.*\n)*Fan 1 +\| no reading/,
  );
  await machine.act("on");
  const sensors = await ipmitool(17, "sensor");
  expect(sensors).toMatch(/Fan 1 +\| 5400.000 +\| RPM +\| ok .* 20000.000/);
  expect(sensors).toMatch(/12V +\| 12.000 +\| Volts +\| ok .* 13.020/);
});

test("lists the event log and clears it", async () => {
  const timeMs = Date.UTC(2026, 10, 21, 17, 10, 7);
  machine.log.push({ id: 7, timeMs, severity: "critical", message: "Fan 1 failed" });
  const list = await ipmitool(17, "sel", "list");
  expect(list).toMatch(/7 \| 11\/21\/26 \| 17:10:07 UTC \| Fan .*Upper Critical going high/);
  await ipmitool(17, "sel", "clear");
  await vi.waitUntil(() => machine.log.length === 0);
  expect(await ipmitool(17, "sel", "list")).toContain("SEL has no entries");
});

test("adds an entry to the event log and takes it out again", async () => {
  const record = "0 0 2 0 0 0 0 0x20 0 4 0x0d 1 0x6f 1 0xff 0xff".split(" ");
  await ipmitool(17, "raw", "0x0a", "0x44", ...record);
  expect(await ipmitool(17, "sel", "list")).toMatch(/1 \| .*Drive Slot.* \| Drive Fault/);
  await ipmitool(17, "sel", "delete", "1");
  expect(machine.log).toEqual([]);
});

test("restarts the BMC, and has its answer when that is up again", async () => {
  bmcs.plain.faults.rebootSeconds = 2;
  await ipmitool(17, "mc", "reset", "cold");
  expect(bmcs.plain.sessionCount()).toBe(0);
  expect(await ipmitool(17, "power", "status")).toBe("Chassis Power is off\n");
});

test("sets a password, which is the one that counts from then on", async () => {
  await ipmitool(17, "user", "set", "password", "2", "another-8sW2", "16");
  const [old, fresh] = await Promise.all(
    [password, "another-8sW2"].map((secret) =>
      run("ipmitool", [...argvOf(17), "user", "test", "2", "16", secret], secret),
    ),
  );
  expect(old?.code).toBe(1);
  expect(fresh).toMatchObject({ code: 0, text: expect.stringContaining("Success") });
  expect(machine.users[0]?.password).toBe("another-8sW2");
});

test("makes a user who may look and not switch", async () => {
  for (const command of ["set name 3 guest", "set password 3 guest-1 16", "priv 3 2 1", "enable 3"])
    await ipmitool(17, "user", ...command.split(" "));
  const argv = argvOf(17).map((argument) => (argument === "admin" ? "guest" : argument));
  const asGuest = (...command: readonly string[]) =>
    run("ipmitool", [...argv, "-L", "USER", "chassis", "power", ...command], "guest-1");
  expect((await asGuest("status")).text).toBe("Chassis Power is off\n");
  expect((await asGuest("on")).text).toContain("Insufficient privilege");
  expect(machine.power()).toBe("off");
});

test("is refused with a wrong password, an unknown name and a suite that is not there", async () => {
  const wrong = await run("ipmitool", [...argvOf(17), "mc", "info"], "wrong");
  expect(wrong.text).toContain("Unable to establish");
  const nobody = argvOf(17).map((argument) => (argument === "admin" ? "nobody" : argument));
  expect((await run("ipmitool", [...nobody, "-v", "mc", "info"])).text).toContain(
    "unauthorized name",
  );
  expect((await run("ipmitool", [...argvOf(8), "-v", "mc", "info"])).code).toBe(1);
  expect(bmcs.plain.sessionCount()).toBe(0);
});

test("gets in with any password where suite 0 is offered, and only there", async () => {
  const asked = () => run("ipmitool", [...argvOf(0), "chassis", "power", "status"], "wrong");
  expect((await asked()).code).toBe(1);
  bmcs.plain.faults.offersSuite0 = true;
  expect(await asked()).toEqual({ code: 0, text: "Chassis Power is off\n" });
});

test("needs the BMC's key where it has one", async () => {
  const argv = ipmitoolArgv(17, bmcs.keyed);
  expect((await run("ipmitool", [...argv, "mc", "guid"])).code).toBe(1);
  expect((await run("ipmitool", [...argv, "-k", bmcKey, "mc", "guid"])).code).toBe(0);
});

test.each<[string, Partial<Faults>, readonly string[]]>([
  ["loses every tenth datagram", { dropIn: 0.1, dropOut: 0.1 }, ["-R", "8"]],
  ["says everything twice", { duplicates: true }, []],
  ["is slow", { delayMs: 300 }, []],
])("gets its answer from a BMC that %s", async (_, faults, options) => {
  Object.assign(bmcs.plain.faults, faults);
  const { text } = await run("ipmitool", [...argvOf(17), ...options, "power", "status"]);
  expect(text).toContain("Chassis Power is off");
});
