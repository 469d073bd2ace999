// What an operator would have written for the virtual rack: the inventory file, and the node
// configurations that the stand-in for nixos-anywhere installs. Values are the runbook's.

import { join } from "node:path";
import type { z } from "zod";
import { disk, installDevice } from "../src/inventory/disk.ts";
import type { inventorySchema } from "../src/inventory/schema.ts";
import type { Machine } from "./machine.ts";
import { certificateOf } from "./rack-bmc.ts";

/** The inventory file as written, before defaults and checks. */
export type InventoryFile = z.input<typeof inventorySchema>;

const domain = "example.com";

/** The inventory of a rack with these machines as its nodes. Paths are below `directory`. */
export function inventoryOf(machines: readonly Machine[], directory: string): InventoryFile {
  return {
    site: "rack",
    domain,
    cluster: { name: "prod-cluster" },
    server: {
      address: "10.0.100.10",
      interface: "prov",
      stateDirectory: join(directory, "state"),
      assetDirectory: join(directory, "assets"),
    },
    networks: {
      provisioning: {
        cidr: "10.0.100.0/24",
        gateway: "10.0.100.1",
        pool: { start: "10.0.100.100", end: "10.0.100.200" },
        dns: ["10.0.100.1", "8.8.8.8"],
        domain: `prov.${domain}`,
      },
      production: { cidr: "10.0.200.0/24", gateway: "10.0.200.1", dns: ["10.0.200.1", "8.8.8.8"] },
      management: { cidr: "10.0.10.0/24" },
    },
    boot: { fallbackLoader: "ipxe.efi" },
    install: {
      command: [join(import.meta.dirname, "nixos-anywhere")],
      flake: join(directory, "flake"),
      offline: true,
      sshKey: join(directory, "provisioning-key"),
    },
    update: {
      build: [...nix(directory), "build", "--no-link", "--json"],
      copy: [...nix(directory), "copy", "--no-check-sigs", "--to"],
      ...{ activateSeconds: 180, testSeconds: 5, soakSeconds: 10 },
    },
    // In the place of sops -d.
    pki: { passphrase: { cmd: ["cat", "ca-passphrase"] } },
    // Long enough for several emulated machines on two cores, short enough for a person to wait for.
    timeouts: {
      networkBootSeconds: 180,
      installerSeconds: 300,
      diskBootSeconds: 240,
      joinSeconds: 240,
      verifySeconds: 120,
      soakSeconds: 10,
      intentSeconds: 900,
      probeSeconds: 10,
    },
    profiles: { "control-plane": { role: "control-plane", services: ["chainfire", "flaredb"] } },
    nodes: Object.fromEntries(
      machines.map((machine, index) => [
        machine.name,
        {
          mac: machine.mac,
          profile: "control-plane",
          firmware: machine.firmware,
          ...(machine.secureBoot && { secureBoot: true }),
          provisioningAddress: `10.0.100.${50 + index}`,
          productionAddress: productionAddress(index),
          // One of them by its serial number: its disk has a name only once rackstrap has found it.
          disk: index === 1 ? { serial: machine.name } : "/dev/vda",
          bmc: bmcOf(machine),
        },
      ]),
    ),
  };
}

/** The stand-in for nix, with its store in the rack's directory. */
function nix(directory: string): string[] {
  return [join(import.meta.dirname, "nix"), "--store", join(directory, "store")];
}

function bmcOf(machine: Machine): InventoryFile["nodes"][string]["bmc"] {
  const login = {
    address: machine.bmcAddress,
    user: machine.bmcUser,
    password: { file: machine.bmcPasswordPath },
  };
  switch (machine.bmc) {
    case "ipmi_sim":
      return { ...login, cipherSuite: 3 };
    case "ipmitool":
      return { ...login, kind: "ipmitool", cipherSuite: 3 };
    case "ipmi-17":
      return login;
    case "redfish":
      return {
        ...{ ...login, kind: "redfish", trust: { certificate: certificateOf(machine) } },
        console: {},
      };
  }
}

/** The stand-in's rack.json, as its header describes it. `authorizedKeys` may log in to the installed nodes as root. */
export function flakeOf(
  inventory: InventoryFile,
  systemDirectory: string,
  authorizedKeys: readonly string[],
): object {
  const nodes = Object.entries(inventory.nodes);
  const hosts = Object.fromEntries(
    nodes.map(([name, node]) => [`${name}.${inventory.domain}`, node.productionAddress]),
  );
  return {
    nodes: Object.fromEntries(
      nodes.map(([name, node]) => [
        name,
        {
          disk: deviceOf(name, node.disk),
          firmware: node.firmware,
          secureBoot: node.secureBoot === true,
          fqdn: `${name}.${inventory.domain}`,
          provisioningAddress: node.provisioningAddress,
          productionAddress: node.productionAddress,
          prefix: 24,
          hosts,
          system: systemDirectory,
          rootAuthorizedKeys: authorizedKeys,
        },
      ]),
    ),
  };
}

/** What the node's disk layout would name. */
function deviceOf(name: string, written: InventoryFile["nodes"][string]["disk"]): string {
  const parsed = disk.safeParse(written);
  if (parsed.success) return installDevice(parsed.data);
  throw new Error(`${name}: its disk is not one: ${parsed.error.message}`);
}

/** The runbook's production address of the control-plane node at `index`. */
function productionAddress(index: number): string {
  return `10.0.200.${10 + index}`;
}
