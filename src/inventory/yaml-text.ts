// One text of an inventory, YAML or JSON, as plain data and the places of its values. Does not know what may be written there.

import {
  type Document,
  isAlias,
  isCollection,
  LineCounter,
  parseDocument,
  visit,
  type YAMLError,
} from "yaml";
import { messageOf } from "../net/error-text.ts";
import type { Finding } from "./check.ts";
import { offsetOf } from "./position.ts";

export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Dotted path of the value, empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
}

export interface YamlText {
  readonly name: string;
  /** Undefined when nothing but comments is written. */
  readonly value: unknown;
  /** Where a finding stands. */
  place(finding: Finding): {
    readonly offset: number;
    readonly line: number;
    readonly column: number;
  };
}

const independent: ReadonlySet<string> = new Set(["DUPLICATE_KEY", "TAG_RESOLVE_FAILED"]);

/** Reads one text; what is no YAML, or has aliases without end, is a list of problems. */
export function readYaml(
  text: string,
  name: string,
): YamlText | { readonly problems: readonly Problem[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    ...{ lineCounter: lines, prettyErrors: false },
    // The reader would print its own remarks beside ours.
    logLevel: "error",
  });
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { offset, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const refuse = (faults: readonly { readonly offset: number; readonly message: string }[]) => ({
    problems: faults.map(({ offset, message }) => {
      const { line, column } = place(offset);
      return { file: name, line, column, path: "", message };
    }),
  });
  const faults = yamlFaults(document);
  if (faults.length > 0)
    return refuse(
      faults.map((fault) => ({ offset: fault.pos[0], message: yamlMessage(fault, text) })),
    );
  const strays = [...strayAliases(document), ...strangeKeys(document)];
  if (strays.length > 0) return refuse(strays);
  const plain = plainValue(document);
  if ("error" in plain)
    return refuse([
      { offset: offsetOf(document, { path: [], message: "" }), message: plain.error },
    ]);
  return {
    name,
    value: document.contents === null ? undefined : plain.value,
    place: (finding) => place(offsetOf(document, finding)),
  };
}

/** What the YAML reader refuses. One fault in the syntax makes it stumble again, so only the first is told. */
function yamlFaults(document: Document): YAMLError[] {
  const faults = [...document.errors, ...document.warnings];
  return faults.filter(({ code }, index) => index === 0 || independent.has(code));
}

function yamlMessage({ code, message, pos }: YAMLError, text: string): string {
  const word = /^[^\s:,}\]]+/.exec(text.slice(pos[0], pos[0] + 200))?.[0] ?? "this";
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

/** `[a]: b` and `{ a: b }: c` are YAML, and no settings. */
function strangeKeys(document: Document): { offset: number; message: string }[] {
  const strange: { offset: number; message: string }[] = [];
  visit(document, {
    Pair: (_key, { key }) => {
      if (isCollection(key) || isAlias(key))
        strange.push({
          offset: key.range?.[0] ?? 0,
          message: "a list, a map or an alias is no name of a setting: write a name, or quote it",
        });
    },
  });
  return strange;
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
