import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { parseKeaConfig } from "../../../src/inventory/import/kea-config.ts";
import { bootAdvice } from "../../../src/inventory/import/options.ts";
import { fixture, fixtures, kea, malformed, mustRead, noteLines, readFixture } from "./read.ts";

const dhcp4 = (body: string) => `{ "Dhcp4": { ${body} } }`;
const withSubnet = (body: string) => dhcp4(`"subnet4": [ { "subnet": "10.0.0.0/24", ${body} } ]`);
const withOption = (body: string) => withSubnet(`"option-data": [ { ${body} } ]`);
const first = (text: string) => mustRead(kea(text)).networks[0];

describe("what a subnet says", () => {
  it.each<[string, string, object]>([
    ["the gateway", '"name": "routers", "data": "10.0.0.1"', { gateway: "10.0.0.1" }],
    [
      "an option by its number",
      '"code": 6, "data": "10.0.0.2,10.0.0.3"',
      { dns: ["10.0.0.2", "10.0.0.3"] },
    ],
    ["a domain", '"name": "domain-name", "data": "Example.com"', { domain: "example.com" }],
    [
      "the search list",
      '"name": "domain-search", "data": "a.example, b.example"',
      { searchDomains: ["a.example", "b.example"] },
    ],
    [
      "octets of addresses",
      '"name": "ntp-servers", "csv-format": false, "data": "0x0a000004"',
      { ntp: ["10.0.0.4"] },
    ],
    [
      "octets of a number",
      '"name": "interface-mtu", "csv-format": false, "data": "05 78"',
      { mtu: 1400 },
    ],
    [
      "routes in text",
      '"name": "classless-static-route", "data": "10.9.0.0/16 - 10.0.0.9, 0.0.0.0/0 - 10.0.0.1"',
      {
        routes: [
          { to: { network: "10.9.0.0", prefix: 16 }, via: "10.0.0.9" },
          { to: { network: "0.0.0.0", prefix: 0 }, via: "10.0.0.1" },
        ],
      },
    ],
    [
      "routes in octets",
      '"code": 121, "csv-format": false, "data": "10:0A:09:0A:00:00:09"',
      { routes: [{ to: { network: "10.9.0.0", prefix: 16 }, via: "10.0.0.9" }] },
    ],
  ])("%s is read", (_, option, expected) => {
    expect(first(withOption(option))?.settings).toMatchObject(expected);
  });

  test("pools are ranges or networks, and a subnet may be written with host bits", () => {
    const text = dhcp4(
      '"subnet4": [ { "subnet": "10.0.0.1/24", "pools": [ { "pool": "10.0.0.9-10.0.0.10" }, { "pool": "10.0.0.64/26" } ] } ]',
    );
    expect(first(text)).toMatchObject({
      cidr: { network: "10.0.0.0", prefix: 24 },
      pools: [
        { start: "10.0.0.9", end: "10.0.0.10" },
        { start: "10.0.0.64", end: "10.0.0.127" },
      ],
    });
  });

  test("settings come from the shared network and the whole, and the inner one counts", () => {
    const text = dhcp4(`
      "shared-networks": [ { "name": "wire", "interface": "eth1", "valid-lifetime": 600,
        "subnet4": [ { "subnet": "10.0.0.0/24", "valid-lifetime": 60 }, { "subnet": "10.0.1.0/24" } ] } ],
      "max-valid-lifetime": 900`);
    expect(mustRead(kea(text)).networks).toMatchObject([
      { name: "wire", settings: { leaseSeconds: 60, maxLeaseSeconds: 900, interface: "eth1" } },
      { name: "wire", settings: { leaseSeconds: 600, maxLeaseSeconds: 900, interface: "eth1" } },
    ]);
  });

  test("reservations are found in subnets, shared networks and the whole", () => {
    const reservation = (octet: number) =>
      `"reservations": [ { "hw-address": "52:54:0:0:0:${octet}", "ip-address": "10.0.0.${octet}", "hostname": "n${octet}" } ]`;
    const text =
      dhcp4(`${reservation(1)}, "subnet4": [ { "subnet": "10.0.0.0/24", ${reservation(2)} } ],
      "shared-networks": [ { "name": "w", "subnet4": [ { "subnet": "10.0.1.0/24", ${reservation(3)} } ] } ]`);
    expect(
      mustRead(kea(text)).hosts.map(({ name, mac, addresses }) => [name, mac, addresses]),
    ).toEqual([
      ["n2", "52:54:00:00:00:02", ["10.0.0.2"]],
      ["n3", "52:54:00:00:00:03", ["10.0.0.3"]],
      ["n1", "52:54:00:00:00:01", ["10.0.0.1"]],
    ]);
  });
});

