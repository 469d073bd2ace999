import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exitCodeHelp } from "../../src/cli/exit.ts";
import { tokenFailure } from "../../src/cli/server.ts";
import { discoveredMac, fakeRackstrap, layerView, operationView } from "../api/fake-rackstrap.ts";
import { run, startServer, type TestServer } from "./run.ts";

const root = join(import.meta.dirname, "../..");
const site = join(root, "inventory/site.yaml");
let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});

afterAll(() => server.close());

describe("what a machine boots in place of its own order", () => {
  it.each<[string, string[], RegExp[]]>([
    ["what it boots next", ["bmc", "boot", "node01"], [/node01: boots in its own order/]],
    [
      "a boot device that is not kept for good",
      ["bmc", "boot", "node01", "cdrom", "--persistent"],
      [/node01: boots from cdrom once, UEFI/, /does not keep it for good/],
    ],
    ["its CD drive", ["bmc", "media", "node01"], [/nothing is in its virtual CD drive/]],
    [
      "an image in its CD drive",
      ["bmc", "media", "node01", "--insert", "https://10.0.10.10/ipxe.iso"],
      [/node01: https:\/\/10\.0\.10\.10\/ipxe\.iso/],
    ],
  ])("%s", async (_what, args, lines) => {
    const { code, stdout, stderr } = await server.rackstrap(...args);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    for (const line of lines) expect(stdout).toMatch(line);
  });
});

describe("machines in no inventory", () => {
  it.each<[string, string[], RegExp[]]>([
    [
      "all",
      ["discovered"],
      [/^MAC +ADDRESS +FIRST +LAST/, new RegExp(discoveredMac), /architecture=7/],
    ],
    [
      "one",
      ["discovered", discoveredMac],
      [/^mac +52:54:00:aa:bb:cc/, /^machine +vendor Dell Inc\., .*serial CZ1234567/m],
    ],
    [
      "what it is made of",
      ["discovered", discoveredMac],
      [
        /^disk +sda: 480 GB, solid, sata, model INTEL SSD, serial PHYS1, wwn 0x55cd2e4150000001/m,
        /^card +eth0: .*, driver ixgbe, link 10000 Mbit\/s, at .*system leaf1, port Eth1\/7, vlan 100/m,
        /^bmc +address 10\.0\.10\.77/m,
      ],
    ],
  ])("%s", async (_what, args, lines) => {
    const { code, stdout } = await server.rackstrap(...args);
    expect(code).toBe(0);
    for (const line of lines) expect(stdout).toMatch(line);
  });
});

