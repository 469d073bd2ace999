// Both IPMI drivers, the native one and ipmitool, against other people's BMCs on loopback: ipmi_sim of OpenIPMI and fakebmc of
// pyghmi. Needs the Debian packages ipmitool, openipmi and python3-pyghmi.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Bmc } from "../../src/bmc/bmc.ts";
import { systemClock } from "../../src/bmc/clock.ts";
import { createIpmi } from "../../src/bmc/ipmi/driver.ts";
import { createLink } from "../../src/bmc/ipmi/link.ts";
import { createUdpPeers } from "../../src/bmc/ipmi/udp.ts";
import { createIpmitool } from "../../src/bmc/ipmitool.ts";
import { ensurePower } from "../../src/bmc/power.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { Secret } from "../../src/net/secret.ts";

const directory = mkdtempSync(join(tmpdir(), "rackstrap-ipmi-"));
const password = "canary-8Vq2";
let simulator: ChildProcess | undefined;
let port: number;

function requireTool(tool: string, debianPackage: string) {
  if (spawnSync("sh", ["-c", `command -v ${tool}`]).status !== 0)
    throw new Error(`${tool} is missing: install the Debian package ${debianPackage}`);
}

async function freePort(): Promise<number> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const { port: free } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return free;
}

const value = (name: string) => readFileSync(join(directory, `vm.${name}`), "utf8").trim();

beforeAll(async () => {
  requireTool("ipmitool", "ipmitool");
  requireTool("ipmi_sim", "openipmi");
  port = await freePort();
  mkdirSync(join(directory, "state"));
  writeFileSync(join(directory, "vm.power"), "0\n");
  writeFileSync(join(directory, "vm.boot"), "none\n");
  const control = join(directory, "control.sh");
  writeFileSync(
    control,
    `#!/bin/sh
verb=$1; shift
case $verb in
get) for name; do echo "$name:$(cat ${directory}/vm.$name)"; done ;;
set) while [ $# -gt 1 ]; do echo "$2" >${directory}/vm.$1; shift 2; done ;;
esac
`,
    { mode: 0o755 },
  );
  const methods = ["callback", "user", "operator", "admin"]
    .map((level) => `    allowed_auths_${level} none md2 md5 straight`)
    .join("\n");
  writeFileSync(
    join(directory, "lan.conf"),
    `name "node1"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 ${port}
    priv_limit admin
${methods}
    guid a123456789abcdefa123456789abcde1
  endlan
  chassis_control "${control}"
  user 1 false "" "test" user 10 none md2 md5 straight
  user 2 true "admin" "${password}" admin 10 none md2 md5 straight
`,
  );
  writeFileSync(
    join(directory, "node1.emu"),
    "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr\nsel_enable 0x20 1000 0x0a\nmc_enable 0x20\n",
  );
  const args = ["-n", "-c", "lan.conf", "-f", "node1.emu", "-s", "state"];
  simulator = spawn("ipmi_sim", args, { cwd: directory, stdio: "ignore" });
  await answering();
});

/** Asks until the simulator has opened its port. */
async function answering() {
  for (let tries = 0; tries < 3; tries += 1)
    if (
      (await bmc()
        .powerState()
        .catch(() => undefined)) !== undefined
    )
      return;
  throw new Error("ipmi_sim did not answer");
}

afterAll(async () => {
  await Promise.all(opened.map((each) => each.close()));
  peers.close();
  simulator?.kill("SIGKILL");
  rmSync(directory, { recursive: true });
});

type Settings = Parameters<typeof createIpmitool>[0];

const peers = createUdpPeers();
const opened: Bmc[] = [];

const drivers: Readonly<Record<string, (settings: Settings) => Bmc>> = {
  ipmitool: (settings) => createIpmitool(settings),
  native: (settings) => {
    const address = settings.address as Ipv4;
    const link = createLink(
      (receive) => peers.connect(address, settings.port, receive),
      systemClock,
    );
    const bmc = createIpmi({ ...settings, address }, link, systemClock);
    opened.push(bmc);
    return bmc;
  },
};

function settings(over: Partial<Settings> = {}): Settings {
  const secret = new Secret(password);
  return { address: "127.0.0.1", port, user: "admin", password: secret, cipherSuite: 3, ...over };
}

const bmc = (over: Partial<Settings> = {}) => createIpmitool(settings(over));

const clock = {
  now: () => performance.now(),
  sleep: async (ms: number, signal: AbortSignal) => {
    await sleep(Math.min(ms, 100), undefined, { signal });
  },
};

