// Reads the secrets that an inventory refers to. The value leaves here only wrapped in a Secret.

import { readFileSync } from "node:fs";
import { Secret } from "../net/secret.ts";
import type { SecretReference } from "./bmc-schema.ts";

/** Reads a secret; throws an error that names the reference (never the value) and the remedy. */
export function readSecret(
  reference: SecretReference,
  environment: Readonly<Record<string, string | undefined>>,
): Secret {
  if ("env" in reference) {
    const value = environment[reference.env];
    if (value === undefined || value === "")
      throw new Error(
        `the environment variable ${reference.env} is not set: set it for the server and start again`,
      );
    return new Secret(value);
  }
  try {
    const value = readFileSync(reference.file, "utf8").replace(/\r?\n$/, "");
    if (value !== "") return new Secret(value);
  } catch (cause) {
    throw new Error(`the secret file ${reference.file} can't be read: create it with mode 0600`, {
      cause,
    });
  }
  throw new Error(`the secret file ${reference.file} is empty: write the password into it`);
}
