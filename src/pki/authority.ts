// A CA that the operator brought: read from its two files and never written. Judged before anything is issued by it.

import { readFile } from "node:fs/promises";
import type * as x509 from "@peculiar/x509";
import { messageOf } from "../net/error-text.ts";
import { assembleCa, type Ca } from "./ca.ts";
import { chainFault, isKeyOf, readCertificates } from "./chain.ts";
import { KeyRefusal, type Passphrase, readKeyFile } from "./key-file.ts";

export interface AuthorityFiles {
  /**
   * The CA that signs nodes, then those above it up to the root, in PEM; behind it any other root that nodes shall trust as well, while one
   * takes the place of the other.
   */
  readonly certificate: string;
  /** PKCS#8, PKCS#1 or SEC1 in PEM. */
  readonly key: string;
}

/** Throws an error that names the file, what is wrong with it, and the remedy. */
export async function loadAuthority(
  files: AuthorityFiles,
  { passphrase }: { readonly passphrase?: Passphrase | undefined } = {},
): Promise<Ca> {
  const refuse = (file: string, why: string, cause?: unknown) =>
    new Error(`pki.authority: ${file} ${why}`, { cause });
  const { chain, alsoTrusted } = await readFile(files.certificate, "utf8")
    .then((pem) => splitAtRoot(readCertificates(pem)))
    .catch((cause: unknown) => {
      throw refuse(files.certificate, `can't be used as a CA: ${messageOf(cause)}`, cause);
    });
  const fault = (await chainFault(chain)) ?? (await firstFault(alsoTrusted));
  if (fault !== undefined) throw refuse(files.certificate, `can't be used as a CA: ${fault}`);
  const read = await readKeyFile(files.key, passphrase).catch((cause: unknown) => {
    if (cause instanceof KeyRefusal) throw cause;
    throw refuse(files.key, `is no private key that can be read: ${messageOf(cause)}`, cause);
  });
  const [certificate] = chain;
  if (certificate === undefined || !isKeyOf(certificate, read.key))
    throw refuse(
      files.key,
      `is not the key of the first certificate in ${files.certificate}: the CA that signs comes first there, then those above it`,
    );
  const found = { chain, read, certificateFile: files.certificate, keyFile: files.key };
  const kind = { source: "authority", stage: "one", alsoTrusted } as const;
  return await assembleCa(found, kind).catch((cause: unknown) => {
    throw refuse(files.key, `can't sign: ${messageOf(cause)}`, cause);
  });
}

/** The chain ends with its root, which is its own issuer; what follows is trusted besides. */
function splitAtRoot(certificates: readonly x509.X509Certificate[]) {
  const root = certificates.findIndex(({ issuer, subject }) => issuer === subject);
  const end = root === -1 ? certificates.length : root + 1;
  return { chain: certificates.slice(0, end), alsoTrusted: certificates.slice(end) };
}

async function firstFault(roots: readonly x509.X509Certificate[]): Promise<string | undefined> {
  for (const root of roots) {
    if (root.issuer !== root.subject)
      return `the certificate of "${root.subject}" follows a root and is none: the CA that signs comes first, then those above it up to its root; behind that, only other roots that nodes shall trust`;
    const fault = await chainFault([root]);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
