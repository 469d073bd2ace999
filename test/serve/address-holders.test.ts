import { expect, test } from "vitest";
import { wrongAddress } from "../../src/boot/access.ts";
import type { Lease } from "../../src/dhcp/lease-table.ts";
import type { Inventory } from "../../src/inventory/schema.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { Mac } from "../../src/net/mac.ts";
import { createAddressHolders } from "../../src/serve/address-holders.ts";
import { exampleInventory } from "../fakes/rack.ts";

const inventory = exampleInventory();
const [node, other] = inventory.nodes;
if (node === undefined || other === undefined) throw new Error("the example site has two nodes");
const { provisioningAddress: reserved, mac } = node;
const address = "10.0.100.150" as Ipv4;
const nowMs = 5_000;

const proxied: Inventory = {
  ...inventory,
  networks: {
    ...inventory.networks,
    provisioning: { ...inventory.networks.provisioning, mode: "proxy" },
  },
};

const lease = (changes: Partial<Lease> = {}): Lease => ({
  ...{ address, mac, state: "bound", expiresAtMs: nowMs + 1, lastSeenMs: 0 },
  ...changes,
});

function holders(site: Inventory, ...leases: readonly Lease[]) {
  const leaseAt = (asked: Ipv4) => leases.find((row) => row.address === asked);
  return createAddressHolders(
    () => site,
    leaseAt,
    () => nowMs,
  );
}

const foreign = lease({ state: "foreign" });
const given = { kind: "given", to: mac };
const stranger = "52:54:00:99:00:01" as Mac;
const earlier = lease({ address: reserved, mac: stranger });

test.each<[string, Inventory, Lease | undefined, string, object]>([
  ["its node's by reservation", inventory, undefined, reserved, given],
  [
    "its node's by reservation, with its own lease",
    inventory,
    lease({ address: reserved }),
    reserved,
    given,
  ],
  [
    "of whoever has a lease from before the reservation",
    inventory,
    earlier,
    reserved,
    { kind: "given", to: stranger },
  ],
  [
    "its node's once that lease has ended",
    inventory,
    { ...earlier, expiresAtMs: nowMs },
    reserved,
    given,
  ],
  [
    "nobody's while another machine was found to use it, though it is reserved",
    inventory,
    lease({ address: reserved, state: "declined" }),
    reserved,
    { kind: "not-given" },
  ],
  ["a node's by lease", inventory, lease(), address, given],
  [
    "nobody's once the lease has ended",
    inventory,
    lease({ expiresAtMs: nowMs }),
    address,
    { kind: "not-given" },
  ],
  [
    "nobody's once the lease was given up",
    inventory,
    lease({ state: "released" }),
    address,
    { kind: "not-given" },
  ],
  [
    "nobody's while it is set aside",
    inventory,
    lease({ state: "declined" }),
    address,
    { kind: "not-given" },
  ],
  [
    "nobody's when another server gave it before we did",
    inventory,
    foreign,
    address,
    { kind: "not-given" },
  ],
  ["nobody's without a lease", inventory, undefined, address, { kind: "not-given" }],
  [
    "not its node's by the inventory alone, behind proxyDHCP",
    proxied,
    undefined,
    reserved,
    { kind: "not-heard" },
  ],
  ["a node's that was heard to ask for it, behind proxyDHCP", proxied, foreign, address, given],
  [
    "nobody's when that was too long ago, behind proxyDHCP",
    proxied,
    { ...foreign, expiresAtMs: nowMs },
    address,
    { kind: "not-heard" },
  ],
  [
    "nobody's by a lease of ours from before, behind proxyDHCP",
    proxied,
    lease(),
    address,
    { kind: "not-heard" },
  ],
  ["of no network here", proxied, undefined, "10.9.9.9", { kind: "not-given" }],
  ["no IPv4 address", inventory, undefined, "::1", { kind: "not-given" }],
])("an address is %s", (_, site, row, asked, standing) => {
  const known = holders(site, ...(row === undefined ? [] : [row]));
  expect(known.standing(asked)).toEqual(standing);
  expect(known.find(asked)).toBe("to" in standing ? standing.to : undefined);
});

test("behind proxyDHCP no other machine gets in, at the node's declared address or anywhere", () => {
  const known = holders(proxied, foreign);
  for (const asking of [reserved, "10.0.100.151", "10.9.9.9"]) {
    const standing = known.standing(asking);
    expect(wrongAddress({ mac, address: asking, standing })).toBeDefined();
  }
  const inAnothersName = { mac: other.mac as Mac, address, standing: known.standing(address) };
  expect(wrongAddress(inAnothersName)).toBe(`${address} is the address of ${mac}`);
});
