// A secret of the server: 256 random bits in a file that only its owner reads. The API's is one.
// It is not for machines that boot: the boot plane has no token and shares no listener with the API.

import { createHash, timingSafeEqual } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Secret } from "../net/secret.ts";

export const tokenFileName = "api-token";

/** 32 bytes in base64url without padding. */
const tokenForm = /^[A-Za-z0-9_-]{43}$/;

/**
 * Reads a token file; throws an error that names the file and the remedy when it is absent, open to others or damaged. `whenNone`: the
 * remedy where it holds no token.
 */
export function readToken(file: string, whenNone: string): Secret {
  const token = readFileSync(file, "utf8").trim();
  // Before its mode: a file that was named by mistake must not be told to have its mode changed.
  if (!tokenForm.test(token)) throw new Error(`${file} holds no token: ${whenNone}`);
  const { mode } = statSync(file);
  if ((mode & 0o077) !== 0)
    throw new Error(`${file} can be read by other users: chmod 600 ${file}`);
  return new Secret(token);
}

/** For the server's own file, which it makes anew. */
const makeAnew = "delete it and start the server again";

/** The token of a state directory, made from `randomBytes(32)` at the first start; another secret of the same form by its file's name. */
export function loadOrCreateToken(
  stateDirectory: string,
  randomBytes: (size: number) => Buffer,
  fileName = tokenFileName,
): Secret {
  const file = join(stateDirectory, fileName);
  try {
    return readToken(file, makeAnew);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  const unfinished = `${file}.new`;
  // Complete before it has its name: a crash leaves no half token that would refuse everybody.
  rmSync(unfinished, { force: true });
  const handle = openSync(unfinished, "wx", 0o600);
  try {
    writeFileSync(handle, `${randomBytes(32).toString("base64url")}\n`);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(unfinished, file);
  return readToken(file, makeAnew);
}

/** Whether an Authorization header carries the token. Compares digests, so that neither length nor content shows in the time. */
export function isAuthorized(token: Secret, header: string | undefined): boolean {
  const offered = /^Bearer ([^\s]+)$/i.exec(header ?? "")?.[1];
  if (offered === undefined) return false;
  return timingSafeEqual(digest(offered), digest(token.reveal()));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
