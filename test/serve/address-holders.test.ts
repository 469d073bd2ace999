import { expect, test } from "vitest";
import type { Inventory } from "../../src/inventory/schema.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { Mac } from "../../src/net/mac.ts";
import { createAddressHolders } from "../../src/serve/address-holders.ts";
import { exampleInventory } from "../fakes/rack.ts";

const inventory = exampleInventory();
const [node] = inventory.nodes;
if (node === undefined) throw new Error("the example site declares no node");
const { provisioningAddress: reserved, mac } = node;
const leased = "10.0.100.150" as Ipv4;
const leaser = "52:54:00:00:00:01" as Mac;

const proxied: Inventory = {
  ...inventory,
  networks: {
    ...inventory.networks,
    provisioning: { ...inventory.networks.provisioning, mode: "proxy" },
  },
};

test("an address is its node's by reservation, another's by lease, else nobody's", () => {
  const holders = createAddressHolders(inventory);
  holders.note(leased, leaser);
  expect(holders.standing(reserved, "intent-1")).toEqual({ kind: "given", to: mac });
  expect(holders.standing(leased, "intent-1")).toEqual({ kind: "given", to: leaser });
  for (const address of ["10.0.100.151", "10.9.9.9", "127.0.0.1", "::1"])
    expect(holders.standing(address, "intent-1")).toEqual({ kind: "not-given" });
});

test("a reservation outlives whatever lease is told", () => {
  const holders = createAddressHolders(inventory);
  holders.note(reserved, leaser);
  expect(holders.find(reserved)).toBe(mac);
});

test("behind proxyDHCP the address that has an install's script first is kept for that install", () => {
  const holders = createAddressHolders(proxied);
  const first = (address: string, intent?: string) => holders.standing(address, intent);
  expect(first(leased, "intent-1")).toEqual({ kind: "foreign", first: undefined });
  holders.bind(leased, "intent-1");
  expect(first("10.0.100.151", "intent-1")).toEqual({ kind: "foreign", first: leased });
  expect(first("10.0.100.151", "intent-2")).toEqual({ kind: "foreign", first: undefined });
  expect(first("10.0.100.151")).toEqual({ kind: "foreign", first: undefined });
  expect(first(reserved, "intent-1")).toEqual({ kind: "given", to: mac });
  expect(first("10.9.9.9", "intent-1")).toEqual({ kind: "not-given" });
});

test("nothing is bound where we give the addresses", () => {
  const holders = createAddressHolders(inventory);
  holders.bind(leased, "intent-1");
  expect(holders.standing(leased, "intent-1")).toEqual({ kind: "not-given" });
});
