import { describe, expect, it } from "vitest";
import { relaySubOption } from "../../src/dhcp/options.ts";
import type { DhcpConfig, Subnet } from "../../src/dhcp/policy.ts";
import { encodeSubOptions } from "../../src/dhcp/sub-options.ts";
import {
  type Arrival,
  addressOption,
  config,
  createSite,
  type Fields,
  ip,
  lease,
  outcome,
  renewing,
  request,
  stranger,
} from "./site.ts";

const eth0 = { name: "eth0", address: ip("10.0.100.10") };
const eth1 = { name: "eth1", address: ip("10.1.0.10") };
const eth2 = { name: "eth2", address: ip("10.2.0.10") };
const eth3 = { name: "eth3", address: ip("10.0.101.10") };

/** A network of 256 addresses that begins with `prefix`, and its pool .100 to .200. */
function network(name: string, prefix: string, changes: Partial<Subnet> = {}): Subnet {
  const [provisioning] = config.subnets;
  if (provisioning === undefined) throw new Error("the site has a network");
  const cidr = { network: ip(`${prefix}.0`), prefix: 24 };
  const pools = [{ start: ip(`${prefix}.100`), end: ip(`${prefix}.200`) }];
  return { ...provisioning, interface: undefined, name, cidr, pools, ...changes };
}

const networks: Partial<DhcpConfig> = {
  interfaces: [eth0, eth1, eth2, eth3],
  relays: [ip("192.0.2.1")],
  subnets: [
    network("provisioning", "10.0.100", { interface: "eth0" }),
    network("second on eth0", "10.0.110", { interface: "eth0" }),
    network("rack-b", "10.0.101"),
    network("first on eth1", "10.1.9", { interface: "eth1" }),
    network("own of eth1", "10.1.0", { interface: "eth1" }),
    network("off", "10.0.109", { mode: "off" }),
  ],
};

const option82 = (number: number, data: Buffer) => ({ 82: encodeSubOptions([[number, data]]) });
const link = (address: string) => option82(relaySubOption.linkSelection, addressOption(address));
const select = (address: string) => ({ 118: addressOption(address) });
const provisioning = "OFFER 10.0.100.100";
const rackB = "OFFER 10.0.101.100";
const silence = (reason: string) => `silence: ${reason}`;

const cases: readonly [name: string, fields: Fields, arrival: Arrival, expected: string][] = [
  ["its interface", {}, {}, provisioning],
  ["its interface's own network, of several", {}, { receiver: eth1 }, "OFFER 10.1.0.100"],
  ["the network its interface has an address of", {}, { receiver: eth3 }, rackB],
  ["no network", {}, { receiver: eth2 }, silence("interface eth2 has no network of its own")],
  ["its relay's address", { giaddr: ip("10.0.101.1") }, {}, rackB],
  [
    "its relay's address, on any interface",
    { giaddr: ip("10.0.101.1") },
    { receiver: eth2 },
    rackB,
  ],
  [
    "an unknown relay",
    { giaddr: ip("192.0.2.9") },
    {},
    silence("relay 192.0.2.9 is in no network served here"),
  ],
  [
    "an unknown relay that selects a network",
    { giaddr: ip("192.0.2.9"), options: link("10.0.101.0") },
    {},
    silence("relay 192.0.2.9 is in no network served here"),
  ],
  [
    "a listed relay that selects none",
    { giaddr: ip("192.0.2.1") },
    {},
    silence("relay 192.0.2.1 does not select a network"),
  ],
  [
    "a listed relay's link selection",
    { giaddr: ip("192.0.2.1"), options: link("10.0.101.0") },
    {},
    rackB,
  ],
  [
    "a listed relay's link selection of a network not served",
    { giaddr: ip("192.0.2.1"), options: link("192.0.2.0") },
    {},
    silence("192.0.2.0 is in no network served here"),
  ],
  [
    "link selection before the relay's address",
    { giaddr: ip("10.0.100.1"), options: link("10.0.101.0") },
    {},
    rackB,
  ],
  [
    "the relay's address when link selection has another length",
    { giaddr: ip("10.0.100.1"), options: option82(5, Buffer.of(10, 0, 101)) },
    {},
    provisioning,
  ],
  [
    "nothing that option 82 says without a relay",
    { options: link("10.0.101.0") },
    {},
    provisioning,
  ],
  ["the client's subnet selection", { options: select("10.0.101.0") }, {}, rackB],
  [
    "the client's subnet selection behind a relay",
    { giaddr: ip("10.0.100.1"), options: select("10.0.101.0") },
    {},
    rackB,
  ],
  [
    "link selection before subnet selection",
    { giaddr: ip("10.0.100.1"), options: { ...select("10.0.100.0"), ...link("10.0.101.0") } },
    {},
    rackB,
  ],
  [
    "a subnet selection of a network not served",
    { options: select("192.0.2.0") },
    {},
    silence("192.0.2.0 is in no network served here"),
  ],
  [
    "its interface when option 118 has another length",
    { options: { 118: Buffer.of(10) } },
    {},
    provisioning,
  ],
  [
    "a network that is off",
    { giaddr: ip("10.0.109.1") },
    {},
    silence("DHCP is off in network off"),
  ],
  ["its interface, whatever ciaddr a DISCOVER has", { ciaddr: ip("10.0.101.7") }, {}, provisioning],
];

describe("the network of a DISCOVER", () => {
  it.each(cases)("is told by %s", (_, fields, arrival, expected) => {
    const response = createSite([], { config: networks }).send(
      request("DISCOVER", fields),
      arrival,
    );
    const { reason } = response.event;
    const said = outcome(response);
    expect(said === "silence" && reason !== undefined ? silence(reason) : said).toBe(expected);
  });
});

describe("the network of a renewal", () => {
  it("that comes without its relay is that of the address in use", () => {
    const site = createSite([lease("10.0.101.150", stranger)], { config: networks });
    expect(outcome(site.send(renewing("10.0.101.150"), { receiver: eth1 }))).toBe(
      "ACK 10.0.101.150",
    );
  });

  it("is that of the interface for an address of no network served here", () => {
    const site = createSite([], { config: networks });
    expect(outcome(site.send(renewing("192.0.2.7")))).toBe("NAK");
  });

  it("is a second one on the same interface where the address says so", () => {
    const site = createSite([lease("10.0.110.150", stranger)], { config: networks });
    expect(outcome(site.send(renewing("10.0.110.150")))).toBe("ACK 10.0.110.150");
  });
});

it("a subnet selection is repeated in the answer, and one that can't be read is not", () => {
  const answer = (data: Buffer) =>
    createSite()
      .send(request("DISCOVER", { options: { 118: data } }))
      .reply?.packet.options.get(118)
      ?.toString("hex");
  expect(answer(addressOption("10.0.100.0"))).toBe("0a006400");
  expect(answer(Buffer.of(10, 0))).toBeUndefined();
});
