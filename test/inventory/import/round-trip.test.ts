// What import prints is an inventory once its FILL IN lines are filled in, as its own first lines say.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, test } from "vitest";
import { formatInventory } from "../../../src/inventory/import/format-inventory.ts";
import { configKind, parseConfigs } from "../../../src/inventory/import/read.ts";
import { toInventory } from "../../../src/inventory/import/to-inventory.ts";
import { type Parsed, parseInventory } from "../../../src/inventory/load.ts";
import { fixture, fixtures, mustRead, readFixture } from "./read.ts";

const site = join(import.meta.dirname, "../../../inventory/site.yaml");

/** The YAML that import prints for fixtures. */
function printed(names: readonly string[]): string[] {
  const files = names.map((name) => {
    const bytes = fixture(name);
    return { file: join(fixtures, name), bytes, kind: configKind(bytes) };
  });
  const config = mustRead(parseConfigs(files, readFixture));
  return formatInventory(toInventory(config).inventory, names);
}

/** What an operator would write: an address of each machine's own, and what the example beside FILL IN says elsewhere. */
function fillIn(lines: readonly string[], provisioning: string, server: string): string {
  let machine = 60;
  const own: Readonly<Record<string, () => string>> = {
    provisioningAddress: () => `${provisioning}.${machine}`,
    productionAddress: () => `10.0.200.${machine++}`,
    bmc: () => `{ address: 10.0.10.${machine}, user: admin, password: { env: BMC_PASSWORD } }`,
    trust: () => "{ insecure: unchecked }",
    gateway: () => `${provisioning}.1`,
    dns: () => `[${provisioning}.1]`,
    domain: () => "prov.example.com",
    eth2: () => "10.30.2.5",
  };
  return lines
    .map((line) => {
      const [, indent = "", key = "", example = ""] =
        /^( *)# FILL IN ([\w-]+):\s*(.*)$/.exec(line) ?? [];
      if (key === "") return line;
      if (key === "address")
        return `${indent}address: ${indent.length === 2 ? server : `10.0.10.${machine}`}`;
      const useExample =
        example !== "" && !["bmc", "trust"].includes(key) && !example.startsWith("#");
      return `${indent}${key}: ${useExample ? example : (own[key]?.() ?? example)}`;
    })
    .join("\n");
}

function problems(loaded: Parsed): readonly unknown[] {
  return "problems" in loaded ? loaded.problems : [];
}

it.each<[string[], string, string]>([
  [["dhcpd.conf"], "10.20.0", "10.20.0.5"],
  [["kea-dhcp4.json"], "10.30.0", "10.30.0.5"],
  [["dnsmasq.conf", "dnsmasq.d/hosts"], "10.40.0", "10.40.0.5"],
  [["pxe-server.nix"], "10.0.100", "10.0.100.10"],
  [["pxe-server.nix", "inventory.json"], "10.0.100", "10.0.100.10"],
  [["inventory.json"], "10.0.100", "10.0.100.10"],
  [["machines.csv"], "10.0.100", "10.0.100.10"],
])("what is printed for %j is accepted when it is filled in", (names, provisioning, server) => {
  const lines = printed(names);
  const blank = parseInventory(lines.join("\n"), "site.yaml");
  expect(problems(blank).length).toBeGreaterThan(0);
  const text = fillIn(lines, provisioning, server);
  expect(text).not.toMatch(/^ *# FILL IN/m);
  expect(problems(parseInventory(text, "site.yaml"))).toEqual([]);
});

test("the runbook's module block has the values of the example site where both say something", () => {
  const text = fillIn(printed(["pxe-server.nix"]), "10.0.100", "10.0.100.10");
  const imported = parseInventory(text, "site.yaml");
  const example = parseInventory(readFileSync(site, "utf8"), "site.yaml");
  if ("problems" in imported || "problems" in example)
    throw new Error("one of them is not accepted");
  const { minLeaseSeconds: _, ...network } = imported.inventory.networks.provisioning;
  expect(example.inventory.networks.provisioning).toMatchObject(network);
  const { address, interface: name } = imported.inventory.server;
  expect({ address, interface: name }).toEqual({
    address: example.inventory.server.address,
    interface: example.inventory.server.interface,
  });
  const overlap = ({ nodes }: typeof imported.inventory) =>
    nodes.map(({ name, mac, role, profile, provisioningAddress }) => ({
      name,
      mac,
      role,
      profile,
      provisioningAddress,
    }));
  expect(overlap(imported.inventory)).toEqual(overlap(example.inventory).slice(0, 3));
});
