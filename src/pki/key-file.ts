// The private key of a CA in its file: who may read it, and the passphrase it is under. Never shows what is in it.

import { createPrivateKey, type KeyObject } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { messageOf } from "../net/error-text.ts";
import type { Secret } from "../net/secret.ts";
import { replaceAndErase } from "./durable.ts";
import { encryptKey, isEncrypted, openKey } from "./encrypted-key.ts";

export interface Passphrase {
  readonly secret: Secret;
  /** Where it is kept, for people: `the environment variable CA_PASSPHRASE`. */
  readonly name: string;
}

export interface ReadKey {
  readonly key: KeyObject;
  /** Whether the file is under a passphrase. */
  readonly encrypted: boolean;
}

/** What a person has to put right, where the file itself is sound. */
export class KeyRefusal extends Error {}

/** Reads the key in `file`. Throws a KeyRefusal that says what to do, or an error that says why it is damaged. */
export async function readKeyFile(
  file: string,
  passphrase: Passphrase | undefined,
): Promise<ReadKey> {
  const pem = await readFile(file, "utf8");
  await requirePrivate(file);
  const encrypted = isEncrypted(pem);
  if (!encrypted) return { key: createPrivateKey(pem), encrypted };
  if (passphrase === undefined)
    throw new KeyRefusal(
      `${file} is under a passphrase, and the inventory names none: set pki.passphrase, such as { env: CA_PASSPHRASE }`,
    );
  try {
    return { key: openKey(pem, passphrase.secret), encrypted };
  } catch (cause) {
    throw new KeyRefusal(
      `${passphrase.name} holds another passphrase than the one ${file} is under: correct it (pki.passphrase); if it is right, the file is damaged and has to come from the backup`,
      { cause },
    );
  }
}

/** Puts a key that lies in its file as it is under `passphrase`, in place. */
export async function encryptKeyFile(
  file: string,
  key: KeyObject,
  { secret }: Passphrase,
): Promise<void> {
  const pem = await encryptKey(key, secret);
  // Proven before the readable form goes: what can't be opened again would be lost.
  if (!openKey(pem, secret).equals(key)) throw new Error(`${file} can't be encrypted`);
  try {
    await replaceAndErase(file, pem);
  } catch (cause) {
    throw new KeyRefusal(
      `${file} could not be put under the passphrase (${messageOf(cause)}): see to the space and the owner of ${dirname(file)}`,
      { cause },
    );
  }
}

async function requirePrivate(file: string): Promise<void> {
  const { mode } = await stat(file);
  if ((mode & 0o077) !== 0)
    throw new KeyRefusal(
      `${file} can be read by other users (mode 0${(mode & 0o777).toString(8)}), and whoever has it can make certificates of the cluster: chmod 600 ${file}; if others had access, replace the CA`,
    );
}
