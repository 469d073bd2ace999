// Probes of BMCs through the command line: the simulator in health and in bad states, and Debian's ipmi_sim (package openipmi).

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ProbeView } from "../../src/api/bmc-shapes.ts";
import { redfishRoot } from "../../src/bmc/redfish-root.ts";
import { noFaults } from "../../vm-harness/bmc/faults.ts";
import { createSimulator, type Simulator } from "../../vm-harness/bmc/ipmi-server.ts";
import { createMemoryMachine } from "../../vm-harness/bmc/machine.ts";
import { createRedfishServer } from "../../vm-harness/bmc/redfish-server.ts";
import { type ConsoleServer, nodeAt, serveConsole } from "./console-host.ts";

const password = "canary-7Lm3";
const machine = createMemoryMachine("node01");
const directory = mkdtempSync(join(tmpdir(), "rackstrap-probe-"));
const admin = { id: 2, name: "admin", password, administrator: true, enabled: true };
let simulator: Simulator;
let server: ConsoleServer;

beforeAll(async () => {
  simulator = await createSimulator({ machine, address: "127.0.0.1", port: 0 });
});
beforeEach(async () => {
  Object.assign(simulator.faults, noFaults());
  machine.users.splice(0, machine.users.length, { ...admin });
  server = await serveConsole(nodeAt("127.0.0.1", simulator.port), password);
});
afterEach(() => server.close());
afterAll(async () => {
  await simulator.close();
  rmSync(directory, { recursive: true });
});

async function run(...args: readonly string[]) {
  const running = server.rackstrap(...args);
  running.end();
  const code = await running.ended;
  expect(running.text).not.toContain(password);
  return { code, text: running.text };
}

async function probe(...options: readonly string[]): Promise<ProbeView> {
  const { text } = await run("bmc", "probe", "node01", "--json", ...options);
  const [found] = (JSON.parse(text) as { probes: ProbeView[] }).probes;
  if (found === undefined) throw new Error(text);
  return found;
}

describe("bmc probe", () => {
  test("says what a healthy BMC is and can do, and warns of nothing", async () => {
    expect(await probe("--try-defaults")).toMatchObject({
      ...{ node: "node01", address: "127.0.0.1", reachable: true, suites: [17, 3] },
      ipmi: { ipmi20: true, needsBmcKey: false, anonymousLogin: false, nullUser: false },
      login: { user: "admin", works: true },
      description: { manufacturer: "rackstrap", serial: "SN-node01", firmware: "1.02" },
      verbs: ["power", "boot override", "sensors", "events", "firmware", "console"].map((verb) => ({
        ...{ verb, works: true },
      })),
      defaults: [
        { user: "ADMIN", works: false },
        { user: "root", works: false },
        { user: "USERID", works: false },
      ],
      ...{ opensWithoutPassword: false, warnings: [] },
    });
  });

  test("asks for no login but its own without --try-defaults", async () => {
    machine.users.push({ ...admin, id: 3, name: "ADMIN", password: "ADMIN" });
    simulator.faults.offersSuite0 = true;
    const found = await probe();
    expect(found).toMatchObject({ suites: [0, 17, 3], defaults: [] });
    expect(found.opensWithoutPassword).toBeUndefined();
    expect(found.warnings).toEqual([expect.stringMatching(/cipher suite 0 is offered/)]);
  });

  test("warns of a default password and of a login without one, and leaves no session", async () => {
    machine.users.push({ ...admin, id: 3, name: "ADMIN", password: "ADMIN" });
    simulator.faults.offersSuite0 = true;
    const found = await probe("--try-defaults");
    expect(found.defaults[0]).toEqual({ user: "ADMIN", works: true });
    expect(found.warnings).toEqual([
      expect.stringMatching(/cipher suite 0 lets anybody in without a password/),
      expect.stringMatching(/well-known password of user ADMIN works/),
    ]);
    await server.bmc().close();
    expect(simulator.sessionCount()).toBe(0);
  });

  test("finds the same through a network, and asks nobody whom the inventory does not name", async () => {
    const { code, text } = await run("bmc", "probe", "127.0.0.0/30");
    expect(code).toBe(0);
    expect(text).toMatch(
      /node01 +127\.0\.0\.1 +2\.0 +3,17 +works +no +0 +rackstrap Virtual Server/,
    );
    expect(text).toContain("node01: works: power, boot override, sensors, events");
    const stranger = await run("bmc", "probe", "127.0.1.0/24");
    expect(stranger).toMatchObject({
      code: 2,
      text: expect.stringContaining("declares no BMC in"),
    });
  });

  test("reports a wrong password of ours and a dead BMC as what they are", async () => {
    server.environment.BMC_PASSWORD = "wrong";
    expect(await probe()).toMatchObject({
      reachable: true,
      login: { works: false, reason: expect.stringMatching(/wrong password/) },
    });
    simulator.faults.dead = true;
    const { code, text } = await run("bmc", "probe", "node01");
    expect(code).toBe(1);
    expect(text).toMatch(/node01 +127\.0\.0\.1 +no answer +- +failed/);
  });
});

