// Reads the inventory file: text in, a typed inventory or every problem with its line and column out.

import { readFileSync } from "node:fs";
import { dirname, isAbsolute, resolve } from "node:path";
import { isMap, isPair, LineCounter, parseDocument, type Document } from "yaml";
import { z } from "zod";
import { checkInventory, type Finding, type Path } from "./check.ts";
import { type Inventory, inventorySchema, type Node, type ParsedInventory } from "./schema.ts";

export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Dotted path of the value, empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
}

export type LoadResult = { readonly inventory: Inventory } | { readonly problems: readonly Problem[] };

export function formatProblem(problem: Problem): string {
  const path = problem.path === "" ? "" : `${problem.path}: `;
  return `${problem.file}:${problem.line}:${problem.column}: ${path}${problem.message}`;
}

/** Reads and validates the file; a file that can't be read is a problem like any other. */
export function loadInventory(file: string): LoadResult {
  try {
    return parseInventory(readFileSync(file, "utf8"), file);
  } catch (cause) {
    const message = `the inventory can't be read (${cause instanceof Error ? cause.message : cause}): name an existing file with --inventory`;
    return { problems: [{ file, line: 1, column: 1, path: "", message }] };
  }
}

/** Validates YAML or JSON text. Relative paths in it are taken from the file's own folder. */
export function parseInventory(text: string, file: string): LoadResult {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const position = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  if (document.errors.length > 0)
    return {
      problems: document.errors.map((error) => ({
        ...position(error.pos[0]),
        path: "",
        message: error.message,
      })),
    };
  const toProblem = ({ path, message }: Finding): Problem => ({
    ...position(offsetOf(document, path)),
    path: path.join("."),
    message,
  });
  const value = plainValue(document);
  if ("error" in value) return { problems: [toProblem({ path: [], message: value.error })] };
  const parsed = inventorySchema.safeParse(value.value);
  if (!parsed.success) return { problems: parsed.error.issues.flatMap(findings).map(toProblem) };
  const broken = checkInventory(parsed.data);
  if (broken.length > 0) return { problems: broken.map(toProblem) };
  return { inventory: resolveInventory(parsed.data, dirname(resolve(file))) };
}

function plainValue(document: Document): { value: unknown } | { error: string } {
  try {
    return { value: document.toJS({ maxAliasCount: 100 }) };
  } catch (cause) {
    return { error: cause instanceof Error ? cause.message : String(cause) };
  }
}

/** One zod issue as findings: an unknown key is reported at the key, a bad union at its deepest reason. */
function findings(issue: z.core.$ZodIssue): Finding[] {
  const path = issue.path.map((part) => (typeof part === "symbol" ? String(part) : part));
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => ({
      path: [...path, key],
      message: `"${key}" is no setting here: check the spelling or remove it`,
    }));
  if (issue.code === "invalid_union" && path.at(-1) === "password")
    return [
      {
        path,
        message: "a secret is never written here: use { env: NAME } or { file: PATH }",
      },
    ];
  return [{ path, message: issue.message }];
}

/** Where a path stands in the text: the value itself, or the nearest parent that exists. */
function offsetOf(document: Document, path: Path): number {
  for (let length = path.length; length > 0; length--) {
    const parent = document.getIn(path.slice(0, length - 1), true) ?? document.contents;
    const key = path[length - 1];
    if (!isMap(parent)) continue;
    const pair = parent.items.find(
      (item) => isPair(item) && String((item.key as { value?: unknown }).value) === String(key),
    );
    const node = (length === path.length ? (pair?.value ?? pair?.key) : pair?.key) ?? pair?.key;
    const range = (node as { range?: readonly number[] } | undefined)?.range;
    if (range?.[0] !== undefined) return range[0];
  }
  return 0;
}

function resolveInventory(file: ParsedInventory, folder: string): Inventory {
  const absolute = (path: string) => (isAbsolute(path) ? path : resolve(folder, path));
  const { server, install } = file;
  return {
    ...file,
    server: {
      ...server,
      stateDirectory: absolute(server.stateDirectory),
      assetDirectory: absolute(server.assetDirectory),
    },
    install: {
      ...install,
      // A flake may be a reference such as github:owner/name; only what is clearly a path is resolved.
      flake: /^\.{1,2}(\/|$)/.test(install.flake) ? resolve(folder, install.flake) : install.flake,
      ...(install.sshKey === undefined ? {} : { sshKey: absolute(install.sshKey) }),
    },
    nodes: Object.entries(file.nodes).map(([name, node]) => resolveNode(name, node, file, absolute)),
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
  const { password } = node.bmc;
  return {
    ...node,
    name,
    fqdn: `${name}.${file.domain}`,
    role: profile.role,
    kernelArguments: profile.kernelArguments,
    bmc: {
      ...node.bmc,
      password: "file" in password ? { file: absolute(password.file) } : password,
    },
  };
}
