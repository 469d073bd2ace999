// Says what is wrong with a value of the inventory: the value, what was expected, what to do. Does not know where it stands.

import type { z } from "zod";
import type { Finding } from "./check.ts";
import { nearest, suggest } from "./nearest.ts";

const kinds: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a map of settings",
  record: "a map of names",
};

/** The sentence for an input that is not `expected`, which reads like "an IPv4 address such as 10.0.100.50". */
export function mismatch(input: unknown, expected: string): string {
  if (input === undefined) return `is missing: add ${expected}`;
  if (input === null) return `has no value: write ${expected}`;
  return `${show(input)} is not ${expected}`;
}

/** The sentence for an issue whose schema brings none of its own. */
export function issueMessage(issue: z.core.$ZodRawIssue): string | undefined {
  const { input } = issue;
  switch (issue.code) {
    case "invalid_type":
      return mismatch(input, kinds[issue.expected] ?? issue.expected);
    case "invalid_value":
      return wrongChoice(input, issue.values.map(String));
    case "invalid_union": {
      // Told apart by one key, as the kinds of a BMC are: what is wrong is that key's value.
      if (issue.discriminator === undefined || !isRecord(input))
        return mismatch(input, "a map of settings");
      return wrongChoice(input[issue.discriminator], optionsOf(issue));
    }
    case "unrecognized_keys":
      // Read by issueFindings, which has one sentence for each key.
      return settingsOf(issue.inst).join(separator);
    case "too_small":
      return tooSmall(issue);
    case "too_big":
      return typeof input === "string"
        ? `${show(input)} has ${input.length} characters: use at most ${issue.maximum}`
        : `${show(input)} is more than ${issue.maximum}: use ${issue.maximum} or less`;
    default:
      return undefined;
  }
}

const separator = ", ";

function wrongChoice(input: unknown, choices: readonly string[]): string {
  const [only = "", ...others] = choices;
  const sentence = mismatch(input, others.length === 0 ? only : `one of ${choices.join(", ")}`);
  const meant = typeof input === "string" ? nearest(input, choices) : undefined;
  return meant === undefined ? sentence : `${sentence}: did you mean "${meant}"?`;
}

function optionsOf(issue: object): readonly string[] {
  return "options" in issue && Array.isArray(issue.options)
    ? issue.options.filter((option) => option !== undefined).map(String)
    : [];
}

/** The keys that a map with fixed settings has. */
function settingsOf(schema: unknown): readonly string[] {
  const def = isRecord(schema) && isRecord(schema["_zod"]) ? schema["_zod"]["def"] : undefined;
  const shape = isRecord(def) ? def["shape"] : undefined;
  return isRecord(shape) ? Object.keys(shape) : [];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function tooSmall({ input, minimum, inclusive }: z.core.$ZodRawIssue<z.core.$ZodIssueTooSmall>) {
  if (input === "") return "is empty: write a value";
  if (Array.isArray(input)) return `the list is empty: name at least ${minimum}`;
  return inclusive === false
    ? `${show(input)} is not more than ${minimum}: use a larger number`
    : `${show(input)} is less than ${minimum}: use ${minimum} or more`;
}

/** One zod issue as findings: an unknown key is reported at the key, one finding each. */
export function issueFindings(issue: z.core.$ZodIssue): Finding[] {
  const path = issue.path.map((part) => (typeof part === "symbol" ? String(part) : part));
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => ({
        path: [...path, key],
        at: "key",
        message: `"${shortened(key)}" is no setting here: ${suggest(key, issue.message.split(separator))}`,
      }));
    case "invalid_key":
      return [{ path, at: "key", message: issue.issues[0]?.message ?? issue.message }];
    default:
      return [{ path, message: issue.message }];
  }
}

function show(input: unknown): string {
  if (Array.isArray(input)) return "a list";
  if (typeof input === "object") return "a map";
  return shortened(JSON.stringify(input) ?? String(input));
}

function shortened(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
