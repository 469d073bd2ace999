// Writes an inventory's text in one order and indentation, with its comments. What it says stays the same.

import { isDeepStrictEqual } from "node:util";
import { type Document, isMap, isNode, isScalar, isSeq, parseDocument, type YAMLMap } from "yaml";
import { messageOf } from "../net/error-text.ts";
import { withTightLists } from "./edit-render.ts";
import { inventoryJsonSchema, type JsonSchema } from "./json-schema.ts";

// Comments may move once when their neighbours do; then a text stands still.
const maxRounds = 4;

type Formatted = { readonly text: string } | { readonly problem: string };

/** The text in its usual form, or why it has none. Formatting the result again changes nothing. */
export function formatInventory(text: string): Formatted {
  // Once for all rounds: it takes longer than they do.
  const schema = inventoryJsonSchema();
  let before = text;
  for (let round = 0; round < maxRounds; round += 1) {
    const after = formatOnce(before, schema);
    if (typeof after !== "string") return after;
    if (after === before) return { text: after };
    before = after;
  }
  return {
    problem: "its comments stand where none can be kept: move them above the lines they are about",
  };
}

function formatOnce(text: string, schema: JsonSchema): string | { readonly problem: string } {
  const document = parseDocument(text, { prettyErrors: false, logLevel: "error" });
  const [fault] = [...document.errors, ...document.warnings];
  if (fault !== undefined) return { problem: `it is not valid YAML: ${fault.message}` };
  if (!isMap(document.contents)) return { problem: "it is no inventory" };
  try {
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    const header = document.contents.items[0]?.key;
    order(document.contents, schema);
    keepOnTop(document.contents, header);
    const formatted = isJson(text) ? toJson(document) : toYaml(document);
    const again = parseDocument(formatted, { prettyErrors: false });
    if (again.errors.length === 0 && isDeepStrictEqual(again.toJS(), value)) return formatted;
  } catch (error) {
    return { problem: `it can't be written again: ${messageOf(error)}` };
  }
  return { problem: "an alias would come before its anchor: write the values out" };
}

/** What stands above the first line is about the file, and stays above it. */
function keepOnTop({ items }: YAMLMap, header: unknown): void {
  const first = items[0]?.key;
  if (!isNode(first) || !isNode(header) || first === header || !header.commentBefore) return;
  const own = first.commentBefore;
  first.commentBefore = own ? `${header.commentBefore}\n${own}` : header.commentBefore;
  header.commentBefore = null;
}

function toYaml(document: Document): string {
  return withTightLists(document.toString({ lineWidth: 0, indent: 2, indentSeq: true }));
}

function toJson(document: Document): string {
  return `${JSON.stringify(document.toJS(), undefined, 2)}\n`;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Settings as the schema has them; names, such as those of nodes, stay in the order of the file. */
function order(node: unknown, schema: JsonSchema | boolean | undefined): void {
  if (typeof schema !== "object") return;
  if (isSeq(node)) {
    for (const item of node.items) for (const way of waysOf(schema)) order(item, way.items);
    return;
  }
  if (!isMap(node)) return;
  const properties = Object.assign({}, ...waysOf(schema).map((way) => way.properties ?? {}));
  const names = Object.keys(properties);
  const rank = (key: unknown) => {
    const index = isScalar(key) ? names.indexOf(String(key.value)) : -1;
    return index < 0 ? names.length : index;
  };
  node.items = node.items.toSorted((a, b) => rank(a.key) - rank(b.key));
  const first = node.items[0]?.key;
  if (isNode(first)) first.spaceBefore = false;
  for (const { key, value } of node.items) {
    const own = isScalar(key) ? properties[String(key.value)] : undefined;
    order(
      value,
      own ?? waysOf(schema).find((way) => way.additionalProperties)?.additionalProperties,
    );
  }
}

/** A value that may be written in several ways has the settings of all. */
function waysOf(schema: JsonSchema): readonly JsonSchema[] {
  return [schema, ...[...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].flatMap(waysOf)];
}
