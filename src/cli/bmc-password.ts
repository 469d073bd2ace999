// A new password for a BMC: from standard input, or made and kept in a file. Never from the command line, which every user sees.

import { randomBytes } from "node:crypto";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { messageOf } from "../net/error-text.ts";
import { Secret } from "../net/secret.ts";
import { CliError, exitCodes } from "./exit.ts";

export interface ChosenPassword {
  readonly password: Secret;
  /** To be called when the BMC took it. */
  keep(): void;
}

const maxInputBytes = 256;
/** 20 characters of base64url: as long as IPMI 2.0 takes (§22.30), 120 bits. */
const madeBytes = 15;

/** Reads the first line of `input`, or makes a password for `file`. */
export async function choosePassword(
  file: string | undefined,
  input: AsyncIterable<Buffer>,
): Promise<ChosenPassword> {
  if (file === undefined) return { password: await readPassword(input), keep: () => undefined };
  const password = new Secret(randomBytes(madeBytes).toString("base64url"));
  // On disk before the BMC has it: a crash in between must not lock everybody out.
  const unfinished = `${file}.new`;
  try {
    rmSync(unfinished, { force: true });
    writeFileSync(unfinished, `${password.reveal()}\n`, { mode: 0o600, flag: "wx", flush: true });
  } catch (error) {
    const said = `the new password can't be kept: ${messageOf(error)}`;
    throw new CliError(exitCodes.usage, said, "name a file that can be written");
  }
  return { password, keep: () => renameSync(unfinished, file) };
}

async function readPassword(input: AsyncIterable<Buffer>): Promise<Secret> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of input) {
    parts.push(part);
    size += part.length;
    if (part.includes(0x0a) || size > maxInputBytes) break;
  }
  const [line = ""] = Buffer.concat(parts).toString("utf8").split(/\r?\n/, 1);
  if (line === "" || size > maxInputBytes)
    throw new CliError(
      exitCodes.usage,
      line === "" ? "standard input has no password" : "the password is too long",
      "write it to standard input, or add --generate FILE",
    );
  return new Secret(line);
}