describe("what is not carried over", () => {
  test("each setting of the sample site is noted with its line", () => {
    const file = join(fixtures, "kea-dhcp4.json");
    const { notes } = mustRead(parseKeaConfig(fixture("kea-dhcp4.json"), file, readFixture));
    expect(noteLines(notes)).toEqual([
      "12 option-def asset-url",
      "4 interfaces-config",
      "5 control-socket",
      "6 lease-database",
      "8 renew-timer: 1000",
      "18 option-data asset-url",
      "21 client-classes ipxe",
      "22 client-classes uefi",
      "23 client-classes cameras",
      "59 loggers",
      "31 pool 10.30.0.192/26: client-class",
      "4 reservation node02: boot-file-name",
      "5 reservation 10.30.0.12: client-id",
      "5 reservation 10.30.0.12",
      "43 relay 10.99.0.1",
      "46 next-server: 10.30.0.2",
    ]);
    const own = notes.filter(({ instead }) => instead === bootAdvice).map(({ what }) => what);
    expect(own).toEqual(["client-classes ipxe", "client-classes uefi", "next-server: 10.30.0.2"]);
  });

  it.each<[string, string, RegExp]>([
    ["an infinite lease", withSubnet('"valid-lifetime": 4294967295'), /leases end here/],
    [
      "octets that are none",
      withOption('"name": "routers", "csv-format": false, "data": "0x0"'),
      /not the hexadecimal/,
    ],
    [
      "an option for a class",
      withOption('"name": "ntp-servers", "data": "10.0.0.1", "client-classes": ["a"]'),
      /no client classes/,
    ],
    [
      "an option for everybody",
      withOption('"name": "ntp-servers", "data": "10.0.0.1", "always-send": true'),
      /decides itself/,
    ],
    [
      "an option of a pool",
      withSubnet(
        '"pools": [ { "pool": "10.0.0.0/25", "option-data": [ { "name": "routers", "data": "10.0.0.1" } ] } ]',
      ),
      /a pool has no settings/,
    ],
    ["high availability", dhcp4('"hooks-libraries": [ { "library": "ha.so" } ]'), /runs alone/],
    ["DNS updates", dhcp4('"ddns-send-updates": false'), /updates no DNS/],
    ["a lenient server", dhcp4('"authoritative": false'), /set the network's mode/],
    [
      "a database of hosts",
      dhcp4('"hosts-database": { "type": "mysql" }'),
      /declare the machines under nodes/,
    ],
    ["a setting nobody knows", dhcp4('"frobnicate": 1'), /no counterpart/],
    ["IPv6 beside it", '{ "Dhcp4": { }, "Dhcp6": { } }', /only Dhcp4 is read/],
  ])("%s is noted once, with what to do instead", (_, text, expected) => {
    const { notes } = mustRead(kea(text));
    expect(notes.map(({ instead }) => instead)).toEqual([expect.stringMatching(expected)]);
  });

  test("what Kea prints for settings that nobody made is not noted", () => {
    const text = withSubnet(
      '"id": 1, "boot-file-name": "", "next-server": "0.0.0.0", "option-data": [], "relay": { "ip-addresses": [] }',
    );
    expect(mustRead(kea(text)).notes).toEqual([]);
  });
});

describe("Kea's JSON", () => {
  test("comments, late commas and included files are read, and lines are those of their own file", () => {
    const text = `# one\n// two\n/* three\n four */ { "Dhcp4": { "subnet4": <?include "sub/nets.json"?>, }, }`;
    const nets = '[\n { "subnet": "10.0.0.0/24", "odd": 1 },\n]';
    const config = mustRead(kea(text, { "/etc/sub/nets.json": nets }));
    expect(config.networks[0]?.place).toEqual({ file: "/etc/sub/nets.json", line: 2, column: 2 });
    expect(config.notes[0]?.place).toEqual({ file: "/etc/sub/nets.json", line: 2, column: 29 });
  });

  it.each<[string, string, string]>([
    ["nothing", "", "1:1: expected a value, found the end of the file"],
    [
      "no Dhcp4",
      '{ "Dhcp6": {} }',
      '1:1: there is no map "Dhcp4": name the configuration of kea-dhcp4',
    ],
    ["no end of a map", '{\n "Dhcp4": {', "2:11: this { has no closing }"],
    ["no end of a comment", "/* {", "1:1: this comment has no closing */"],
    ["no end of a list", dhcp4('"a": [ 1').slice(0, 20), "1:19: this [ has no closing ]"],
    ["no comma", dhcp4('"a": 1 "b": 2'), "1:21: expected , or }, found b"],
    ["no colon", dhcp4('"a" 1'), '1:18: expected : after "a", found 1'],
    [
      "a bare word",
      dhcp4('"a": yes'),
      '1:19: "yes" is no JSON value: put text into quotation marks',
    ],
    [
      "a string over two lines",
      dhcp4('"a": "b\nc"'),
      '1:19: this string has no closing " on its line',
    ],
    [
      "an unknown escape",
      dhcp4('"a": "\\q"'),
      "1:19: this string has an escape that JSON does not know",
    ],
    ["text behind the end", '{ "Dhcp4": {} }\n }', "2:2: } follows the closing bracket: remove it"],
    [
      "a subnet that is none",
      dhcp4('"subnet4": [ { "subnet": "10.0.0/24" } ]'),
      '1:39: this subnet names no network: write it as "subnet": "10.0.0.0/24"',
    ],
    [
      "a pool that is none",
      withSubnet('"pools": [ { "pool": "10.0.0.1" } ]'),
      '1:75: "10.0.0.1" is no pool: write it as "10.0.0.10 - 10.0.0.20" or "10.0.0.0/25"',
    ],
    [
      "an include that is missing",
      dhcp4('"a": <?include "b"?>'),
      "1:19: the included file /etc/b can't be read: no such file",
    ],
  ])("%s is told with its place", (_, text, expected) => {
    expect(malformed(kea(text))).toBe(`/etc/kea.json:${expected}`);
  });
});

describe("the bounds of Kea's JSON", () => {
  test("nesting, comments and strings of any length are read or refused", () => {
    expect(malformed(kea("[".repeat(100_000)))).toMatch(/nested deeper than 64/);
    const long = "*".repeat(2_000_000);
    expect(
      mustRead(kea(`/*${long}*/${dhcp4(`"comment": "${'\\"'.repeat(2_000_000)}"`)}`)).notes,
    ).toEqual([]);
  });

  test("the number of words has a limit", () => {
    expect(malformed(kea(`[${"1,".repeat(1_100_000)}`))).toMatch(/more than 2000000 words/);
  });

  test("a file that includes itself is refused", () => {
    const text = '<?include "/etc/a"?>';
    expect(malformed(kea(text, { "/etc/a": text }))).toMatch(/does one include itself/);
  });

  test("every beginning of the sample is read or refused, and nothing throws", () => {
    const bytes = fixture("kea-dhcp4.json");
    const file = join(fixtures, "kea-dhcp4.json");
    for (let length = 0; length <= bytes.length; length++) {
      const read = parseKeaConfig(bytes.subarray(0, length), file, readFixture);
      expect("value" in read || read.malformed !== "").toBe(true);
    }
  });
});
