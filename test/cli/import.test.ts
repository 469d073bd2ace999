import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, test } from "vitest";
import { parse } from "yaml";
import { openLeaseTarget } from "../../src/cli/lease-target.ts";
import { fixtures } from "../inventory/import/read.ts";
import { run } from "./run.ts";

const folder = mkdtempSync(join(tmpdir(), "rackstrap-import-"));
const isc = join(fixtures, "dhcpd.conf");
const kea = join(fixtures, "kea-dhcp4.json");
const keaLeases = join(fixtures, "kea-leases4.csv");

afterAll(() => rmSync(folder, { recursive: true }));

describe("what import prints", () => {
  test("prints YAML on standard output and what it left out, with its place, on standard error", async () => {
    const { code, stdout, stderr } = await run(["inventory", "import", isc]);
    expect(code).toBe(0);
    expect(parse(stdout)).toMatchObject({
      networks: { provisioning: { cidr: "10.20.0.0/24" } },
      nodes: { node01: { mac: "52:54:00:aa:00:10" } },
    });
    expect(stderr).toContain(`${isc}:6:1: log-facility local7: rackstrap logs to standard output`);
    expect(stderr).toContain(
      `${join(fixtures, "hosts.conf")}:9:1: host far: 172.16.0.9 lies in none`,
    );
  });

  test("prints the same as JSON", async () => {
    const { code, stdout, stderr } = await run([
      "inventory",
      "import",
      kea,
      "--json",
      "--leases",
      keaLeases,
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({
      sources: [{ file: kea, kind: "kea" }],
      inventory: {
        server: { interface: "eth1" },
        networks: { provisioning: { cidr: "10.30.0.0/24", gateway: "10.30.0.1" } },
        dhcp: { subnets: { "rack-c": { interface: "eth2" } } },
        nodes: { node01: { mac: "52:54:00:bb:00:01", provisioningAddress: "10.30.0.10" } },
      },
      notes: expect.arrayContaining([
        expect.objectContaining({ file: kea, line: 59, what: "loggers" }),
      ]),
      leases: { written: false, files: [`${keaLeases}.2`, keaLeases], skipped: [] },
    });
  });

  test("shows leases and writes nothing without a state directory", async () => {
    const { code, stderr } = await run(["inventory", "import", kea, "--leases", keaLeases]);
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /10\.30\.0\.102 +52:54:00:cc:00:02 +bound +2026-11-21 \d\d:\d\d:\d\dZ .* host-3/,
    );
    expect(stderr).toMatch(
      /read: 6 leases \(5 bound, 0 ended, 1 declined\), 0 skipped, from .*\.csv\.2, /,
    );
    expect(stderr).toMatch(/nothing was written: add --state-directory DIR/);
  });
});

describe("leases into the store", () => {
  test("writes leases into the store, twice to the same end", async () => {
    const directory = join(folder, "state");
    const args = ["import", kea, "--leases", keaLeases, "--state-directory", directory];
    const { code, stderr } = await run(args);
    expect({ code, last: stderr.trimEnd().split("\n").at(-1) }).toEqual({
      code: 0,
      last: `written: 6 leases (5 bound, 0 ended, 1 declined), 0 skipped, from ${keaLeases}.2, ${keaLeases}`,
    });
    expect((await run(args)).stderr).toMatch(/written: 0 leases .* 6 skipped/);
    const { stored, close } = openLeaseTarget(directory);
    expect(stored.map(({ address }) => address).toSorted()).toEqual([
      "10.30.0.10",
      "10.30.0.100",
      "10.30.0.102",
      "10.30.0.104",
      "10.30.0.106",
      "10.30.0.108",
    ]);
    close();
  });

  test("forgets a machine's older lease in the store", async () => {
    const directory = join(folder, "older");
    const before = openLeaseTarget(directory);
    const [mac, address] = ["52:54:00:cc:00:02", "10.30.0.150"] as const;
    before.write([{ address, mac, state: "bound", expiresAtMs: 2, lastSeenMs: 1 } as never]);
    before.close();
    await run(["inventory", "import", kea, "--leases", keaLeases, "--state-directory", directory]);
    const after = openLeaseTarget(directory);
    const own = after.stored.filter((row) => row.mac === mac);
    expect(own.map((row) => row.address)).toEqual(["10.30.0.102"]);
    after.close();
  });

  test("refuses the store of a running server", async () => {
    const directory = join(folder, "running");
    const held = openLeaseTarget(directory);
    const args = ["import", kea, "--leases", keaLeases, "--state-directory", directory];
    const { code, stdout, stderr } = await run(args);
    held.close();
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/is in use by another server: stop that one/);
  });
});

