import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { parseIscConfig } from "../../../src/inventory/import/isc-config.ts";
import { bootAdvice } from "../../../src/inventory/import/options.ts";
import { fixture, fixtures, isc, malformed, mustRead, noteLines, readFixture } from "./read.ts";

const subnet = (body: string) => `subnet 10.0.0.0 netmask 255.255.255.0 { ${body} }`;
const first = (text: string) => mustRead(isc(text)).networks[0];

describe("what a subnet says", () => {
  it.each<[string, string, object]>([
    ["the gateway", "option routers 10.0.0.1;", { gateway: "10.0.0.1" }],
    [
      "name servers",
      "option domain-name-servers 10.0.0.2, 10.0.0.3;",
      { dns: ["10.0.0.2", "10.0.0.3"] },
    ],
    ["the domain in lower case", 'option domain-name "Example.COM.";', { domain: "example.com" }],
    ["the domain as octets", "option domain-name 65:78:2e:61;", { domain: "ex.a" }],
    [
      "the search list",
      'option domain-search "a.example", "b.example";',
      { searchDomains: ["a.example", "b.example"] },
    ],
    ["time servers", "option ntp-servers 10.0.0.4;", { ntp: ["10.0.0.4"] }],
    ["the MTU", "option interface-mtu 9000;", { mtu: 9000 }],
    ["the usual lease time", "default-lease-time 60;", { leaseSeconds: 60 }],
    ["the least lease time", "min-lease-time 61;", { minLeaseSeconds: 61 }],
    ["the most lease time", "max-lease-time 62;", { maxLeaseSeconds: 62 }],
    ["the interface", 'interface "eth1";', { interface: "eth1" }],
    [
      "a route of a class",
      "option static-routes 172.16.0.0 10.0.0.9, 10.0.0.8 10.0.0.9;",
      {
        routes: [
          { to: { network: "172.16.0.0", prefix: 16 }, via: "10.0.0.9" },
          { to: { network: "10.0.0.8", prefix: 32 }, via: "10.0.0.9" },
        ],
      },
    ],
  ])("%s is read", (_, body, expected) => {
    expect(first(subnet(body))?.settings).toMatchObject(expected);
  });

  test("classless routes are read under whatever name option 121 was given", () => {
    const text = `option ms code 121 = array of unsigned integer 8;
      ${subnet("option ms 25, 10,9,8,128, 10,0,0,9, 0, 10,0,0,1;")}`;
    expect(first(text)?.settings.routes).toEqual([
      { to: { network: "10.9.8.128", prefix: 25 }, via: "10.0.0.9" },
      { to: { network: "0.0.0.0", prefix: 0 }, via: "10.0.0.1" },
    ]);
    expect(mustRead(isc(text)).notes).toEqual([]);
  });

  test.each([
    ["cut short", "24, 10,9,8, 10,0,0"],
    ["with a mask above 32", "33, 10,9,8,0, 10,0,0,1"],
    ["with host bits", "8, 10, 10,0,0,1, 9, 10,1, 10,0,0,1"],
    ["with no octet", "24, 10,9,800, 10,0,0,1"],
  ])("classless routes %s are noted", (_, numbers) => {
    const text = `option ms code 121 = array of unsigned integer 8; ${subnet(`option ms ${numbers};`)}`;
    expect(first(text)?.settings.routes).toBeUndefined();
    expect(mustRead(isc(text)).notes[0]?.instead).toMatch(/set routes of the network/);
  });

  test("ranges are collected from the subnet and its pools, single addresses too", () => {
    const body =
      "range 10.0.0.9; pool { range 10.0.0.20 10.0.0.30; } pool { range dynamic-bootp 10.0.0.40 10.0.0.41; }";
    expect(first(subnet(body))?.pools).toEqual([
      { start: "10.0.0.9", end: "10.0.0.9" },
      { start: "10.0.0.20", end: "10.0.0.30" },
      { start: "10.0.0.40", end: "10.0.0.41" },
    ]);
  });
});

