import { expect, test } from "vitest";
import { serverAddressFor } from "../../src/inventory/networks.ts";
import type { Inventory } from "../../src/inventory/schema.ts";
import { type Cidr, parseCidr } from "../../src/net/cidr.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";

const ip = (text: string) => text as Ipv4;
const cidr = (text: string) => parseCidr(text) as Cidr;

/** Only what is read. */
const site = {
  server: { address: "10.0.100.10", interface: "eth0", interfaces: { eth2: "10.1.0.10" } },
  networks: { provisioning: { cidr: cidr("10.0.100.0/24") } },
  dhcp: {
    subnets: {
      attached: { cidr: cidr("10.1.0.0/24"), interface: "eth2" },
      relayed: { cidr: cidr("10.2.0.0/24") },
    },
  },
} as unknown as Inventory;

test.each([
  ["on the provisioning network", "10.0.100.50", "10.0.100.10"],
  ["on a further interface", "10.1.0.50", "10.1.0.10"],
  ["behind a relay", "10.2.0.50", "10.0.100.10"],
  ["in no network", "192.0.2.1", "10.0.100.10"],
])("a machine %s reaches this server at the address there", (_, address, server) => {
  expect(serverAddressFor(site, ip(address))).toBe(server);
});
