// Reads the inventory file: text in, a typed inventory or every problem with its line and column out.

import { dirname, isAbsolute, resolve } from "node:path";
import { z } from "zod";
import type { BmcSettings } from "./bmc-schema.ts";
import { checkInventory, type Finding, strayProfiles } from "./check.ts";
import { findIncluded, type ReadText, readText } from "./include.ts";
import { includePattern } from "./include-pattern.ts";
import { inheritFromProfiles, writtenAt } from "./inherit.ts";
import { issueFindings, issueMessage } from "./messages.ts";
import { joinParts, problemsIn } from "./parts.ts";
import { resolvePki } from "./pki-schema.ts";
import { type Inventory, inventorySchema, type Node, type ParsedInventory } from "./schema.ts";
import { secretFindings } from "./secret-scan.ts";
import { resolveSecret, type SecretReference } from "./secret-schema.ts";
import { servicesOfRole } from "./services.ts";
import { type Problem, readYaml, type YamlText } from "./yaml-text.ts";

export type { Problem } from "./yaml-text.ts";

const includePatterns = z.array(includePattern);

export type Parsed =
  | { readonly inventory: Inventory; readonly warnings: readonly Problem[] }
  | { readonly problems: readonly Problem[] };

/** `files` are all that were read, or that could not be: whoever waits for a change looks at these. */
export type LoadResult = Parsed & { readonly files: readonly string[] };

/** A problem as one line: `file:line:column: path: message`. */
export function formatProblem(problem: Problem): string {
  const path = problem.path === "" ? "" : `${problem.path}: `;
  return `${problem.file}:${problem.line}:${problem.column}: ${path}${problem.message}`;
}

/**
 * Reads and validates the file and those that it includes; one that can't be read is a problem like any other. `read` may have other
 * texts than the disk.
 */
export function loadInventory(file: string, read: ReadText = readText): LoadResult {
  const main = readPart(file, read, "name an existing file with --inventory");
  if ("problems" in main) return { problems: main.problems, files: [file] };
  const patterns = includedBy(main);
  const refuse = (finding: Finding): LoadResult => ({
    problems: problemsIn([main], [finding]),
    files: [file],
  });
  const wrong = includePatterns.safeParse(patterns, { error: issueMessage });
  if (!wrong.success) {
    const [first] = wrong.error.issues.flatMap(issueFindings);
    return refuse({ path: ["include", ...(first?.path ?? [])], message: first?.message ?? "" });
  }
  const found = findIncluded(file, wrong.data);
  if ("message" in found) return refuse({ path: ["include", found.index], message: found.message });
  const files = [file, ...found.files];
  const parts = found.files.map((name) => readPart(name, read, "make it readable"));
  const problems = parts.flatMap((part) => ("problems" in part ? part.problems : []));
  if (problems.length > 0) return { problems, files };
  const sound = parts.filter((part): part is YamlText => !("problems" in part));
  return { ...parseParts([main, ...sound]), files };
}

function readPart(
  file: string,
  read: ReadText,
  remedy: string,
): YamlText | { problems: readonly Problem[] } {
  const content = read(file);
  if ("text" in content) return readYaml(content.text, file);
  const message = `the inventory can't be read (${content.error}): ${remedy}`;
  return { problems: [{ file, line: 1, column: 1, path: "", message }] };
}

/** The patterns of the files that a main text includes; none where they are not sound. */
export function includedPatterns(text: string, file: string): readonly string[] {
  const main = readYaml(text, file);
  if ("problems" in main) return [];
  const patterns = includePatterns.safeParse(includedBy(main));
  return patterns.success ? patterns.data : [];
}

function includedBy({ value }: YamlText): unknown {
  const include =
    typeof value === "object" && value !== null && "include" in value ? value.include : undefined;
  return include ?? [];
}

/** Validates YAML or JSON text; problems come in the order of the file. Relative paths are taken from the file's own folder. */
export function parseInventory(text: string, file: string): Parsed {
  const main = readYaml(text, file);
  return "problems" in main ? main : parseParts([main]);
}

/** The same for the texts of several files. The first is the main one: relative paths are taken from its folder. */
export function parseTexts(
  texts: readonly { readonly name: string; readonly text: string }[],
): Parsed {
  const parts = texts.map(({ name, text }) => readYaml(text, name));
  const problems = parts.flatMap((part) => ("problems" in part ? part.problems : []));
  if (problems.length > 0) return { problems };
  return parseParts(parts.filter((part): part is YamlText => !("problems" in part)));
}

function parseParts(parts: readonly YamlText[]): Parsed {
  const { value: written, problems } = joinParts(parts);
  if (problems.length > 0) return { problems };
  if (written === undefined) return refuse(parts, [{ path: [], message: emptyFile }], written);
  // First of all, so that no other message shows what must not be shown.
  const secrets = secretFindings(written);
  if (secrets.length > 0) return { problems: problemsIn(parts, secrets) };
  const completed = inheritFromProfiles(written);
  const parsed = inventorySchema.safeParse(completed, { error: issueMessage });
  if (!parsed.success) return refuse(parts, told(parsed.error.issues, completed), written);
  const findings = checkInventory(parsed.data);
  const errors = findings.filter(({ severity }) => severity !== "warning");
  if (errors.length > 0) return refuse(parts, errors, written);
  const folder = dirname(resolve(parts[0]?.name ?? "."));
  const { problems: warnings } = refuse(parts, findings, written);
  return { inventory: resolveInventory(parsed.data, folder), warnings };
}

/** Without its profile a node lacks what the profile would have given it: the profile's name is what is wrong then. */
function told(issues: readonly z.core.$ZodIssue[], completed: unknown): readonly Finding[] {
  const findings = issues.flatMap(issueFindings);
  const misnamed = findings
    .filter(({ path }) => path[0] === "nodes" && path[2] === "profile")
    .map(({ path }) => path[1]);
  const strays = strayProfiles(completed).filter(({ path }) => !misnamed.includes(path[1] ?? ""));
  const nodes = new Set(strays.map(({ path }) => path[1]));
  const others = findings.filter(
    ({ path, message }) =>
      !(path[0] === "nodes" && nodes.has(path[1]) && message.startsWith("is missing")),
  );
  return [...strays, ...others];
}

const emptyFile = "the file is empty: start from inventory/site.yaml";

/** What a node has from its profile is told once, where the profile says it. */
function refuse(parts: readonly YamlText[], findings: readonly Finding[], written: unknown) {
  const told = findings.map((finding) => ({ ...finding, path: writtenAt(written, finding.path) }));
  return { problems: problemsIn(parts, told) };
}

function resolveInventory(file: ParsedInventory, folder: string): Inventory {
  const absolute = (path: string) => (isAbsolute(path) ? path : resolve(folder, path));
  const { server, install, boot } = file;
  const { iamToken } = file.verify;
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
    verify: { ...(iamToken !== undefined && { iamToken: resolveSecret(iamToken, absolute) }) },
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