describe("scopes", () => {
  test("a setting counts for everything in its scope, also for what stands before it", () => {
    const text = `
      shared-network wire {
        subnet 10.0.0.0 netmask 255.255.255.0 { }
        subnet 10.0.1.0 netmask 255.255.255.0 { option domain-name "inner"; }
        option domain-name "wire";
      }
      group { default-lease-time 99; subnet 10.0.2.0 netmask 255.255.255.0 { } }
      option domain-name "outer";
      subnet 10.0.3.0 netmask 255.255.255.0 { }`;
    expect(
      mustRead(isc(text)).networks.map(({ name, settings }) => [
        name,
        settings.domain,
        settings.leaseSeconds,
      ]),
    ).toEqual([
      ["wire", "wire", 43_200],
      ["wire", "inner", 43_200],
      [undefined, "outer", 99],
      [undefined, "outer", 43_200],
    ]);
  });

  test("hosts are found in every scope, with their own names", () => {
    const text = `
      group { host a { hardware ethernet 0:1:2:a:b:c; fixed-address 10.0.0.5, 10.0.0.6; } }
      ${subnet('host b { hardware ethernet 52:54:00:00:00:01; option host-name "c"; }')}`;
    expect(mustRead(isc(text)).hosts).toMatchObject([
      { name: "a", mac: "00:01:02:0a:0b:0c", addresses: ["10.0.0.5", "10.0.0.6"] },
      { name: "c", mac: "52:54:00:00:00:01", addresses: [] },
    ]);
  });

  test("an included file stands where it is included, with its own lines", () => {
    const config = mustRead(
      isc('group {\n  default-lease-time 99;\n  include "more/nets.conf";\n}', {
        "/etc/more/nets.conf": `\n${subnet("foo bar;")}`,
      }),
    );
    expect(config.networks[0]?.settings.leaseSeconds).toBe(99);
    expect(config.notes[0]?.place).toEqual({ file: "/etc/more/nets.conf", line: 2, column: 41 });
  });
});

describe("what is not carried over", () => {
  test("each statement of the sample site is noted with its line", () => {
    const file = join(fixtures, "dhcpd.conf");
    const { notes } = mustRead(parseIscConfig(fixture("dhcpd.conf"), file, readFixture));
    expect(noteLines(notes.filter(({ place }) => place.file === file))).toEqual([
      "3 ddns-update-style none",
      "6 log-facility local7",
      "13 option arch code 93 = unsigned integer 16",
      "15 option voip-server code 150 = array of ip-address",
      "16 option rec code 200 = { ip-address, integer 8 }",
      "17 option space ipxe",
      "18 option ipxe.no-pxedhcp code 176 = unsigned integer 8",
      '20 key "omapi" { … }',
      "21 omapi-port 7911",
      '23 class "phones" { … }',
      '28 class "pxeclients" { … }',
      '40 failover peer "site" { … }',
      "55 option broadcast-address 10.20.0.255",
      "67 if option arch = 00:07 { … }",
      '60 failover peer "site"',
      "63 deny unknown-clients",
      '70 shared-network "rack-b" { … }',
      "78 option static-routes 192.168.7.0 10.20.1.130",
      '79 if substring(option host-name, 0, 3) = "cam" { … }',
      "80 option domain-name-servers 10.20.1.131",
      '88 option domain-name "db.example.com"',
      "89 next-server 10.20.0.5",
    ]);
  });
});