describe("the other verbs of bmc", () => {
  test("info, sensors, events and identify", async () => {
    // A fan of a machine that is off has no reading.
    await machine.act("on");
    expect((await run("bmc", "info", "node01")).text).toMatch(/serial +SN-node01[\s\S]*BMC +1\.02/);
    expect((await run("bmc", "sensors", "node01")).text).toMatch(/Fan 1 +5400 +RPM +ok/);
    machine.log.push({ id: 1, timeMs: 1e12, severity: "critical", message: "Fan 1 failed" });
    const events = await run("bmc", "events", "node01", "--clear");
    expect(events.text).toMatch(/critical/);
    expect(machine.log).toEqual([]);
    expect((await run("bmc", "identify", "node01", "--seconds", "5")).text).toContain(
      "lit for 5 s",
    );
    expect(machine.identifyUntilMs).toBeGreaterThan(Date.now());
  });

  test("a new password from standard input, or made and kept in a file", async () => {
    const typed = server.rackstrap("bmc", "password", "node01");
    typed.type("new-canary-1\n");
    expect(await typed.ended).toBe(0);
    expect(machine.users[0]?.password).toBe("new-canary-1");
    expect(typed.text).toMatch(/write it into the environment variable BMC_PASSWORD/);
    expect(typed.text).not.toContain("new-canary-1");
    server.environment.BMC_PASSWORD = "new-canary-1";
    const file = join(directory, "made");
    expect((await run("bmc", "password", "node01", "--generate", file)).code).toBe(0);
    expect(readFileSync(file, "utf8")).toBe(`${machine.users[0]?.password}\n`);
    expect(machine.users[0]?.password).toHaveLength(20);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test("a password that the BMC does not take leaves the file of before alone", async () => {
    const file = join(directory, "kept");
    writeFileSync(file, "old\n");
    simulator.faults.dead = true;
    expect((await run("bmc", "password", "node01", "--generate", file)).code).toBe(1);
    expect(readFileSync(file, "utf8")).toBe("old\n");
  });
});

test("a BMC of Redfish with its console over IPMI: both are probed, and the certificate is shown", async () => {
  const redfish = await createRedfishServer(machine);
  const { fingerprint, port } = redfish;
  const console = { port: simulator.port, cipherSuite: "best" };
  const settings = { kind: "redfish", trust: { fingerprint }, console };
  const site = await serveConsole(nodeAt("127.0.0.1", port, settings), password);
  const running = site.rackstrap("bmc", "probe", "node01", "--json");
  running.end();
  await running.ended;
  const [found] = (JSON.parse(running.text) as { probes: ProbeView[] }).probes;
  expect(found).toMatchObject({
    ...{ suites: [17, 3], login: { works: true }, redfish: { fingerprint } },
    description: { protocol: expect.stringMatching(/Redfish/) },
    ...{ warnings: [], defaults: [] },
  });
  expect(found?.verbs).toContainEqual({ verb: "console", works: true });
  expect(found?.verbs).toContainEqual({ verb: "virtual media", works: true });
  await site.close();
  await redfish.close();
});

test("the Redfish service root, and the certificate as openssl has it", async () => {
  const file = (name: string) => join(directory, name);
  const request = [
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
  ];
  const files = ["-keyout", file("key.pem"), "-out", file("cert.pem"), "-subj", "/CN=bmc"];
  execFileSync("openssl", [...request, ...files], { stdio: "ignore" });
  const shown = execFileSync("openssl", [
    "x509",
    "-in",
    file("cert.pem"),
    "-noout",
    "-fingerprint",
    "-sha256",
  ]);
  let body: unknown = { RedfishVersion: "1.15.0", Product: "X".repeat(500) };
  const identity = { key: readFileSync(file("key.pem")), cert: readFileSync(file("cert.pem")) };
  const https = createServer(identity, (_request, response) => {
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => https.once("listening", resolve));
  const { port } = https.address() as AddressInfo;
  expect(await redfishRoot("127.0.0.1", port)).toEqual({
    fingerprint: shown.toString().trim().split("=")[1],
    ...{ version: "1.15.0", product: "X".repeat(100) },
  });
  for (body of ["no JSON", { other: true }, "x".repeat(1_000_000), "null"])
    expect(await redfishRoot("127.0.0.1", port)).toBeUndefined();
  https.close();
  https.closeAllConnections();
  expect(await redfishRoot("127.0.0.1", port)).toBeUndefined();
});

describe("ipmi_sim", () => {
  let process: ChildProcess;
  let sim: ConsoleServer;
  const port = 42_623;

  beforeAll(async () => {
    mkdirSync(join(directory, "state"));
    const levels = ["callback", "user", "operator", "admin"];
    const allowed = levels.map((level) => `    allowed_auths_${level} none md2 md5 straight`);
    writeFileSync(
      join(directory, "lan.conf"),
      [
        ...['name "node1"', "set_working_mc 0x20", "  startlan 1", `    addr 127.0.0.1 ${port}`],
        ...["    priv_limit admin", ...allowed, "    guid a123456789abcdefa123456789abcde1"],
        ...["  endlan", '  user 1 false "" "test" user 10 none md2 md5 straight'],
        `  user 2 true "admin" "${password}" admin 10 none md2 md5 straight`,
        "",
      ].join("\n"),
    );
    writeFileSync(
      join(directory, "node1.emu"),
      "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr\nmc_enable 0x20\n",
    );
    const args = ["-n", "-c", "lan.conf", "-f", "node1.emu", "-s", "state"];
    process = spawn("ipmi_sim", args, { cwd: directory, stdio: "ignore" });
    sim = await serveConsole(nodeAt("127.0.0.1", port), password);
  });
  afterAll(async () => {
    await sim.close();
    process.kill();
  });

  test("shows what it lets in without a password", async () => {
    const running = sim.rackstrap("bmc", "probe", "node01", "--json", "--try-defaults");
    running.end();
    await running.ended;
    const [found] = (JSON.parse(running.text) as { probes: ProbeView[] }).probes;
    expect(found).toMatchObject({
      ...{ reachable: true, ipmi: { ipmi20: true, noneAccepted: true } },
      login: { user: "admin", works: true },
    });
    // It has every suite but 17, and really lets anybody in through suite 0.
    expect(found?.opensWithoutPassword).toBe(true);
    expect(found?.warnings).toEqual([
      expect.stringMatching(/cipher suite 0 lets anybody in/),
      expect.stringMatching(/authentication type none is accepted/),
      expect.stringMatching(/has not cipher suite 17/),
    ]);
  });
});
