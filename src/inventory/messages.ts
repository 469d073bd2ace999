// Says what is wrong with a value of the inventory: the value, what was expected, what to do. Does not know where it stands.

import type { z } from "zod";
import type { Finding } from "./check.ts";

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
    case "invalid_value": {
      const [only, ...others] = issue.values.map(String);
      return mismatch(input, others.length === 0 ? `${only}` : `one of ${issue.values.join(", ")}`);
    }
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
        message: `"${key}" is no setting here: check the spelling or remove it`,
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
  const text = JSON.stringify(input) ?? String(input);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