describe("reading commands", () => {
  it.each<[string, string[], RegExp[]]>([
    ["nodes", ["nodes"], [/^NODE +STATE +FOR +POWER +MAC/, /node02 +registered +\S+ +on /]],
    ["leases", ["leases"], [/^ADDRESS +MAC +NODE/, /10\.0\.100\.50 .*node01 +leased +in /]],
    ["ended leases", ["leases", "--all"], [/10\.0\.100\.101 .*- +given up +- .*lab7/]],
    ["explain", ["explain", "52:54:00:12:34:56"], [/because node node01 is active/, /powered-on/]],
    [
      "the cluster",
      ["cluster", "status"],
      [/^chainfire: healthy, voters 1, healthy 1, leader node01/, /flaredb: healthy/],
    ],
    [
      "the power",
      ["power", "status", "node01", "node02"],
      [/^NODE +GROUP +RESULT +POWER/, /node01 +- +done +on/, /node02 +- +done +on/],
    ],
    ["operations", ["operations", "list"], [/op-node01 +provision +node01 +running/]],
    ["one operation", ["operations", "show", "op-node02"], [/2\/3 +Install/, /verify +pending/]],
    ["a cancelled operation", ["operations", "cancel", "op-node01"], [/node01: asked to stop/]],
    [
      "how a script differs from the last",
      ["render", "node01", "--diff"],
      [/^--- given at .*\n\+\+\+ now\n #!ipxe\n-exit 1\n\+exit\n $/m],
    ],
    [
      "what a console printed, without what draws it",
      ["console", "node01", "--log"],
      [/^SeaBIOS\nLinux version 6\n$/],
    ],
    [
      "what a BMC is",
      ["bmc", "probe", "node01"],
      [
        /^NODE +BMC +IPMI +SUITES +LOGIN +REDFISH +WARNINGS +WHAT/,
        /node01 +10\.0\.10\.50 +2\.0 +0,3,17 +works +no +1 +Supermicro X11 1\.02/,
        /^node01: WARNING cipher suite 0 is offered$/m,
        /^node01: console does not work: it is switched off$/m,
      ],
    ],
    ["a BMC", ["bmc", "info", "node01"], [/manufacturer +Supermicro/, /BMC +1\.02/]],
    ["its sensors", ["bmc", "sensors", "node01"], [/Fan 1 +5400 +RPM +ok/]],
    ["its events", ["bmc", "events", "node01"], [/1 +- +critical +Fan 1 failed/]],
    ["its lamp", ["bmc", "identify", "node01"], [/node01: lit for 60 s/]],
    ["a reading of the inventory", ["inventory", "reload"], [/^nothing has changed\n$/]],
    ["the server's checks", ["check", "--server"], [/ok {7}service dhcp: running\n\n0 errors/]],
  ])("show %s and end with 0", async (_, args, expected) => {
    const { code, stdout, stderr } = await server.rackstrap(...args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const pattern of expected) expect(stdout).toMatch(pattern);
  });

  it("print a rendered stage byte for byte", async () => {
    const { stdout } = await server.rackstrap("render", "node01", "boot.ipxe");
    expect(stdout).toBe("#!ipxe\nexit\n");
  });

  it.each<[string[], unknown]>([
    [["nodes"], { nodes: fakeRackstrap().nodes() }],
    [["cluster", "status"], { layers: [layerView("chainfire"), layerView("flaredb")] }],
    [["operations", "show", "op-node01"], operationView("node01")],
    [["render", "node01", "x"], { node: "node01", stage: "x", text: "#!ipxe\nexit\n" }],
    [["provision", "node01", "--detach", "--execute"], { operations: [operationView("node01")] }],
  ])("print the API's JSON for %j", async (args, expected) => {
    const { code, stdout } = await server.rackstrap(...args, "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual(expected);
  });
});

describe("a command that can't be carried out", () => {
  it.each<[string, string[], number, string]>([
    [
      "an unknown node",
      ["power", "on", "node09"],
      2,
      "rackstrap: no node is called node09\n  next: declared are: node01, node02, node03\n",
    ],
    [
      "a refusal",
      ["provision", "node01", "node03", "--execute"],
      1,
      "rackstrap: node node03 is busy\n  next: wait for op-node03\n",
    ],
    [
      "a console of an unknown node",
      ["console", "node09"],
      2,
      "rackstrap: no node node09\n  next: rackstrap nodes lists them\n",
    ],
    [
      "a password that nobody wrote",
      ["bmc", "password", "node01"],
      2,
      "rackstrap: standard input has no password\n  next: write it to standard input, or add --generate FILE\n",
    ],
    [
      "an unknown operation",
      ["operations", "show", "op-x"],
      2,
      "rackstrap: no node x\n  next: rackstrap nodes lists them\n",
    ],
  ])("says so for %s", async (_, args, code, stderr) => {
    expect(await server.rackstrap(...args)).toEqual({ code, stdout: "", stderr });
  });

  it("gives the error as JSON where JSON was asked for", async () => {
    const { code, stdout } = await server.rackstrap("power", "on", "node09", "--json");
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toEqual({
      error: { message: "no node is called node09", next: "declared are: node01, node02, node03" },
    });
  });

  it.each<[string[], RegExp]>([
    [[], /Usage: rackstrap/],
    [["nodse"], /unknown command 'nodse'[\s\S]*Did you mean nodes/],
    [["power", "explode", "node01"], /unknown command 'explode'/],
    [
      ["power", "plan", "explode", "all"],
      /Allowed choices are on, off, soft, cycle, reset, status/,
    ],
    [["provision"], /missing required argument 'nodes'/],
    [["nodes", "--force"], /unknown option '--force'/],
    [["bmc", "identify", "node01", "--seconds", "256"], /give a whole number up to 255/],
    [["console"], /missing required argument 'node'/],
    [["serve"], /no inventory is named\n {2}next: add --inventory FILE/],
    [["nodes", "--api", "ftp://x"], /is not an http or https URL/],
  ])("ends with 2 for the command line %j", async (args, expected) => {
    const { code, stderr } = await run(args);
    expect(code).toBe(2);
    expect(stderr).toMatch(expected);
    expect(stderr).not.toMatch(/\n {4}at /);
  });

  it("documents the exit codes in the help and in docs/cli.md alike", async () => {
    const { code, stdout } = await run(["--help"]);
    expect(code).toBe(0);
    const manual = readFileSync(join(root, "docs/cli.md"), "utf8");
    for (const [number, meaning] of exitCodeHelp) {
      expect(stdout).toContain(`${number} `.padEnd(5) + meaning);
      expect(manual).toContain(`| ${number} | ${meaning} |`);
    }
  });
});

describe("finding the server", () => {
  it("takes address and token from the environment", async () => {
    const environment = { RACKSTRAP_API: server.url, RACKSTRAP_TOKEN_FILE: server.tokenFile };
    expect((await run(["nodes"], environment)).code).toBe(0);
  });

  it("takes address and token from the inventory", async () => {
    const file = join(server.directory, "site.yaml");
    const port = new URL(server.url).port;
    const text = readFileSync(site, "utf8").replace(
      "stateDirectory: /var/lib/rackstrap",
      `stateDirectory: .\n  api: { address: 127.0.0.1, port: ${port} }`,
    );
    writeFileSync(file, text);
    expect((await run(["nodes", "--inventory", file])).code).toBe(0);
  });

  it("ends with 3 when nothing listens there", async () => {
    const closed = await startServer();
    await closed.close();
    const args = ["nodes", "--api", closed.url, "--token-file", server.tokenFile];
    expect(await run(args)).toEqual({
      code: 3,
      stdout: "",
      stderr:
        `rackstrap: the server at ${closed.url} can't be reached: ECONNREFUSED\n` +
        "  next: look at it: systemctl status rackstrap, journalctl -u rackstrap; start it: systemctl start rackstrap, or by hand rackstrap serve --inventory FILE; or name another with --api URL\n",
    });
  });

  it("ends with 3 without a token file, and with a wrong token", async () => {
    const wrong = join(server.directory, "wrong");
    writeFileSync(wrong, "b".repeat(43), { mode: 0o600 });
    const missing = await run(["nodes", "--api", server.url, "--token-file", "/nonexistent"]);
    const refused = await run(["nodes", "--api", server.url, "--token-file", wrong]);
    expect(missing.code).toBe(3);
    expect(missing.stderr).toMatch(
      /the API token \/nonexistent can't be read \(ENOENT\)\n {2}next: /,
    );
    expect(refused.code).toBe(3);
    expect(refused.stderr).toMatch(/the API token is missing or wrong\n {2}next: /);
  });

  it("tells nobody to delete or to open a file that holds no token", async () => {
    const other = join(server.directory, "notes.txt");
    writeFileSync(other, "rent is due\n", { mode: 0o644 });
    expect(await run(["nodes", "--api", server.url, "--token-file", other])).toEqual({
      code: 3,
      stdout: "",
      stderr: `rackstrap: ${other} holds no token: name the server's own, api-token of its state directory\n`,
    });
  });

  it("says who may read a token that this user may not", () => {
    const denied = Object.assign(new Error("permission denied"), { code: "EACCES" });
    expect(tokenFailure("/var/lib/rackstrap/api-token", denied)).toMatchObject({
      code: 3,
      message: "the API token /var/lib/rackstrap/api-token can't be read (EACCES)",
      next: "run this as root or as the server's user",
    });
  });

  it.each([
    ["no JSON", 200, "<html>", /HTTP 200 without JSON/],
    ["other JSON", 200, '{"nodes":[{"name":1}]}', /nodes\.0\.name: /],
    ["another error", 502, '{"oops":1}', /HTTP 502/],
    ["a redirect", 302, "", /can't be reached: /],
  ])("ends with 3 when something else answers with %s", async (_, status, body, expected) => {
    const other = createServer((_request, response) =>
      response.writeHead(status, { location: "/elsewhere" }).end(body),
    );
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as AddressInfo;
    const api = `http://127.0.0.1:${port}`;
    const { code, stderr } = await run(["nodes", "--api", api, "--token-file", server.tokenFile]);
    await new Promise<void>((resolve) => other.close(() => resolve()));
    expect(code).toBe(3);
    expect(stderr).toMatch(expected);
  });
});

describe("check", () => {
  it("takes a sound inventory without a server", async () => {
    const { code, stdout } = await run(["check", "--file-only", "--inventory", site]);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `${site}: site example, 4 nodes, no problems\n`,
    });
  });

  it("names every problem of a bad one with its place and ends with 1; serve ends with 2", async () => {
    const file = join(server.directory, "bad.yaml");
    writeFileSync(file, readFileSync(site, "utf8").replace("10.0.200.11", "10.0.200.10"));
    const checked = await run(["check", "--inventory", file]);
    const served = await run(["serve", "--inventory", file]);
    expect(checked.code).toBe(1);
    expect(checked.stdout).toMatch(/bad\.yaml:\d+:\d+: nodes\.node02\.productionAddress: /);
    expect(served.code).toBe(2);
    expect(served.stderr).toMatch(/1 problem\(s\)\n.*bad\.yaml:\d+:\d+: nodes\.node02/);
  });
});
