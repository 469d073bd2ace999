// Reads the inventory file: text in, a typed inventory or every problem with its line and column out.

import { readFileSync } from "node:fs";
import { dirname, isAbsolute, resolve } from "node:path";
import { type Document, LineCounter, parseDocument, visit, type YAMLError } from "yaml";
import { messageOf } from "../net/error-text.ts";
import type { BmcSettings } from "./bmc-schema.ts";
import { checkInventory, type Finding } from "./check.ts";
import { inheritFromProfiles, writtenAt } from "./inherit.ts";
import { issueFindings, issueMessage } from "./messages.ts";
import { resolvePki } from "./pki-schema.ts";
import { offsetOf } from "./position.ts";
import { type Inventory, inventorySchema, type Node, type ParsedInventory } from "./schema.ts";
import { resolveSecret, type SecretReference } from "./secret-schema.ts";
import { servicesOfRole } from "./services.ts";

export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Dotted path of the value, empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
}

export type LoadResult =
  | { readonly inventory: Inventory }
  | { readonly problems: readonly Problem[] };

const independent: ReadonlySet<string> = new Set(["DUPLICATE_KEY", "TAG_RESOLVE_FAILED"]);

/** A problem as one line: `file:line:column: path: message`. */
export function formatProblem(problem: Problem): string {
  const path = problem.path === "" ? "" : `${problem.path}: `;
  return `${problem.file}:${problem.line}:${problem.column}: ${path}${problem.message}`;
}

/** Reads and validates the file; a file that can't be read is a problem like any other. */
export function loadInventory(file: string): LoadResult {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : cause;
    const message = `the inventory can't be read (${why}): name an existing file with --inventory`;
    return { problems: [{ file, line: 1, column: 1, path: "", message }] };
  }
  return parseInventory(text, file);
}

/** Validates YAML or JSON text; problems come in the order of the file. Relative paths are taken from the file's own folder. */
export function parseInventory(text: string, file: string): LoadResult {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const problem = (offset: number, path: string, message: string): Problem => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1), path, message };
  };
  const refuse = (findings: readonly Finding[], written?: unknown): LoadResult => ({
    problems: distinct(findings.map((finding) => toldWhereWritten(finding, written)))
      .map((finding) => ({ finding, offset: offsetOf(document, finding) }))
      .toSorted((a, b) => a.offset - b.offset)
      .map(({ finding, offset }) => problem(offset, finding.path.join("."), finding.message)),
  });
  const faults = yamlFaults(document);
  if (faults.length > 0)
    return { problems: faults.map((fault) => problem(fault.pos[0], "", yamlMessage(fault, text))) };
  if (document.contents === null)
    return { problems: [problem(0, "", "the file is empty: start from inventory/site.yaml")] };
  const strays = strayAliases(document);
  if (strays.length > 0)
    return { problems: strays.map(({ offset, message }) => problem(offset, "", message)) };
  const plain = plainValue(document);
  if ("error" in plain) return refuse([{ path: [], message: plain.error }]);
  const completed = inheritFromProfiles(plain.value);
  const parsed = inventorySchema.safeParse(completed, { error: issueMessage });
  if (!parsed.success) return refuse(parsed.error.issues.flatMap(issueFindings), plain.value);
  const findings = checkInventory(parsed.data);
  if (findings.length > 0) return refuse(findings, plain.value);
  return { inventory: resolveInventory(parsed.data, dirname(resolve(file))) };
}

/** What a node has from its profile is told once, where the profile says it. */
function toldWhereWritten(finding: Finding, written: unknown): Finding {
  return { ...finding, path: writtenAt(written, finding.path) };
}

function distinct(findings: readonly Finding[]): readonly Finding[] {
  const seen = new Map(findings.map((finding) => [JSON.stringify(finding), finding]));
  return [...seen.values()];
}

/** What the YAML reader refuses. One fault in the syntax makes it stumble again, so only the first is told. */
function yamlFaults(document: Document): YAMLError[] {
  const faults = [...document.errors, ...document.warnings];
  return faults.filter(({ code }, index) => index === 0 || independent.has(code));
}