describe.each(Object.entries(drivers))("%s with ipmi_sim", (_name, connect) => {
  test("power goes on and off, and is seen to", async () => {
    const bmc = connect(settings());
    const options = { subject: "node1", deadlineMs: 20_000, clock };
    const { signal } = new AbortController();
    await ensurePower(bmc, "on", options, signal);
    expect(value("power")).toBe("1");
    expect(await bmc.powerState()).toBe("on");
    await ensurePower(bmc, "off", options, signal);
    expect(value("power")).toBe("0");
    expect(await bmc.powerState()).toBe("off");
  });

  test("a cycle takes the machine down and up again", async () => {
    const bmc = connect(settings());
    await bmc.power("on");
    await bmc.power("cycle");
    expect(await bmc.powerState()).toBe("off");
    await expect.poll(() => bmc.powerState(), { timeout: 20_000, interval: 200 }).toBe("on");
  });

  test.each([true, false])("network boot is set for the next boot, uefi %s", async (uefi) => {
    writeFileSync(join(directory, "vm.boot"), "none\n");
    await connect(settings()).setBootOverride({ device: "pxe", persistent: false, uefi });
    expect(value("boot")).toBe("pxe");
  });

  test.each([
    ["a wrong password", { password: new Secret("wrong") }, "authentication"],
    ["an unknown user", { user: "nobody" }, "authentication"],
    [
      "a password too long for IPMI 2.0",
      { password: new Secret("x".repeat(21)) },
      "authentication",
    ],
    ["a cipher suite it doesn't know", { cipherSuite: 17 }, "unsupported"],
  ] as const)("%s is told apart", async (_, over, kind) => {
    await expect(connect(settings(over)).powerState()).rejects.toMatchObject({ kind });
  });

  test("a port where nobody listens is unreachable", { timeout: 40_000 }, async () => {
    await expect(connect(settings({ port: await freePort() })).powerState()).rejects.toMatchObject({
      kind: "unreachable",
      message: expect.stringContaining("BMC 127.0.0.1:"),
    });
  });
});

test("the native driver reads what ipmi_sim has, and gives its sessions back", async () => {
  const native = drivers["native"]?.(settings());
  if (native === undefined) throw new Error("no driver");
  expect(await native.describe()).toMatchObject({ protocol: "IPMI 2.0", firmware: "9.08" });
  expect(await native.events()).toEqual([]);
  await native.clearEvents();
  expect(await native.sensors()).toEqual([]);
  await native.close();
  // It has room for a few: more of them in a row than that need them back.
  for (let count = 0; count < 10; count += 1) {
    const again = drivers["native"]?.(settings());
    expect(await again?.powerState()).toMatch(/on|off/);
    await again?.close();
  }
});

describe.each(Object.entries(drivers))("%s with fakebmc", (_name, connect) => {
  let fake: ChildProcess;
  let fakePort: number;
  beforeAll(async () => {
    requireTool("fakebmc", "python3-pyghmi");
    fakePort = await freePort();
    fake = spawn("fakebmc", ["--port", String(fakePort)], { stdio: "ignore" });
    await vi.waitUntil(
      () =>
        at()
          .powerState()
          .catch(() => undefined),
      { timeout: 30_000, interval: 200 },
    );
  }, 40_000);
  afterAll(() => void fake?.kill("SIGKILL"));
  const at = (over: Partial<Settings> = {}) =>
    connect(settings({ port: fakePort, password: new Secret("password"), ...over }));

  test("power and boot device", async () => {
    const bmc = at();
    expect(await bmc.powerState()).toBe("off");
    await bmc.power("on");
    expect(await bmc.powerState()).toBe("on");
    await bmc.setBootOverride({ device: "pxe", persistent: false, uefi: false });
    await bmc.power("off");
    expect(await bmc.powerState()).toBe("off");
  });

  test("a wrong password is told apart", async () => {
    const wrong = at({ password: new Secret("wrong") });
    await expect(wrong.powerState()).rejects.toMatchObject({ kind: "authentication" });
  });
});

test("the password is in no process's argv while ipmitool runs", async () => {
  let ended = false;
  const asked = Promise.all([0, 1, 2].map(() => bmc().powerState())).finally(() => {
    ended = true;
  });
  let sampled = 0;
  while (!ended) {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      const argv = commandLine(pid);
      if (argv.startsWith("ipmitool")) sampled += 1;
      expect(argv.includes(password)).toBe(false);
    }
    await sleep(1);
  }
  await asked;
  expect(sampled).toBeGreaterThan(0);
});

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return ""; // it ended between the two readings
  }
}
