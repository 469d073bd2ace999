import { expect, test } from "vitest";
import { checkFirewall, readIptables, readNftables } from "../../src/preflight/firewall.ts";
import type { Ended } from "../../src/preflight/surroundings.ts";
import { exampleInventory } from "../fakes/rack.ts";

const site = exampleInventory();

function nft(policy: string, ...rules: readonly object[][]): string {
  return JSON.stringify({
    nftables: [
      { metainfo: { json_schema_version: 1 } },
      { chain: { family: "inet", table: "filter", name: "input", hook: "input", policy } },
      ...rules.map((expr) => ({ rule: { family: "inet", table: "filter", chain: "input", expr } })),
    ],
  });
}

const dport = (protocol: string, right: unknown) => ({
  match: { op: "==", left: { payload: { protocol, field: "dport" } }, right },
});
const accept = { accept: null };

const wanted = [67, 69, 4011].map((port) => ["udp", port] as const);

test.each([
  ["lets everything in", nft("accept"), false, []],
  ["names each port", nft("drop", ...wanted.map(([p, n]) => [dport(p, n), accept])), true, wanted],
  ["names a set", nft("drop", [dport("udp", { set: [67, 69, 4011] }), accept]), true, wanted],
  [
    "names a range",
    nft("drop", [dport("udp", { range: [60, 70] }), accept]),
    true,
    wanted.slice(0, 2),
  ],
  [
    "names ports of any transport",
    nft("drop", [dport("th", { set: [67, { range: [69, 80] }] }), accept]),
    true,
    wanted.slice(0, 2),
  ],
  ["drops what it names", nft("drop", [dport("udp", 67), { drop: null }]), true, []],
  [
    "drops the rest by a rule",
    nft("accept", [dport("udp", 67), accept], [{ counter: {} }, { drop: null }]),
    true,
    wanted.slice(0, 1),
  ],
] as const)("nftables: a rule set that %s", (_, text, closed, admitted) => {
  const rules = readNftables(text);
  expect(rules?.closed).toBe(closed);
  expect(wanted.filter(([protocol, port]) => rules?.admits(protocol, port))).toEqual(admitted);
  expect(rules?.admits("tcp", 67)).toBe(text.includes('"th"'));
});

test.each(["", "{}", "[]", '{"nftables": 1}', '{"nftables": [1, {"rule": {"expr": 7}}]}'])(
  "nftables: %j does no harm",
  (text) => {
    expect(readNftables(text)?.closed ?? false).toBe(false);
  },
);

test.each([
  [":INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT", false, false],
  [":INPUT DROP [0:0]\n-A INPUT -p udp -m udp --dport 67 -j ACCEPT", true, true],
  [
    ":INPUT ACCEPT [0:0]\n-A INPUT -p udp -m multiport --dports 60:70,4011 -j ACCEPT\n-A INPUT -j DROP",
    true,
    true,
  ],
  [":INPUT DROP [0:0]\n-A INPUT -p tcp -m tcp --dport 67 -j ACCEPT", true, false],
  [":INPUT DROP [0:0]\n-A INPUT -p udp -m udp --dport 67 -j DROP", true, false],
])("iptables: %j", (text, closed, admits) => {
  const rules = readIptables(text);
  expect({ closed: rules.closed, admits: rules.admits("udp", 67) }).toEqual({ closed, admits });
});

const ended = (exitCode: number, stdout = ""): Ended => ({ exitCode, stdout, stderr: "" });

test.each<[string, Readonly<Record<string, Ended>>, RegExp]>([
  ["has no firewall", { nft: ended(0, nft("accept")) }, /^ok .*lets everything in/],
  [
    "keeps machines out",
    { nft: ended(0, nft("drop", [dport("udp", 67), accept])) },
    /^error no rule lets in udp 69 \(TFTP\), udp 4011 \(PXE\), tcp 8080 \(boot plane\) \| .*udp dport 69 accept; udp dport 4011 accept; tcp dport 8080 accept$/,
  ],
  [
    "has iptables alone",
    { nft: ended(1), "iptables-save": ended(0, ":INPUT ACCEPT [0:0]") },
    /^ok/,
  ],
  [
    "does not show its rules",
    { nft: ended(1), "iptables-save": ended(4) },
    /^warning .*run the check as root; these must be let in: udp 67, udp 69, udp 4011, tcp 8080$/,
  ],
])("a machine that %s is said to", async (_, programs, expected) => {
  const run = async ([program = ""]: readonly string[]) => programs[program];
  const [line] = await checkFirewall(site, { run });
  expect(`${line?.level} ${line?.detail} | ${line?.next}`).toMatch(expected);
});
