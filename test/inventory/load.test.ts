import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findNode, findNodeByMac, findSubject } from "../../src/inventory/find.ts";
import { formatProblem, loadInventory, parseInventory } from "../../src/inventory/load.ts";
import type { Inventory } from "../../src/inventory/schema.ts";
import type { Mac } from "../../src/net/mac.ts";

const repository = join(import.meta.dirname, "../..");
const fixtures = join(repository, "test/fixtures/inventory");

function loaded(file: string): Inventory {
  const result = loadInventory(file);
  if ("problems" in result) throw new Error(result.problems.map(formatProblem).join("\n"));
  return result.inventory;
}

test("the example site loads, with the runbook's machines and timeouts", () => {
  const site = loaded(join(repository, "inventory/site.yaml"));
  expect(
    site.nodes.map(({ fqdn, mac, role, provisioningAddress }) => [
      fqdn,
      mac,
      role,
      provisioningAddress,
    ]),
  ).toEqual([
    ["node01.example.com", "52:54:00:12:34:56", "control-plane", "10.0.100.50"],
    ["node02.example.com", "52:54:00:12:34:57", "control-plane", "10.0.100.51"],
    ["node03.example.com", "52:54:00:12:34:58", "control-plane", "10.0.100.52"],
    ["node04.example.com", "52:54:00:12:34:59", "worker", "10.0.100.80"],
  ]);
  expect(site.networks.provisioning).toMatchObject({ leaseSeconds: 600, maxLeaseSeconds: 7200 });
  expect(site.timeouts).toMatchObject({ installerSeconds: 1200, soakSeconds: 180 });
});

test("the example's further network loads once its comment signs are taken away", () => {
  const file = join(repository, "inventory/site.yaml");
  const text = readFileSync(file, "utf8").replace(/^#dhcp:\n(?:#.*\n)+/m, (block) =>
    block.replace(/^#/gm, ""),
  );
  const result = parseInventory(text, file);
  if ("problems" in result) throw new Error(result.problems.map(formatProblem).join("\n"));
  expect(result.inventory.dhcp.subnets["rack-b"]).toMatchObject({ gateway: "10.0.101.1" });
});

test("the folder of script templates is taken from the file's own folder", () => {
  const file = join(fixtures, "good.yaml");
  const text = `${readFileSync(file, "utf8")}boot: { templates: ./templates }\n`;
  const result = parseInventory(text, file);
  if ("problems" in result) throw new Error(result.problems.map(formatProblem).join("\n"));
  expect(result.inventory.boot.templates).toBe(join(fixtures, "templates"));
});

test("what is not written has its default", () => {
  const site = loaded(join(fixtures, "good.yaml"));
  expect(site.server).toEqual({
    address: "10.0.100.10",
    interface: "eth0",
    interfaces: {},
    httpPort: 8080,
    api: { address: "127.0.0.1", port: 8443 },
    stateDirectory: "/var/lib/rackstrap",
    tftp: { maxBlksize: 65464, maxTransfers: 2048, maxTransfersPerClient: 128 },
    assetDirectory: "/var/lib/pxe-boot",
    assetCheckMinutes: 60,
    leastDownloadKiBPerSecond: 16,
  });
  expect(site.install.hostKey).toBe("pinned");
  expect(site.boot.templates).toBeUndefined();
  expect(site.nodes.map(({ localBoot }) => localBoot)).toEqual(site.nodes.map(() => "auto"));
  expect(site.networks.provisioning).toMatchObject({
    ...{ exclude: [], searchDomains: [], ntp: [], routes: [], mode: "authoritative" },
    ...{ leaseSeconds: 600, minLeaseSeconds: 60, maxLeaseSeconds: 7200 },
  });
  expect(site.dhcp).toEqual({
    conflictProbe: true,
    allowSecondServer: false,
    relays: [],
    subnets: {},
  });
  expect(site.boot).toEqual({});
  expect(site.install.command).toEqual(["nix", "run", "github:nix-community/nixos-anywhere", "--"]);
  expect(site.nodes[0]?.bmc).toMatchObject({ kind: "ipmi", port: 623, cipherSuite: 17 });
});

test("a node carries its profile, its full name, a canonical MAC and absolute paths", () => {
  expect(loaded(join(fixtures, "good.yaml")).nodes[1]).toMatchObject({
    name: "node02",
    fqdn: "node02.example.com",
    mac: "52:54:00:12:34:57",
    role: "worker",
    kernelArguments: ["console=ttyS0"],
    bmc: { password: { file: join(fixtures, "secrets/node02") } },
  });
});

test("a flake that is a path is taken from the file's own folder", () => {
  expect(loaded(join(fixtures, "good.yaml")).install.flake).toBe(join(fixtures, "flake"));
});

test("a file that can't be read is a problem with the remedy", () => {
  const missing = join(fixtures, "missing.yaml");
  const result = loadInventory(missing);
  expect("problems" in result ? result.problems.map(formatProblem) : []).toEqual([
    `${missing}:1:1: the inventory can't be read (ENOENT: no such file or directory, open '${missing}'): name an existing file with --inventory`,
  ]);
});

test("nodes are found by name, full name and MAC in any notation", () => {
  const site = loaded(join(fixtures, "good.yaml"));
  expect(findNode(site, "node01")?.name).toBe("node01");
  expect(findNode(site, "node01.example.com")?.name).toBe("node01");
  expect(findNode(site, "node01.example.org")).toBeUndefined();
  expect(findNodeByMac(site, "52:54:00:12:34:57" as Mac)?.name).toBe("node02");
  expect(findNodeByMac(site, "52:54:00:00:00:00" as Mac)).toBeUndefined();
  expect(findSubject(site, "5254.0012.3457")?.name).toBe("node02");
  expect(findSubject(site, "node02")?.name).toBe("node02");
  expect(findSubject(site, "52:54:00:00:00:00")).toBeUndefined();
});