function yamlMessage({ code, message, pos }: YAMLError, text: string): string {
  const word = /^[^\s:,}\]]+/.exec(text.slice(pos[0]))?.[0] ?? "this";
  switch (code) {
    case "DUPLICATE_KEY":
      return `${word} is written twice in the same map: remove one or rename it`;
    case "TAG_RESOLVE_FAILED":
      return `${word} is no tag known here: remove it or quote the value`;
    case "MULTIPLE_DOCS":
      return "a second document starts here: keep one in each file";
    default:
      return `not valid YAML: ${message}`;
  }
}

function strayAliases(document: Document): { offset: number; message: string }[] {
  const strays: { offset: number; message: string }[] = [];
  visit(document, {
    Alias: (_key, alias) => {
      if (alias.resolve(document) === undefined)
        strays.push({
          offset: alias.range?.[0] ?? 0,
          message: `*${alias.source} names no anchor above it: write &${alias.source} there, or quote the value`,
        });
    },
  });
  return strays;
}

/** The document as plain data. Bounded: aliases that multiply each other are refused. */
function plainValue(document: Document): { value: unknown } | { error: string } {
  try {
    return { value: document.toJS({ maxAliasCount: 100 }) };
  } catch (cause) {
    const why = messageOf(cause);
    return { error: `the aliases in this file can't be followed: ${why}` };
  }
}

function resolveInventory(file: ParsedInventory, folder: string): Inventory {
  const absolute = (path: string) => (isAbsolute(path) ? path : resolve(folder, path));
  const { server, install, boot } = file;
  return {
    ...file,
    server: {
      ...server,
      stateDirectory: absolute(server.stateDirectory),
      assetDirectory: absolute(server.assetDirectory),
      ...(server.assetKey !== undefined && { assetKey: absolute(server.assetKey) }),
    },
    boot: {
      ...boot,
      ...(boot.templates === undefined ? {} : { templates: absolute(boot.templates) }),
    },
    install: {
      ...install,
      // A flake may be a reference such as github:owner/name; only what is clearly a path is resolved.
      flake: /^\.{1,2}(\/|$)/.test(install.flake) ? resolve(folder, install.flake) : install.flake,
      ...(install.sshKey === undefined ? {} : { sshKey: absolute(install.sshKey) }),
    },
    nodes: Object.entries(file.nodes).map(([name, node]) =>
      resolveNode(name, node, file, absolute),
    ),
    pki: resolvePki(file.pki, absolute),
  };
}

function resolveNode(
  name: string,
  node: ParsedInventory["nodes"][string],
  file: ParsedInventory,
  absolute: (path: string) => string,
): Node {
  const profile = file.profiles[node.profile];
  if (profile === undefined) throw new Error(`profile ${node.profile} passed the check undeclared`);
  return {
    ...node,
    name,
    fqdn: `${name}.${file.domain}`,
    role: profile.role,
    services: node.services ?? servicesOfRole[profile.role],
    bmc: resolveBmc(node.bmc, absolute),
  };
}

/** The same with absolute paths. */
function resolveBmc(bmc: BmcSettings, absolute: (path: string) => string): BmcSettings {
  const secret = (reference: SecretReference) => resolveSecret(reference, absolute);
  const key = <T extends { readonly bmcKey?: SecretReference | undefined }>(settings: T): T =>
    settings.bmcKey === undefined ? settings : { ...settings, bmcKey: secret(settings.bmcKey) };
  const password = secret(bmc.password);
  switch (bmc.kind) {
    case "ipmi":
      return { ...key(bmc), password };
    case "ipmitool":
      return { ...bmc, password };
    case "redfish": {
      const { trust, console } = bmc;
      return {
        ...bmc,
        password,
        ...("certificate" in trust && { trust: { certificate: absolute(trust.certificate) } }),
        ...("ca" in trust && { trust: { ...trust, ca: absolute(trust.ca) } }),
        ...(console !== undefined && { console: key(console) }),
      };
    }
  }
}
