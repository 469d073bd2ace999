// A CA that the operator brought: read from its two files and never written. Judged before anything is issued by it.

import { readFile } from "node:fs/promises";
import { messageOf } from "../net/error-text.ts";
import { assembleCa, type Ca } from "./ca.ts";
import { chainFault, isKeyOf, readCertificates } from "./chain.ts";
import { KeyRefusal, type Passphrase, readKeyFile } from "./key-file.ts";

export interface AuthorityFiles {
  /** The CA that signs nodes, then those above it up to the root, in PEM. */
  readonly certificate: string;
  /** PKCS#8, PKCS#1 or SEC1 in PEM. */
  readonly key: string;
}

/** Throws an error that names the file, what is wrong with it, and the remedy. */
export async function loadAuthority(
  files: AuthorityFiles,
  { passphrase, nowMs }: { readonly passphrase?: Passphrase | undefined; readonly nowMs: number },
): Promise<Ca> {
  const refuse = (file: string, why: string, cause?: unknown) =>
    new Error(`pki.authority: ${file} ${why}`, { cause });
  const chain = await readFile(files.certificate, "utf8")
    .then(readCertificates)
    .catch((cause: unknown) => {
      throw refuse(files.certificate, `can't be used as a CA: ${messageOf(cause)}`, cause);
    });
  const fault = await chainFault(chain, nowMs);
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
  const about = { certificateFile: files.certificate, keyFile: files.key };
  return await assembleCa(chain, read, { source: "authority", ...about }).catch(
    (cause: unknown) => {
      throw refuse(files.key, `can't sign: ${messageOf(cause)}`, cause);
    },
  );
}
