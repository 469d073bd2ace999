// Reads dhcpd.conf(5): networks, pools and reservations with the options they inherit, and a note for every statement
// that is not carried over. Pure but for the reader of included files.

import { parseIpv4 } from "../../net/ipv4.ts";
import type { Ipv4Range } from "../../net/ipv4-range.ts";
import {
  adviceFor,
  conditionalStatements,
  firstWord,
  isBootStatement,
  isCondition,
  isSelfEvident,
} from "./isc-advice.ts";
import { readIscHost } from "./isc-host.ts";
import { decodeText } from "./isc-lexer.ts";
import { readDefinition, readSetting } from "./isc-settings.ts";
import { formatStatement, parseIscStatements, placeOf, type Statement } from "./isc-tree.ts";
import type { OldConfig, OldHost, OldNetwork, Settings } from "./model.ts";
import { cidrOfMask } from "./network.ts";
import { bootAdvice } from "./options.ts";
import { type Note, type Read, type ReadFile, total, unreadable } from "./source.ts";

/** What is collected on the way through the file. */
interface Walk {
  readonly networks: OldNetwork[];
  readonly hosts: OldHost[];
  readonly notes: Note[];
  /** Options that the file defines, by name. */
  readonly codes: Map<string, number>;
}

interface Scope {
  readonly kind: "file" | "shared-network" | "subnet" | "group" | "pool";
  readonly settings: Settings;
  readonly sharedNetwork: string | undefined;
  /** Where the ranges of a subnet's statements and pools are collected. */
  readonly pools: Ipv4Range[] | undefined;
}

// What dhcpd does where nothing is written (dhcpd.conf(5), "default-lease-time" and its neighbours).
const defaults: Settings = { leaseSeconds: 43_200, maxLeaseSeconds: 86_400 };

/** Reads the configuration and what it includes; says where and why when it can't be read. */
export function parseIscConfig(bytes: Buffer, file: string, readFile: ReadFile): Read<OldConfig> {
  return total(() => {
    const walk: Walk = { networks: [], hosts: [], notes: [], codes: new Map() };
    const scope: Scope = {
      kind: "file",
      settings: defaults,
      sharedNetwork: undefined,
      pools: undefined,
    };
    readScope(parseIscStatements(bytes.toString("latin1"), file, readFile), scope, walk);
    const { networks, hosts, notes } = walk;
    return { networks, hosts, notes };
  });
}

/**
 * First what the scope sets, wherever in it that stands, then what it declares: dhcpd looks an option up when it
 * answers, not when it reads. Returns the scope's settings with those it inherits.
 */
function readScope(statements: readonly Statement[], outer: Scope, walk: Walk): Settings {
  const declarations: Statement[] = [];
  const forHosts = outer.kind === "group" && statements.some((one) => firstWord(one) === "host");
  let settings = outer.settings;
  for (const [index, statement] of statements.entries()) {
    if (isCondition(statement)) noteCondition(statement, statements.slice(index + 1), walk);
    else if (isDeclaration(statement)) declarations.push(statement);
    else if (firstWord(statement) === "range") readRange(statement, outer, walk);
    else settings = { ...settings, ...readParameter(statement, outer.kind, forHosts, walk) };
  }
  for (const declaration of declarations)
    readDeclaration(declaration, { ...outer, settings }, walk);
  return settings;
}

const declarationWords: ReadonlySet<string> = new Set([
  "shared-network",
  "subnet",
  "group",
  "pool",
  "host",
]);

function isDeclaration(statement: Statement): boolean {
  return statement.block !== undefined && declarationWords.has(firstWord(statement));
}

function readDeclaration(statement: Statement, scope: Scope, walk: Walk): void {
  const { words, block = [] } = statement;
  const kind = firstWord(statement);
  if (kind === "host") {
    const { host, notes } = readIscHost(statement, walk.codes);
    if (host !== undefined) walk.hosts.push(host);
    walk.notes.push(...notes);
  } else if (kind === "subnet") readSubnet(statement, scope, walk);
  else if (kind === "shared-network") {
    if (block.filter((inner) => firstWord(inner) === "subnet").length > 1) note(walk, statement);
    const sharedNetwork = decodeText(words[1]?.text ?? "");
    readScope(block, { ...scope, kind, sharedNetwork }, walk);
  } else readScope(block, { ...scope, kind: kind === "pool" ? "pool" : "group" }, walk);
}

