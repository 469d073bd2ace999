import { expect, test } from "vitest";
import type { Inventory, Node } from "../../src/inventory/schema.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { certificateAddresses } from "../../src/operations/certificate-addresses.ts";
import { exampleInventory } from "../fakes/rack.ts";

const inventory = exampleInventory();
const [node] = inventory.nodes;
if (node === undefined) throw new Error("the example site declares no node");
const ip = (text: string) => text as Ipv4;

function addresses(changes: Partial<Node>, vips: Record<string, Ipv4> = {}): readonly string[] {
  const production = { ...inventory.networks.production, vips };
  const site: Inventory = { ...inventory, networks: { ...inventory.networks, production } };
  return certificateAddresses({ ...node, ...changes } as Node, site);
}

const own = [node.productionAddress, node.provisioningAddress];

test("a node without interfaces of its own is reached at its two addresses, production first", () => {
  expect(addresses({})).toEqual(own);
});

test("every further address of its interfaces counts, each once", () => {
  const vlans = {
    vlan300: { id: 300, link: "eth1", network: "client" as const, address: ip("10.3.0.10") },
  };
  const nics = {
    eth0: { network: "provisioning" as const },
    eth1: { network: "production" as const },
    eth2: { network: "management" as const, address: ip("10.0.10.60") },
  };
  expect(addresses({ nics, vlans })).toEqual([...own, "10.0.10.60", "10.3.0.10"]);
});

test("the address of a service counts where the node runs that service", () => {
  const vips = { chainfire: ip("10.0.200.100"), fiberlb: ip("10.0.200.110") };
  expect(addresses({ services: ["chainfire", "flaredb"] }, vips)).toEqual([...own, "10.0.200.100"]);
});
