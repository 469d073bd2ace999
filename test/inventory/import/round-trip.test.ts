// What import prints is an inventory once its FILL IN lines are filled in.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { formatInventory } from "../../../src/inventory/import/format-inventory.ts";
import { parseIscConfig } from "../../../src/inventory/import/isc-config.ts";
import { parseKeaConfig } from "../../../src/inventory/import/kea-config.ts";
import { toInventory } from "../../../src/inventory/import/to-inventory.ts";
import { parseInventory } from "../../../src/inventory/load.ts";
import { fixture, fixtures, mustRead, readFixture } from "./read.ts";

const site = join(import.meta.dirname, "../../../inventory/site.yaml");

interface Printed {
  readonly networks: { readonly provisioning: object };
  readonly dhcp: { readonly subnets: Readonly<Record<string, object>> };
  readonly nodes: Readonly<Record<string, object>>;
}

/** The example site with the printed parts in it, and what the operator fills in. */
function filledIn(printed: Printed, address: string, interfaces: Record<string, string>): string {
  const example = parse(readFileSync(site, "utf8"));
  const [like] = Object.values(example.nodes) as { bmc: object }[];
  const network = address.replace(/\d+$/, "");
  const nodes = Object.entries(printed.nodes).map(([name, node], i) => {
    const own = {
      provisioningAddress: `${network}${60 + i}`,
      productionAddress: `10.0.200.${50 + i}`,
    };
    return [
      name,
      { ...like, ...own, bmc: { ...like?.bmc, address: `10.0.10.${100 + i}` }, ...node },
    ];
  });
  return stringify({
    ...example,
    server: { ...example.server, address, interface: "eth1", interfaces },
    networks: { ...example.networks, ...printed.networks },
    dhcp: printed.dhcp,
    nodes: Object.fromEntries(nodes),
  });
}

it.each([
  ["dhcpd.conf", parseIscConfig, "10.20.0.5", {}],
  ["kea-dhcp4.json", parseKeaConfig, "10.30.0.5", { eth2: "10.30.2.5" }],
] as const)("what is printed for %s is accepted", (file, read, address, interfaces) => {
  const config = mustRead(read(fixture(file), join(fixtures, file), readFixture));
  const printed = parse(formatInventory(toInventory(config).inventory, file).join("\n"));
  expect(parseInventory(filledIn(printed, address, interfaces), "site.yaml")).not.toHaveProperty(
    "problems",
  );
});
