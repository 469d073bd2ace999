// Lists of machines, in JSON and in the CSV of MAAS.

import { describe, expect, it, test } from "vitest";
import { parseInventoryJson } from "../../../src/inventory/import/inventory-json.ts";
import { parseMaasCsv } from "../../../src/inventory/import/maas-csv.ts";
import type { OldConfig } from "../../../src/inventory/import/model.ts";
import type { Read } from "../../../src/inventory/import/source.ts";
import { malformed, mustRead } from "./read.ts";

const json = (value: unknown): Read<OldConfig> =>
  parseInventoryJson(
    Buffer.from(typeof value === "string" ? value : JSON.stringify(value)),
    "/i.json",
  );
const csv = (text: string): Read<OldConfig> => parseMaasCsv(Buffer.from(text), "/m.csv");
const mac = "52:54:00:12:34:56";
/** `name mac role serial` of each machine. */
const machines = (read: Read<OldConfig>) =>
  mustRead(read).hosts.map(({ name, mac, facts }) =>
    [name, mac, facts?.role, facts?.serial].join(" "),
  );
const remarks = (read: Read<OldConfig>) =>
  mustRead(read).notes.map(
    ({ place, what, instead }) => `${place.line}:${place.column} ${what}: ${instead}`,
  );

describe("the shapes of inventory.json", () => {
  const record = { hostname: "node01", mac, role: "control-plane", serial: "CZ1" };
  const expected = [`node01 ${mac} control-plane CZ1`];
  const { hostname: _, ...unnamed } = record;
  const { mac: __, ...unaddressed } = record;

  it.each<[string, unknown]>([
    ["a list of maps", [record]],
    ["a list under nodes", { nodes: [record] }],
    ["a map by host name under machines", { machines: { node01: unnamed } }],
    ["a map by host name", { node01: unnamed }],
    ["a map by MAC", { [mac.toUpperCase()]: unaddressed }],
    ["one machine alone", record],
    ["lists by role", { "control-plane": [{ hostname: "node01", mac, serial: "CZ1" }] }],
    ["maps by role", { control_plane: { node01: { mac, serial: "CZ1" } } }],
    [
      "other spellings",
      [
        {
          Name: "node01",
          "MAC address": "5254.0012.3456",
          node_role: "master",
          serialNumber: "CZ1",
        },
      ],
    ],
  ])("takes %s", (_, value) => {
    expect(machines(json(value))).toEqual(expected);
    expect(remarks(json(value))).toEqual([]);
  });

  it.each<[string, unknown, string[]]>([
    ["names and MACs alone", { node01: mac }, [`node01 ${mac}  `]],
    ["MACs and names alone", { [mac]: "node01" }, [`node01 ${mac}  `]],
    [
      "a serial number that nobody set",
      [{ hostname: "a", mac, serial: "Default string" }],
      [`a ${mac}  `],
    ],
    [
      "a full name beside the short one",
      [{ fqdn: "a.example.com", hostname: "a", mac }],
      [`a.example.com ${mac}  `],
    ],
    ["several MACs", [{ hostname: "a", macs: [mac, "52:54:00:12:34:57"] }], [`a ${mac}  `]],
  ])("reads %s", (_, value, expected) => {
    expect(machines(json(value))).toEqual(expected);
  });
});

