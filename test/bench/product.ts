// The product as it is measured: `rackstrap serve` with an inventory of one machine.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inventorySchema } from "../../src/inventory/schema.ts";
import type { InventoryFile } from "../../vm-harness/rack-inventory.ts";
import { addresses, network, reservedMac, serverInterface } from "./lab.ts";
import type { Preparation } from "./server-process.ts";

export const leaseSeconds = 3600;
const repository = join(import.meta.dirname, "../..");

/** The assets are to be put into the folder `assets`. */
export async function prepareProduct(directory: string): Promise<Preparation> {
  const inventoryFile = join(directory, "site.json");
  await mkdir(join(directory, "assets"), { recursive: true });
  await writeFile(join(directory, "password"), "unused\n");
  await writeFile(inventoryFile, JSON.stringify(inventory(directory)));
  const main = join(repository, "src/cli/main.ts");
  return { argv: [process.execPath, main, "serve", "--inventory", inventoryFile] };
}

function inventory(directory: string): InventoryFile {
  return {
    site: "bench",
    domain: "example.com",
    cluster: { name: "bench" },
    server: {
      address: addresses.server,
      interface: serverInterface,
      stateDirectory: join(directory, "state"),
      assetDirectory: join(directory, "assets"),
    },
    // The others don't look for machines that use an address without a lease: dnsmasq is told not to, Kea 2.2 can't.
    ...("dhcp" in inventorySchema.shape ? { dhcp: { conflictProbe: false } } : {}),
    networks: {
      provisioning: {
        cidr: network,
        gateway: "10.77.0.254",
        pool: { start: addresses.poolStart, end: addresses.poolEnd },
        dns: ["10.77.0.254"],
        domain: "prov.example.com",
        leaseSeconds,
      },
      production: { cidr: "10.78.0.0/24", gateway: "10.78.0.1", dns: ["10.78.0.1"] },
      management: { cidr: "10.79.0.0/24" },
    },
    install: { flake: "/nonexistent" },
    profiles: { worker: { role: "worker" } },
    nodes: {
      reserved: {
        mac: reservedMac,
        profile: "worker",
        firmware: "uefi",
        provisioningAddress: addresses.reserved,
        productionAddress: "10.78.0.50",
        disk: "/dev/sda",
        bmc: {
          address: "10.79.0.50",
          user: "admin",
          password: { file: join(directory, "password") },
        },
      },
    },
  };
}