describe("what to do instead", () => {
  it.each<[string, string, string]>([
    [
      "a chain by architecture",
      'option arch code 93 = unsigned integer 16; if option arch = 00:07 { filename "a"; } elsif option arch = 00:00 { filename "b"; } else { if exists user-class { next-server 10.0.0.1; } }',
      "if option arch = 00:07 { … }",
    ],
    [
      "a class that only boots",
      'class "pxe" { match if substring(option vendor-class-identifier, 0, 9) = "PXEClient"; filename "a"; }',
      'class "pxe" { … }',
    ],
    ["a boot file", 'filename "a";', 'filename "a"'],
    ["an option of iPXE", "option ipxe.no-pxedhcp 1;", "option ipxe.no-pxedhcp 1"],
  ])("%s is rackstrap's own work", (_, text, what) => {
    const own = mustRead(isc(text)).notes.filter((note) => note.what === what);
    expect(own.map(({ instead }) => instead)).toEqual([bootAdvice]);
  });

  it.each<[string, string, RegExp]>([
    ["a class", 'class "a" { match hardware; option routers 10.0.0.1; }', /no client classes/],
    ["DNS updates", "ddns-updates on;", /updates no DNS/],
    ["failover", 'failover peer "a" { primary; }', /runs alone/],
    ["an option of one's own", "option a code 200 = text;", /no options of your own/],
    ["an infinite lease", "default-lease-time 4294967295;", /leases end here/],
    [
      "a setting of a pool",
      subnet("pool { option routers 10.0.0.1; range 10.0.0.2; }"),
      /a pool has no settings/,
    ],
    [
      "a setting of hosts",
      "group { option routers 10.0.0.1; host a { hardware ethernet 52:54:00:00:00:01; } }",
      /group of hosts has no settings/,
    ],
    ["a host without a MAC", "host a { fixed-address 10.0.0.1; }", /knows machines by their MAC/],
    [
      "a name for an address",
      "host a { hardware ethernet 52:54:00:00:00:01; fixed-address a.example; }",
      /is a name/,
    ],
    [
      "a second gateway",
      subnet("option routers 10.0.0.1, 10.0.0.2;"),
      /not carried over: 10\.0\.0\.2/,
    ],
    ["a small MTU", subnet("option interface-mtu 500;"), /576 to 65535/],
    [
      "a list as a domain",
      subnet('option domain-name "a.example b.example";'),
      /not one domain name/,
    ],
    ["a word nobody knows", "frobnicate on;", /no counterpart/],
    ["a name that every object has", "constructor x;", /no counterpart/],
    ["IPv6", "subnet6 2001:db8::/64 { range6 2001:db8::1 2001:db8::2; }", /IPv4 only/],
  ])("%s is noted once, with what to do instead", (_, text, expected) => {
    const { notes } = mustRead(isc(text));
    expect(notes.map(({ instead }) => instead)).toEqual([expect.stringMatching(expected)]);
  });

  test("what rackstrap does anyway is not noted", () => {
    const text = 'authoritative; allow booting; use-host-decl-names on; include "a";';
    expect(mustRead(isc(text, { "/etc/a": "" })).notes).toEqual([]);
  });
});

describe("a file that can't be read", () => {
  it.each<[string, string, string]>([
    ["no end of a string", 'option a "b;\n', '1:10: this string has no closing "'],
    ["no end of a block", "group {\n  authoritative;", "1:7: this { has no closing }"],
    ["no semicolon", "authoritative\n", "1:1: there is no ; between this and the end of the file"],
    ["no semicolon before a bracket", "group { a b }", "1:11: there is no ; between this and }"],
    ["a bracket of its own", "group { } }", "1:11: there is no ; between this and }"],
    ["a block of its own", "{ }", "1:1: this { belongs to no statement"],
    [
      "a mask that is none",
      "subnet 10.0.0.0 netmask 255.0.255.0 { }",
      '1:1: "subnet 10.0.0.0 netmask 255.0.255.0" is no network: write it as subnet 10.0.0.0 netmask 255.255.255.0',
    ],
    [
      "host bits",
      "subnet 10.0.0.1 netmask 255.255.255.0 { }",
      '1:1: "subnet 10.0.0.1 netmask 255.255.255.0" is no network: write it as subnet 10.0.0.0 netmask 255.255.255.0',
    ],
    [
      "a range that is none",
      subnet("range 10.0.0.5 x;"),
      '1:41: "range 10.0.0.5 x" is no range: write it as range 10.0.0.10 10.0.0.20',
    ],
    [
      "an include that is missing",
      '\n include "b";',
      "2:10: the included file /etc/b can't be read: no such file",
    ],
  ])("%s is told with its place", (_, text, expected) => {
    expect(malformed(isc(text))).toBe(`/etc/dhcpd.conf:${expected}`);
  });

  test("nesting has a limit", () => {
    expect(malformed(isc("a { ".repeat(100_000)))).toMatch(/nested deeper than 64/);
  });

  test("the number of words has a limit", () => {
    expect(malformed(isc(`a ${"b ".repeat(2_000_000)};`))).toMatch(/more than 2000000 words/);
  });

  test("a file that includes itself is refused", () => {
    const text = 'include "/etc/a";';
    expect(malformed(isc(text, { "/etc/a": text }))).toMatch(/does one include itself/);
  });

  test("every beginning of the sample is read or refused, and nothing throws", () => {
    const bytes = fixture("dhcpd.conf");
    const file = join(fixtures, "dhcpd.conf");
    for (let length = 0; length <= bytes.length; length++) {
      const read = parseIscConfig(bytes.subarray(0, length), file, readFixture);
      expect("value" in read || read.malformed !== "").toBe(true);
    }
  });
});
