// How an operator refers to a secret. The inventory names the place, and never holds the secret itself.

import { z } from "zod";
import { mismatch } from "./messages.ts";
import { argument, filePath } from "./values.ts";

const ways = "{ env: NAME }, { file: PATH } or { cmd: [PROGRAM, ARGUMENT…] }";

/** Where a secret is kept: a variable of the server's environment, a file, or what a program prints. */
export const secretReference = z.union(
  [
    z.strictObject({
      env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, {
        // The value is not shown: it may be the secret itself, written in the wrong place.
        error: "is not the name of an environment variable: use letters, digits and _",
      }),
    }),
    z.strictObject({ file: filePath }),
    z.strictObject({
      /** Program and arguments, without a shell. It is started in the folder of the inventory. */
      cmd: z.array(argument).min(1).max(64),
    }),
  ],
  {
    error: ({ input }) =>
      input === undefined || input === null
        ? mismatch(input, ways)
        : `a secret is never written here: use ${ways}`,
  },
);

/** As written; `directory`, where the program is started, is added when the file is read. */
export type SecretReference =
  | { readonly env: string }
  | { readonly file: string }
  | { readonly cmd: string[]; readonly directory?: string };

/** The same with what is relative taken from the inventory's folder. */
export function resolveSecret(
  reference: SecretReference,
  absolute: (path: string) => string,
): SecretReference {
  if ("file" in reference) return { file: absolute(reference.file) };
  return "cmd" in reference ? { ...reference, directory: absolute(".") } : reference;
}

/** The reference for people: never its value, nor the arguments of a program. */
export function nameSecret(reference: SecretReference): string {
  if ("env" in reference) return `the environment variable ${reference.env}`;
  if ("file" in reference) return `the file ${reference.file}`;
  return `the program ${reference.cmd[0] ?? ""}`;
}
