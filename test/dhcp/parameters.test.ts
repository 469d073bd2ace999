import { describe, expect, it } from "vitest";
import { parameter } from "../../src/dhcp/parameters.ts";
import type { Subnet } from "../../src/dhcp/policy.ts";
import { type Cidr, parseCidr } from "../../src/net/cidr.ts";
import { config, ip } from "./site.ts";

const [provisioning] = config.subnets;
if (provisioning === undefined) throw new Error("the site has a network");

const route = (to: string, via: string) => ({ to: parseCidr(to) as Cidr, via: ip(via) });

function hex(number: number, changes: Partial<Subnet>, asked = [number], hostName = "node01") {
  const subnet = { ...provisioning, ...changes } as Subnet;
  return parameter(number, asked, { subnet, hostName })?.toString("hex");
}

const cases: readonly [string, number, Partial<Subnet>, string | undefined][] = [
  ["the mask of a /24", 1, {}, "ffffff00"],
  ["the mask of a /21", 1, { cidr: parseCidr("10.0.96.0/21") as Cidr }, "fffff800"],
  ["the router", 3, {}, "0a006401"],
  ["no router where there is none", 3, { router: undefined }, undefined],
  ["the name servers, in order", 6, {}, "0a00640108080808"],
  ["no name servers where there are none", 6, { dns: [] }, undefined],
  ["the host name", 12, {}, "6e6f64653031"],
  ["the domain", 15, { domain: "a.bc" }, "612e6263"],
  ["no domain where there is none", 15, { domain: undefined }, undefined],
  ["an MTU in two octets", 26, { mtu: 1500 }, "05dc"],
  ["a jumbo MTU", 26, { mtu: 9000 }, "2328"],
  ["the largest MTU", 26, { mtu: 65_535 }, "ffff"],
  ["no MTU where there is none", 26, {}, undefined],
  ["the broadcast address of a /24", 28, {}, "0a0064ff"],
  ["the broadcast address of a /21", 28, { cidr: parseCidr("10.0.96.0/21") as Cidr }, "0a0067ff"],
  ["the time servers", 42, { ntp: [ip("10.0.100.1"), ip("192.0.2.255")] }, "0a006401c00002ff"],
  ["no time servers where there are none", 42, {}, undefined],
  [
    "one search domain, as DNS writes it",
    119,
    { searchDomains: ["eng.a.io"] },
    "03656e6701610269 6f00",
  ],
  ["two search domains", 119, { searchDomains: ["a.io", "b"] }, "0161026" + "96f00016200"],
  ["no search list where there is none", 119, {}, undefined],
  ["no routes where there are none, although there is a router", 121, {}, undefined],
  [
    "routes with as many octets as they need, then the router (RFC 3442)",
    121,
    {
      routes: [
        route("10.0.0.0/8", "10.0.100.2"),
        route("10.17.0.0/16", "10.0.100.2"),
        route("10.27.129.0/24", "10.0.100.2"),
        route("10.229.0.128/25", "10.0.100.2"),
        route("10.198.122.47/32", "10.0.100.2"),
      ],
    },
    [
      "080a0a006402",
      "100a110a006402",
      "180a1b810a006402",
      "190ae500800a006402",
      "200ac67a2f0a006402",
      "000a006401",
    ].join(""),
  ],
  [
    "a route of 17 bits in three octets",
    121,
    { routes: [route("10.17.128.0/17", "10.0.100.2")], router: undefined },
    "110a11800a006402",
  ],
  ["its own default route once", 121, { routes: [route("0.0.0.0/0", "10.0.100.9")] }, "000a006409"],
  ["nothing for a number it does not know", 44, {}, undefined],
];

describe("the parameters", () => {
  it.each(cases)("hold %s", (_, number, changes, expected) => {
    expect(hex(number, changes)).toBe(expected?.replaceAll(" ", ""));
  });

  it("leave the router to the routes for a client that asks for both, and for that one alone", () => {
    const routes = [route("10.0.0.0/8", "10.0.100.2")];
    expect(hex(3, { routes }, [1, 3, 121])).toBeUndefined();
    expect(hex(3, { routes }, [1, 3])).toBe("0a006401");
    expect(hex(3, {}, [1, 3, 121])).toBe("0a006401");
  });
});
