// Detached Ed25519 signatures over set.json and loaders.json, made where the private key is kept: whoever can write the asset
// directory can then still publish nothing of their own. The signature of FILE is FILE.sig, 64 octets.

import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { messageOf } from "../../net/error-text.ts";
import { readSmallFile } from "../asset-file.ts";

/** The public key of a PEM file. Throws a sentence with what to do. */
export function loadAssetKey(file: string): KeyObject {
  try {
    const key = createPublicKey(readFileSync(file));
    if (key.asymmetricKeyType === "ed25519") return key;
    throw new Error(`it is a key for ${key.asymmetricKeyType}`);
  } catch (cause) {
    throw new Error(
      `server.assetKey ${file} is no Ed25519 public key (${messageOf(cause)}): make one with openssl genpkey -algorithm ed25519, and its public half with openssl pkey -pubout`,
      { cause },
    );
  }
}

export interface SignatureFault {
  readonly problem: string;
  /** There is a signature, and it is of something else. */
  readonly damaged: boolean;
}

/** Why `content`, which was read from `path`, is not to be believed; undefined when it is, or when no key is asked for. */
export async function signatureFault(
  path: string,
  content: string,
  key: KeyObject | undefined,
): Promise<SignatureFault | undefined> {
  if (key === undefined) return undefined;
  const signature = await readSmallFile(`${path}.sig`).catch(() => undefined);
  if (signature === undefined) {
    const problem = `${path} is not signed: put its signature into ${path}.sig`;
    return { problem, damaged: false };
  }
  // Ed25519 has its own hash (RFC 8032 §5.1).
  if (verify(null, Buffer.from(content), key, signature)) return undefined;
  const problem = `${path}.sig is not the signature of ${path} by server.assetKey: sign it again`;
  return { problem, damaged: true };
}