function readSubnet(statement: Statement, scope: Scope, walk: Walk): void {
  const { words, block = [] } = statement;
  const [, network, keyword, mask] = words.map(({ text }) => text);
  const cidr = keyword === "netmask" ? cidrOfMask(network ?? "", mask ?? "") : undefined;
  if (cidr === undefined)
    unreadable(
      placeOf(statement),
      `"${formatStatement({ words, block: undefined })}" is no network: write it as subnet 10.0.0.0 netmask 255.255.255.0`,
    );
  const pools: Ipv4Range[] = [];
  const settings = readScope(block, { ...scope, kind: "subnet", pools }, walk);
  const name = scope.sharedNetwork;
  walk.networks.push({ place: placeOf(statement), name, cidr, pools, settings });
}

/** `range [dynamic-bootp] FIRST [LAST]` */
function readRange(statement: Statement, scope: Scope, walk: Walk): void {
  const words = statement.words.slice(1).map(({ text }) => text);
  const [first = "", last = first, ...rest] = words.filter((text) => text !== "dynamic-bootp");
  const [start, end] = [parseIpv4(first), parseIpv4(last)];
  if (start === undefined || end === undefined || rest.length > 0)
    unreadable(
      placeOf(statement),
      `"${formatStatement(statement)}" is no range: write it as range 10.0.0.10 10.0.0.20`,
    );
  if (scope.pools === undefined)
    note(walk, statement, "it stands in no subnet: write it into the pool of one");
  else scope.pools.push({ start, end });
}

function readParameter(
  statement: Statement,
  scope: Scope["kind"],
  forHosts: boolean,
  walk: Walk,
): Settings {
  if (isSelfEvident(statement)) return {};
  const definition = readDefinition(statement);
  if (definition !== undefined) {
    walk.codes.set(definition.name, definition.code);
    if (definition.instead !== undefined) note(walk, statement, definition.instead);
    return {};
  }
  const reading = isBootStatement(statement, walk.codes)
    ? { instead: bootAdvice }
    : readSetting(statement, walk.codes);
  if (reading === undefined) note(walk, statement);
  else if ("instead" in reading) note(walk, statement, reading.instead);
  else if (scope === "pool")
    note(walk, statement, "a pool has no settings of its own here: set it for the network");
  else if (forHosts)
    note(
      walk,
      statement,
      "a group of hosts has no settings here: set it for the network of these nodes",
    );
  else {
    for (const remark of reading.remarks) note(walk, statement, remark);
    return reading.settings;
  }
  return {};
}

/** One note for a chain of `if`, `elsif` and `else`; what of it is not about booting is named besides. */
function noteCondition(statement: Statement, following: readonly Statement[], walk: Walk): void {
  if (firstWord(statement) !== "if") return;
  const end = following.findIndex((one) => !isCondition(one) || firstWord(one) === "if");
  const chain = [statement, ...following.slice(0, end === -1 ? following.length : end)];
  const inside = chain.flatMap(conditionalStatements);
  const others = inside.filter((one) => !isBootStatement(one, walk.codes));
  note(
    walk,
    statement,
    others.length < inside.length && others.length === 0 ? bootAdvice : undefined,
  );
  for (const other of others)
    note(walk, other, `it stands in a condition: ${adviceFor(statement)}`);
}

function note(walk: Walk, statement: Statement, instead = insteadOf(statement, walk)): void {
  walk.notes.push({ place: placeOf(statement), what: formatStatement(statement), instead });
}

/** A class that does nothing but choose boot files is the way to write the `if` chain without an `if`. */
function insteadOf(statement: Statement, { codes }: Walk): string {
  const inside = (statement.block ?? [])
    .flatMap(conditionalStatements)
    .filter((one) => firstWord(one) !== "match");
  const onlyBoots = inside.length > 0 && inside.every((one) => isBootStatement(one, codes));
  return firstWord(statement) === "class" && onlyBoots ? bootAdvice : adviceFor(statement);
}
