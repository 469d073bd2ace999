// What an operator does instead of the statements of dhcpd.conf(5) that have no counterpart here.

import type { Token } from "./isc-lexer.ts";
import type { Statement } from "./isc-tree.ts";
import { bootAdvice, isBootOption, optionCode } from "./options.ts";

const ddns =
  "rackstrap updates no DNS: keep the updates where the DNS server is, or write static records";
const storage =
  "not needed: rackstrap keeps its leases in the state directory; bring the old ones along with --leases";
const control = "rackstrap is asked through its own API and command line";
const failover =
  "rackstrap runs alone and takes over the whole pool: stop both peers before it starts, and import the leases of both";
const everyone =
  "rackstrap gives any machine an address of the pool: narrow the pool, or declare the machines under nodes";
const probe = "set dhcp.conflictProbe: rackstrap asks the network before it offers an address";

// The key is the beginning of a statement's words; the longest one counts.
const advice: Readonly<Record<string, string>> = {
  filename: bootAdvice,
  "next-server": bootAdvice,
  "server-name": bootAdvice,
  "vendor-option-space": bootAdvice,
  site: "rackstrap has no option spaces of its own: configure it in the installed system",
  zone: ddns,
  key: "keys are for DNS updates and OMAPI, and rackstrap has neither: revoke it where it is trusted",
  "do-forward-updates": ddns,
  "update-static-leases": ddns,
  "update-optimization": ddns,
  "update-conflict-detection": ddns,
  "allow client-updates": ddns,
  "deny client-updates": ddns,
  "ignore client-updates": ddns,
  failover,
  "lease-file-name": storage,
  "db-time-format": storage,
  "pid-file-name": "not needed: the service manager keeps track of rackstrap",
  "delayed-ack": storage,
  "max-ack-delay": storage,
  "omapi-port": control,
  "omapi-key": control,
  "log-facility": "rackstrap logs to standard output: the service manager decides where that goes",
  "local-port": "rackstrap answers on port 67, as every client expects",
  "ping-check": probe,
  "ping-timeout": probe,
  "ping-cltt-secs": probe,
  "one-lease-per-client": "rackstrap gives a machine one address at a time",
  deny: everyone,
  ignore: everyone,
  allow: everyone,
  "allow bootp": "rackstrap answers DHCP only: a BOOTP client needs an address of its own",
  "deny bootp": "not needed: rackstrap answers DHCP only",
  "ignore bootp": "not needed: rackstrap answers DHCP only",
  "dynamic-bootp-lease-cutoff": "not needed: rackstrap answers DHCP only",
  "dynamic-bootp-lease-length": "not needed: rackstrap answers DHCP only",
  "deny duplicates": "not needed: rackstrap tells clients apart by MAC",
  "allow duplicates": "not needed: rackstrap tells clients apart by MAC",
  "not authoritative":
    "set the network's mode: authoritative refuses wrong addresses, proxy leaves addresses to another server",
  "server-identifier": "rackstrap names its own address on the interface: see server.address",
  "get-lease-hostnames": "rackstrap names declared nodes only: declare the machine under nodes",
  on: "rackstrap runs no statements on a lease: follow rackstrap events instead",
  set: "rackstrap has no variables",
  class:
    "rackstrap has no client classes: declare the machines under nodes, or give them a network of their own",
  subclass: "rackstrap has no client classes: declare the machine under nodes",
  if: "rackstrap has no conditions: declare the machines under nodes, or give them a network of their own",
  switch:
    "rackstrap has no conditions: declare the machines under nodes, or give them a network of their own",
  subnet6: "rackstrap serves IPv4 only: keep the old server for IPv6",
  range6: "rackstrap serves IPv4 only: keep the old server for IPv6",
  "shared-network":
    "rackstrap keeps the networks of one wire apart: a client gets an address of the network that its relay or the interface names, and never of another one that has room",
};

/** What to do instead of a statement that is not carried over. */
export function adviceFor({ words }: Statement): string {
  const [first = "", second = ""] = words.map(({ text }) => text);
  if (first.startsWith("ddns-")) return ddns;
  const known = [`${first} ${second}`, first].find((key) => Object.hasOwn(advice, key));
  return advice[known ?? ""] ?? "rackstrap has no counterpart: check whether it is still needed";
}

const selfEvident: ReadonlySet<string> = new Set([
  "authoritative",
  "allow booting",
  "allow unknown-clients",
  "allow unknown clients",
  "allow known-clients",
  "use-host-decl-names on",
  "use-host-decl-names true",
]);

/** Statements that say what rackstrap does anyway. */
export function isSelfEvident({ words, block }: Statement): boolean {
  return block === undefined && selfEvident.has(words.map(({ text }) => text).join(" "));
}

const conditions: ReadonlySet<string> = new Set(["if", "elsif", "elseif", "else"]);
const bootParameters: ReadonlySet<string> = new Set([
  "filename",
  "next-server",
  "server-name",
  "vendor-option-space",
]);

export function isCondition(statement: Statement): boolean {
  return statement.block !== undefined && conditions.has(firstWord(statement));
}

export function firstWord({ words }: Statement): string {
  return words[0]?.text ?? "";
}

/** The statements inside nested conditions, in order. */
export function conditionalStatements(statement: Statement): readonly Statement[] {
  return isCondition(statement)
    ? (statement.block ?? []).flatMap(conditionalStatements)
    : [statement];
}

/** Whether the statement only says what a client boots. `codes` are the options that the file defines itself. */
export function isBootStatement(
  { words, block }: Statement,
  codes: ReadonlyMap<string, number>,
): boolean {
  if (block !== undefined) return false;
  const [first, name] = words;
  if (bootParameters.has(first?.text ?? "")) return true;
  return first?.text === "option" && name !== undefined && isBootName(name, codes);
}

function isBootName({ text }: Token, codes: ReadonlyMap<string, number>): boolean {
  if (text === "space") return false;
  return isBootOption(text, codes.get(text) ?? optionCode(text));
}
