import { describe, expect, it, test } from "vitest";
import { parseNixosModule } from "../../../src/inventory/import/nixos-module.ts";
import { malformed, mustRead } from "./read.ts";

const nix = (text: string) => parseNixosModule(Buffer.from(text), "/pxe.nix");
const block = (body: string) => `{ services.centra-pxe-server = { ${body} }; }`;
const host = { name: "a", mac: "52:54:00:12:34:56", addresses: ["10.0.0.9"] };
const node = `nodes."52:54:00:12:34:56" = { hostname = "a"; ipAddress = "10.0.0.9"; };`;
const read = (text: string) => mustRead(nix(text));
const remarks = (text: string) =>
  read(text).notes.map(
    ({ place, what, instead }) => `${place.line}:${place.column} ${what}: ${instead}`,
  );

describe("where the module's settings may stand", () => {
  it.each<[string, string]>([
    ["a set", block(node)],
    ["a function", `{ config, lib ? 1, ... }: ${block(node)}`],
    ["a function with a name for all arguments", `args@{ pkgs, ... }: ${block(node)}`],
    ["a function of one name", `x: ${block(node)}`],
    ["let and with in front", `let a = { b = "x"; }; in with a; ${block(node)}`],
    ["dotted names", `{ services.centra-pxe-server.${node} }`],
    ["nested sets", `{ services = { centra-pxe-server = { ${node} }; }; }`],
    ["config = …", `{ options = {}; config = { services.centra-pxe-server = { ${node} }; }; }`],
    ["the block alone", `services.centra-pxe-server = { ${node} };`],
    ["rec and parentheses", `rec { services.centra-pxe-server = ({ ${node} }); }`],
    [
      "comments",
      `# one\n/* two } */ { services /* three */ . centra-pxe-server = { ${node} }; # }\n}`,
    ],
    [
      "a machine in parts",
      `{ services.centra-pxe-server = { nodes."52:54:00:12:34:56".hostname = "a"; nodes."52:54:00:12:34:56".ipAddress = "10.0.0.9"; }; }`,
    ],
    [
      "settings that have to be evaluated around it",
      `{ inherit (x) y; a = f "}" [ 1 ] // { b = c.d or 2; }; e = if x then { y = 1; } else z; ${block(node).slice(1)}`,
    ],
    ["indented strings around it", `{ a = ''\n  \${x} '' ; ${block(node).slice(1)}`],
    ["lib.mkDefault", `{ services.centra-pxe-server = lib.mkDefault { ${node} }; }`],
  ])("%s", (_, text) => {
    expect(read(text).hosts).toEqual([expect.objectContaining(host)]);
    expect(remarks(text)).toEqual([]);
  });
});

describe("what is noted", () => {
  it.each<[string, string, RegExp]>([
    [
      "a value that has to be evaluated",
      "interface = config.my.interface;",
      /^1:34 services\.centra-pxe-server\.interface: it has to be evaluated.*write the value itself/,
    ],
    [
      "a string with an expression in it",
      `serverAddress = "10.0.${"$"}{net}.1";`,
      /serverAddress: it has to be evaluated/,
    ],
    [
      "an address that is none",
      'serverAddress = "10.0.0.300";',
      /serverAddress: it is no IPv4 address/,
    ],
    ["a number for text", "interface = 3;", /interface: it is no text: write it in quotes/],
    [
      "an unknown setting",
      'proxy = "x";',
      /centra-pxe-server\.proxy: rackstrap has no counterpart/,
    ],
    ["a server that is off", "enable = false;", /enable: the old server is switched off/],
    [
      "a network that is none",
      'dhcp.subnet = "10.0.0.0"; dhcp.netmask = "255.0.255.0";',
      /dhcp\.subnet: subnet and netmask are no network/,
    ],
    [
      "half a range",
      'dhcp = { subnet = "10.0.0.0"; netmask = "255.255.255.0"; range.start = "10.0.0.5"; };',
      /a range has a start and an end/,
    ],
    [
      "machines that have to be evaluated",
      "nodes = import ./nodes.nix;",
      /centra-pxe-server\.nodes: it has to be evaluated/,
    ],
    [
      "a machine's name that is no MAC",
      'nodes.node01 = { hostname = "a"; };',
      /nodes\.node01: its name is no MAC/,
    ],
    [
      "an unknown setting of a machine",
      'nodes."52:54:00:12:34:56".password = "s3cret";',
      /password: rackstrap has no counterpart/,
    ],
    [
      "servers that are no list",
      'dhcp = { subnet = "10.0.0.0"; netmask = "255.255.255.0"; domainNameServers = "10.0.0.1"; };',
      /domainNameServers: it is no list/,
    ],
  ])("%s", (_, body, expected) => {
    const lines = remarks(block(body));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(expected);
    expect(lines[0]).not.toContain("s3cret");
  });
});

it.each<[string, string, RegExp]>([
  [
    "no such module",
    "{ services.nginx.enable = true; }",
    /^\/pxe\.nix:1:1: it has no services\.centra-pxe-server/,
  ],
  ["a missing ;", '{ a = "b" }', /:1:11: \} stands where a value has to end: put ; behind it/],
  ["a missing }", "{ a = 1;", /:1:9: the end of the file stands where a name is expected/],
  ["a missing value", "{ a = ; }", /:1:7: ; stands where a value is expected/],
  ["a string without its end", '{ a = "b; }', /:1:7: this string has no closing "/],
  ["a comment without its end", "{ /* }", /:1:3: this comment has no closing/],
  ["what follows the module", "{ } }", /:1:5: \} follows the end of the module/],
  ["nesting without end", `${"{ a = ".repeat(100)}`, /nested more than 64 deep/],
])("refuses %s", (_, text, expected) => {
  expect(malformed(nix(text))).toMatch(expected);
});

test("lists nested without end are refused", () => {
  expect(malformed(nix(`{ a = ${"[".repeat(100_000)}`))).toMatch(/nested more than 64 deep/);
});
