// The certificate of a CA and its key, as two files in a folder of their own: made together, read together.

import "reflect-metadata";
import { KeyObject, randomBytes, webcrypto } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";
import { chainFault, isKeyOf, pemOf, readCertificates } from "./chain.ts";
import { encryptKey } from "./encrypted-key.ts";
import { encryptKeyFile, type Passphrase, type ReadKey, readKeyFile } from "./key-file.ts";
import { generateKeys, type KeyKind, privateKeyPem } from "./keys.ts";

export const certFile = "ca-cert.pem";
export const keyFile = "ca-key.pem";

export interface CaSettings {
  /** Subject, key and duration of a CA that has to be made; one that exists keeps its own. */
  readonly commonName: string;
  readonly key: KeyKind;
  readonly caDays: number;
  /** Encrypts the key on disk, also one that lies there as it is. */
  readonly passphrase?: Passphrase | undefined;
  readonly nowMs: number;
}

/** A CA as its files have it. */
export interface ReadCa {
  /** The one that signs, then those above it up to the root. */
  readonly chain: readonly x509.X509Certificate[];
  readonly read: ReadKey;
  readonly certificateFile: string;
  readonly keyFile: string;
}

const dayMs = 24 * 60 * 60 * 1000;
/** A node whose clock is a little behind must not find its certificate not yet valid. */
export const backdateMs = 60 * 60 * 1000;

/** Makes a CA and writes its two files into `directory` by `write`, which must not overwrite. */
export async function writeNewCa(
  directory: string,
  settings: CaSettings,
  write: (file: string, text: string) => Promise<void>,
): Promise<void> {
  const keys = await generateKeys(settings.key);
  await write(join(directory, keyFile), await keyPem(keys.privateKey, settings.passphrase));
  await write(join(directory, certFile), pemOf([await selfSign(keys, settings)]));
}

async function keyPem(
  key: webcrypto.CryptoKey,
  passphrase: Passphrase | undefined,
): Promise<string> {
  return passphrase === undefined
    ? await privateKeyPem(key)
    : await encryptKey(KeyObject.from(key), passphrase.secret);
}

async function selfSign(
  keys: webcrypto.CryptoKeyPair,
  { commonName, caDays, nowMs }: CaSettings,
): Promise<x509.X509Certificate> {
  const { keyCertSign, cRLSign } = x509.KeyUsageFlags;
  return await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      name: [{ CN: [commonName] }],
      notBefore: new Date(nowMs - backdateMs),
      notAfter: new Date(nowMs + caDays * dayMs),
      keys,
      signingAlgorithm: { ...keys.privateKey.algorithm, hash: "SHA-256" },
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(keyCertSign | cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
        await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
}

/**
 * Reads both files and puts a key that lies there readable under the passphrase. Throws a KeyRefusal that says what to do, or an error that
 * says what is damaged. The dates are not looked at: they have a remedy of their own.
 */
export async function readCaFiles(
  directory: string,
  passphrase: Passphrase | undefined,
): Promise<ReadCa> {
  const files = { certificateFile: join(directory, certFile), keyFile: join(directory, keyFile) };
  const chain = readCertificates(await readFile(files.certificateFile, "utf8"));
  const read = await readKeyFile(files.keyFile, passphrase);
  const [certificate] = chain;
  if (certificate === undefined || !isKeyOf(certificate, read.key))
    throw new Error(`${keyFile} is not the key of ${certFile}`);
  const fault = await chainFault(chain);
  if (fault !== undefined) throw new Error(`${certFile}: ${fault}`);
  if (passphrase === undefined || read.encrypted) return { chain, read, ...files };
  await encryptKeyFile(files.keyFile, read.key, passphrase);
  return { chain, read: { ...read, encrypted: true }, ...files };
}

/** 126 random bits, positive and never zero (RFC 5280 §4.1.2.2). */
export function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString("hex");
}