describe("what is left out of inventory.json", () => {
  it.each<[string, unknown, RegExp[]]>([
    [
      "a machine without a MAC",
      [{ hostname: "a" }],
      [/^1:2 machine a: mac: rackstrap knows machines by their MAC/],
    ],
    [
      "a MAC that is none",
      [{ hostname: "a", mac: "xy" }],
      [/1:18 machine a: mac: "xy" is no Ethernet MAC/, /by their MAC/],
    ],
    ["an unknown setting", [{ mac, warranty: 3 }], [/warranty: rackstrap has no counterpart/]],
    [
      "a secret of another kind",
      [{ mac, ipmi_api_token: "t0psecret" }],
      [/ipmi_api_token: it looks like a secret/],
    ],
    ["text in a list", ["node01"], [/^1:2 an entry of the list: it is no machine/]],
    [
      "something else beside the machines",
      { nodes: [{ mac }], version: 3 },
      [/^1:\d+ version: it is no machine/],
    ],
    [
      "an address that is none",
      [{ mac, bmc: { address: "bmc1.lan" } }],
      [/bmc_address: it is no IPv4 address/],
    ],
  ])("notes %s", (_, value, expected) => {
    const lines = remarks(json(value));
    expect(lines).toHaveLength(expected.length);
    for (const [i, pattern] of expected.entries()) expect(lines[i]).toMatch(pattern);
    expect(lines.join()).not.toContain("t0psecret");
  });

  test("the same password is one variable, and no password is anywhere", () => {
    const bmc = (password: string) => ({ bmc: { address: "10.0.10.50", user: "admin", password } });
    const read = mustRead(
      json([
        { hostname: "a", mac, ...bmc("pw-one") },
        { hostname: "b", mac: "52:54:00:12:34:57", ...bmc("pw-one") },
        { hostname: "c", mac: "52:54:00:12:34:58", ...bmc("pw-two") },
      ]),
    );
    expect(read.hosts.map(({ facts }) => facts?.bmc?.passwordVariable)).toEqual([
      "BMC_PASSWORD",
      "BMC_PASSWORD",
      "BMC_PASSWORD_2",
    ]);
    expect(JSON.stringify(read)).not.toMatch(/pw-(one|two)/);
  });

  it.each([
    ["no JSON", "nodes:\n- a", /^\/i\.json:1:1: /],
    ["no machine", "{}", /:1:1: there is no machine in it/],
    ["a map without its end", '[{"mac": "52:54:00:12:34:56"', /:1:2: this \{ has no closing \}/],
    [
      "an include",
      '<?include "/etc/passwd"?>',
      /can't be read: a list of machines includes nothing/,
    ],
  ])("refuses %s", (_, text, expected) => {
    expect(malformed(json(text))).toMatch(expected);
  });
});

describe("the CSV of MAAS", () => {
  it.each<[string, string, string[]]>([
    ["commas", `hostname,mac_addresses\na,${mac}\n`, [`a ${mac}  `]],
    ["semicolons and CRLF", `hostname;mac_address\r\na;${mac}\r\n\r\n`, [`a ${mac}  `]],
    ["tabs and a byte order mark", `\uFEFFfqdn\tmac\na.x\t${mac}`, [`a.x ${mac}  `]],
    [
      "a quoted cell with its separator and a line end in it",
      `hostname,tags,mac\na,"x,\ny ""z""",${mac}\n`,
      [`a ${mac}  `],
    ],
  ])("takes %s", (_, text, expected) => {
    expect(machines(csv(text))).toEqual(expected);
  });

  it.each<[string, string, string, object | undefined]>([
    [
      "ipmi",
      "power_type,power_address,power_user,cipher_suite_id",
      "ipmi,10.0.10.50,admin,17",
      { kind: "ipmi", address: "10.0.10.50", user: "admin", cipherSuite: 17 },
    ],
    [
      "the long names",
      "power_type,power_parameters_power_address",
      "ipmi,10.0.10.50",
      { kind: "ipmi", address: "10.0.10.50" },
    ],
    [
      "redfish with a URL",
      "power_type,power_address",
      "redfish,https://10.0.10.50:8443/redfish/v1",
      { kind: "redfish", address: "10.0.10.50" },
    ],
    [
      "a power type that is no BMC",
      "power_type,power_address,power_pass",
      "virsh,qemu+ssh://u@10.0.10.50/system,p",
      undefined,
    ],
    ["another cipher suite", "power_type,cipher_suite_id", "ipmi,8", { kind: "ipmi" }],
  ])("reads the BMC of %s", (_, header, row, expected) => {
    const [host] = mustRead(csv(`mac,${header}\n${mac},${row}\n`)).hosts;
    expect(host?.facts?.bmc).toEqual(expected);
  });

  it.each<[string, string, RegExp]>([
    [
      "a column without a counterpart, once",
      `mac,pool\n${mac},a\n52:54:00:12:34:57,b\n`,
      /^1:5 column pool: /,
    ],
    [
      "a row with more cells than the header",
      `mac,zone\n${mac},a,b\n`,
      /^2:1 row 2: it has 3 cells and the first line 2/,
    ],
    [
      "another architecture",
      `mac,architecture\n${mac},s390x\n`,
      /architecture: "s390x" has no meaning here/,
    ],
  ])("notes %s", (_, text, expected) => {
    const lines = remarks(csv(text));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(expected);
  });

  it.each([
    ["no header", `a,${mac}\n`, /:1:1: its first line has no column for MACs/],
    ["nothing", "", /:1:1: its first line has no column/],
    ["a quoted cell without its end", `mac,name\n"52`, /:2:1: this cell has no closing "/],
  ])("refuses %s", (_, text, expected) => {
    expect(malformed(csv(text))).toMatch(expected);
  });
});
