// The cluster's certificate authority, made here: makes it once, keeps it on disk, its key under a passphrase where there is one.
// It doesn't rotate or revoke, and it never repairs or replaces a CA that it can't read.

import "reflect-metadata";
import { KeyObject, randomBytes, webcrypto } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as x509 from "@peculiar/x509";
import { messageOf } from "../net/error-text.ts";
import { syncDirectory } from "../net/sync-directory.ts";
import { chainFault, isKeyOf, pemOf, readCertificates } from "./chain.ts";
import { writeDurably } from "./durable.ts";
import { encryptKey } from "./encrypted-key.ts";
import {
  encryptKeyFile,
  KeyRefusal,
  type Passphrase,
  type ReadKey,
  readKeyFile,
} from "./key-file.ts";
import { generateKeys, type KeyKind, nameKey, privateKeyPem, signerOf } from "./keys.ts";

export interface Ca {
  /** What nodes trust, in PEM: the CA that signs, and those above it up to the root. */
  readonly certPem: string;
  /** The CAs between a node's certificate and the root, in PEM: a node shows them together with its own. Empty where the root signs. */
  readonly chainPem: string;
  /** The one that signs. */
  readonly certificate: x509.X509Certificate;
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

export interface CaSettings {
  /** Subject, key and duration of a CA that has to be made; one that exists keeps its own. */
  readonly commonName: string;
  readonly key: KeyKind;
  readonly caDays: number;
  /** Encrypts the key on disk, also one that lies there as it is. */
  readonly passphrase?: Passphrase | undefined;
  readonly nowMs: number;
}

const dayMs = 24 * 60 * 60 * 1000;
/** A node whose clock is a little behind must not find its certificate not yet valid. */
export const backdateMs = 60 * 60 * 1000;
const certFile = "ca-cert.pem";
const keyFile = "ca-key.pem";

/**
 * Loads the CA of `directory`, or makes one there when the directory is absent or empty. A CA that is incomplete, unreadable,
 * mismatched, open to other users, under another passphrase or out of its dates is an Error that says what to do: making a new one would
 * lock every installed node out of the cluster.
 */
export async function loadOrCreateCa(directory: string, settings: CaSettings): Promise<Ca> {
  if (await hasEntries(directory)) await requireClosed(directory);
  else await createCa(directory, settings);
  const ca = await loadCa(directory, settings.passphrase).catch((cause: unknown) => {
    if (cause instanceof KeyRefusal) throw cause;
    throw new Error(
      `the cluster CA in ${directory} is damaged (${messageOf(cause)}): restore ${certFile} and ${keyFile} from the backup; ` +
        "only if no node was ever installed with it, move the directory away and a new CA is made",
      { cause },
    );
  });
  const { notBefore, notAfter } = ca.certificate;
  if (settings.nowMs < notBefore.getTime() || settings.nowMs >= notAfter.getTime())
    throw new Error(
      `the cluster CA in ${directory} is valid from ${notBefore.toISOString()} to ${notAfter.toISOString()}, ` +
        `and this server's clock says ${new Date(settings.nowMs).toISOString()}: set the clock; if it is right, the CA has to be replaced on every node`,
    );
  return ca;
}

/** What a certificate and its key make of a CA. `chain` begins with the one that signs. Throws when the key is of no use. */
export async function assembleCa(
  chain: readonly x509.X509Certificate[],
  { key, encrypted }: ReadKey,
  files: Pick<CaDescription, "source" | "certificateFile" | "keyFile">,
): Promise<Ca> {
  const [certificate] = chain;
  if (certificate === undefined) throw new Error("a CA without a certificate");
  return {
    certPem: pemOf(chain),
    chainPem: pemOf(chain.slice(0, -1)),
    certificate,
    ...(await signerOf(key)),
    about: { ...files, key: nameKey(key), encrypted },
  };
}

/** Both files appear at once or not at all: they are made in a sibling directory that is then renamed. */
async function createCa(directory: string, settings: CaSettings): Promise<void> {
  await mkdir(dirname(directory), { recursive: true });
  const part = await mkdtemp(`${directory}.part-`); // mode 0700
  try {
    const keys = await generateKeys(settings.key);
    await writeDurably(join(part, keyFile), await keyPem(keys.privateKey, settings.passphrase));
    await writeDurably(join(part, certFile), pemOf([await selfSign(keys, settings)]));
    await rename(part, directory);
    await syncDirectory(dirname(directory));
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    // Someone else made the CA in the meantime: theirs is the CA.
    if (!(await hasEntries(directory))) throw error;
  }
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

async function loadCa(directory: string, passphrase: Passphrase | undefined): Promise<Ca> {
  const files = {
    source: "made",
    certificateFile: join(directory, certFile),
    keyFile: join(directory, keyFile),
  } as const;
  const chain = readCertificates(await readFile(files.certificateFile, "utf8"));
  const read = await readKeyFile(files.keyFile, passphrase);
  const [certificate] = chain;
  if (certificate === undefined || !isKeyOf(certificate, read.key))
    throw new Error(`${keyFile} is not the key of ${certFile}`);
  // The dates have a remedy of their own.
  const fault = await chainFault(chain, certificate.notBefore.getTime());
  if (fault !== undefined) throw new Error(`${certFile}: ${fault}`);
  if (passphrase === undefined || read.encrypted) return await assembleCa(chain, read, files);
  await encryptKeyFile(files.keyFile, read.key, passphrase);
  return await assembleCa(chain, { ...read, encrypted: true }, files);
}

/** 126 random bits, positive and never zero (RFC 5280 §4.1.2.2). */
export function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString("hex");
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
