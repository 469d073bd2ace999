// The cluster's certificate authority, made here: made once, read at each start, also in the middle of its replacement by the next one.
// It doesn't revoke, and it never repairs or replaces a CA that it can't read.

import "reflect-metadata";
import type { webcrypto } from "node:crypto";
import { mkdir, readdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type * as x509 from "@peculiar/x509";
import { messageOf } from "../net/error-text.ts";
import {
  type CaSettings,
  certFile,
  keyFile,
  type ReadCa,
  readCaFiles,
  writeNewCa,
} from "./ca-files.ts";
import { pemOf } from "./chain.ts";
import { KeyRefusal, type Passphrase } from "./key-file.ts";
import { nameKey, signerOf } from "./keys.ts";
import { caDisk, settleRotation } from "./rotate-ca.ts";
import type { RotationStage } from "./rotation.ts";

export interface Ca {
  /** What nodes trust, in PEM: the CA that signs, those above it up to the root, and those of `alsoTrusted`. */
  readonly certPem: string;
  /** The CAs between a node's certificate and the root, in PEM: a node shows them together with its own. Empty where the root signs. */
  readonly chainPem: string;
  /** The one that signs. */
  readonly certificate: x509.X509Certificate;
  /** The one that signs, then those above it up to the root. */
  readonly chain: readonly x509.X509Certificate[];
  /** Roots that nodes trust besides: the one that comes, or the one that goes. */
  readonly alsoTrusted: readonly x509.X509Certificate[];
  /** How far its replacement has come; `one` for an operator's own, of which that is not known. */
  readonly stage: RotationStage;
  readonly signingKey: webcrypto.CryptoKey;
  readonly signingAlgorithm: webcrypto.EcdsaParams | webcrypto.Algorithm;
  /** For people. */
  readonly about: CaDescription;
}

export interface CaDescription {
  /** Made by this program, or brought by the operator. */
  readonly source: "made" | "authority";
  readonly certificateFile: string;
  readonly keyFile: string;
  /** Such as `EC prime256v1`. */
  readonly key: string;
  /** Whether the key file is under a passphrase. */
  readonly encrypted: boolean;
}

/**
 * Loads the CA of `directory`, or makes one there when the directory is absent or empty. A CA that is incomplete, unreadable,
 * mismatched, open to other users, under another passphrase or out of its dates is an Error that says what to do: making a new one would
 * lock every installed node out of the cluster.
 */
export async function loadOrCreateCa(directory: string, settings: CaSettings): Promise<Ca> {
  if (await hasEntries(directory)) await requireClosed(directory);
  else await createCa(directory, settings);
  const { stage, signing, other } = await settleRotation(directory);
  const files = await readPart(signing, settings.passphrase);
  const besides = other === undefined ? [] : [await readPart(other, settings.passphrase)];
  const alsoTrusted = besides.flatMap(({ chain }) => chain);
  return await assembleCa(files, { source: "made", stage, alsoTrusted });
}

async function readPart(directory: string, passphrase: Passphrase | undefined): Promise<ReadCa> {
  return await readCaFiles(directory, passphrase).catch((cause: unknown) => {
    if (cause instanceof KeyRefusal) throw cause;
    throw new Error(
      `the cluster CA in ${directory} is damaged (${messageOf(cause)}): restore ${certFile} and ${keyFile} from the backup; ` +
        "only if no node was ever installed with it, move the directory away and a new CA is made",
      { cause },
    );
  });
}

/** What a certificate and its key make of a CA. Throws when the key is of no use. */
export async function assembleCa(
  { chain, read, certificateFile, keyFile }: ReadCa,
  { source, stage, alsoTrusted }: Pick<Ca, "stage" | "alsoTrusted"> & Pick<CaDescription, "source">,
): Promise<Ca> {
  const [certificate] = chain;
  if (certificate === undefined) throw new Error("a CA without a certificate");
  const { key, encrypted } = read;
  return {
    certPem: pemOf([...chain, ...alsoTrusted]),
    chainPem: pemOf(chain.slice(0, -1)),
    ...{ certificate, chain, alsoTrusted, stage },
    ...(await signerOf(key)),
    about: { source, certificateFile, keyFile, key: nameKey(key), encrypted },
  };
}

/** Both files appear at once or not at all: they are made in a sibling directory that is then renamed. */
async function createCa(directory: string, settings: CaSettings): Promise<void> {
  await mkdir(dirname(directory), { recursive: true });
  const part = await caDisk.newDirectory(`${directory}.part-`);
  try {
    await writeNewCa(part, settings, caDisk.write);
    await caDisk.rename(part, directory);
  } catch (error) {
    await caDisk.remove(part);
    // Someone else made the CA in the meantime: theirs is the CA.
    if (!(await hasEntries(directory))) throw error;
  }
}

async function requireClosed(directory: string): Promise<void> {
  const { mode } = await stat(directory);
  if ((mode & 0o077) !== 0)
    throw new KeyRefusal(
      `${directory}, where the key of the cluster CA lies, is open to other users (mode 0${(mode & 0o777).toString(8)}): chmod 700 ${directory}`,
    );
}

async function hasEntries(directory: string): Promise<boolean> {
  try {
    return (await readdir(directory)).length > 0;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}