describe("the other sources", () => {
  test("reads several files as one site and knows each of them", async () => {
    const files = ["pxe-server.nix", "inventory.json"].map((name) => join(fixtures, name));
    const { code, stdout, stderr } = await run(["inventory", "import", ...files, "--json"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).not.toContain("hunter2");
    expect(JSON.parse(stdout)).toMatchObject({
      sources: [{ kind: "nixos" }, { kind: "json" }],
      inventory: {
        domain: "example.com",
        server: { address: "10.0.100.10", interface: "eth0" },
        nodes: {
          node02: {
            serial: "CZ3501ABCE",
            provisioningAddress: "10.0.100.51",
            bmc: { address: "10.0.10.51", password: { env: "BMC_PASSWORD" } },
          },
          node04: { profile: "worker" },
        },
      },
    });
  });

  it.each([
    ["dnsmasq", "dnsmasq.conf"],
    ["maas", "machines.csv"],
    ["isc", "dhcpd.conf"],
    ["kea", "kea-dhcp4.json"],
  ])("tells %s by its file alone", async (kind, name) => {
    const { stdout } = await run(["inventory", "import", join(fixtures, name), "--json"]);
    expect(JSON.parse(stdout).sources).toEqual([{ file: join(fixtures, name), kind }]);
  });

  test("no password of a source is printed", async () => {
    const files = ["inventory.json", "machines.csv", "dhcpd.conf"].map((name) =>
      join(fixtures, name),
    );
    const { code, stdout, stderr } = await run(["inventory", "import", ...files]);
    expect(code).toBe(0);
    expect(stdout + stderr).not.toMatch(/hunter2|s3cret|c2VjcmV0/);
    expect(stderr).toMatch(/inventory\.json:5:\d+: .*set BMC_PASSWORD to it/);
  });
});

describe("adding to an inventory", () => {
  test("adds machines to an inventory: shown first, written with --write, and once only", async () => {
    const site = join(folder, "site.yaml");
    const text = readFileSync(join(import.meta.dirname, "../../inventory/site.yaml"), "utf8");
    writeFileSync(site, text, { mode: 0o640 });
    const args = ["inventory", "import", join(fixtures, "inventory.json"), "--into", site];
    const shown = await run(args);
    expect(shown.stdout.split("\n").filter((line) => line.startsWith("+"))).toEqual([
      "+    serial: CZ3501ABCD",
      "+    serial: CZ3501ABCE",
      "+    serial: CZ3501ABCG",
    ]);
    expect(shown.stderr).toMatch(
      /would be written to .*: 0 nodes added, 3 completed\nnothing was written: add --write/,
    );
    expect(readFileSync(site, "utf8")).toBe(text);
    expect((await run([...args, "--write"])).stderr).toMatch(/^written to .*: 0 nodes added/m);
    const added = /^ {4}serial: .*\n/gm;
    expect(readFileSync(site, "utf8").match(added)).toHaveLength(3);
    expect(readFileSync(site, "utf8").replaceAll(added, "")).toBe(text);
    expect(statSync(site).mode & 0o777).toBe(0o640);
    expect((await run([...args, "--write"])).stderr).toMatch(
      /nothing to add: every machine is in the file/,
    );
  });

  test("a machine that an included file declares is not declared a second time", async () => {
    const site = join(folder, "split.yaml");
    const text = readFileSync(join(import.meta.dirname, "../../inventory/site.yaml"), "utf8");
    const nodes = text.indexOf("nodes:\n");
    mkdirSync(join(folder, "parts"));
    writeFileSync(join(folder, "parts/nodes.yaml"), text.slice(nodes));
    writeFileSync(site, `${text.slice(0, nodes)}include: [parts/*.yaml]\nnodes: {}\n`);
    const args = ["inventory", "import", join(fixtures, "inventory.json"), "--into", site];
    const refused = await run([...args, "--write"]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(
      /node01.*: a file that .*split\.yaml includes has a node of this/,
    );
    expect(readFileSync(site, "utf8")).toContain("nodes: {}\n");
  });

  test("the short name is the same command", async () => {
    const [short, long] = await Promise.all([
      run(["import", isc]),
      run(["inventory", "import", isc]),
    ]);
    expect(short).toEqual(long);
  });
});

describe("what import refuses", () => {
  it.each<[string, string[], RegExp]>([
    [
      "a missing file",
      ["/nonexistent"],
      /\/nonexistent can't be read: ENOENT.*\n {2}next: name an existing file/,
    ],
    ["a folder", [folder], /can't be read: it is no regular file/],
    ["a missing lease file", [isc, "--leases", "/nonexistent"], /\/nonexistent can't be read/],
    [
      "the wrong kind",
      [kea, "--from", "isc"],
      /kea-dhcp4\.json:4:59: there is no ; between this and \}\n {2}next: /,
    ],
    ["an unknown kind", [isc, "--from", "cobbler"], /Allowed choices are isc, kea, dnsmasq/],
    ["--write alone", [isc, "--write"], /add --into INVENTORY/],
    ["--into a missing file", [isc, "--into", "/nonexistent"], /\/nonexistent can't be read/],
    ["nowhere to take leases from", [isc, "--state-directory", folder], /add --leases FILE/],
  ])("ends with 2 for %s", async (_, args, expected) => {
    const { code, stdout, stderr } = await run(["import", ...args]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(expected);
  });

  test("refuses a file beyond the limit without reading it", async () => {
    const file = join(folder, "large.conf");
    writeFileSync(file, Buffer.alloc(64 * 1024 * 1024 + 1, "#"));
    const { code, stderr } = await run(["import", file]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/more than 64 MiB/);
  });
});
