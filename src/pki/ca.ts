// The cluster's certificate authority: makes it once, keeps it on disk, and issues node certificates.
// It doesn't rotate or revoke, and it never repairs or replaces a CA that it can't read.

import { messageOf } from "../net/error-text.ts";
import "reflect-metadata";
import {
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  randomBytes,
  webcrypto,
} from "node:crypto";
import { mkdir, mkdtemp, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as x509 from "@peculiar/x509";

export interface Ca {
  readonly certPem: string;
  readonly certificate: x509.X509Certificate;
  readonly signingKey: webcrypto.CryptoKey;
}

export interface CaSettings {
  /** Subject of a CA that has to be made; one that exists keeps its own. */
  readonly commonName: string;
  readonly nowMs: number;
}

export interface NodeCertificateRequest {
  /** Short host name, for the subject alternative names. */
  readonly name: string;
  /** The common name, and the first alternative name. */
  readonly fqdn: string;
  /** Addresses the node is reached at; 127.0.0.1 is added. */
  readonly addresses: readonly string[];
  readonly nowMs: number;
}

export interface IssuedCertificate {
  readonly certPem: string;
  /** PKCS#8. */
  readonly keyPem: string;
}

const dayMs = 24 * 60 * 60 * 1000;
const caDays = 3650;
const nodeDays = 365;
// A node whose clock is a little behind must not find its certificate not yet valid.
const backdateMs = 60 * 60 * 1000;
// P-256 rather than the RSA-4096 of many guides: every TLS stack in use takes it, and a slow machine makes a key at once.
const keyAlgorithm = { name: "ECDSA", namedCurve: "P-256" };
const signingAlgorithm = { name: "ECDSA", hash: "SHA-256" };
const certFile = "ca-cert.pem";
const keyFile = "ca-key.pem";

/**
 * Loads the CA of `directory`, or makes one there when the directory is absent or empty. A CA that
 * is incomplete, unreadable, mismatched or out of its dates is an Error that says what to do:
 * making a new one would lock every installed node out of the cluster.
 */
export async function loadOrCreateCa(directory: string, settings: CaSettings): Promise<Ca> {
  if (!(await hasEntries(directory))) await createCa(directory, settings);
  const ca = await loadCa(directory).catch((cause: unknown) => {
    const why = messageOf(cause);
    throw new Error(
      `the cluster CA in ${directory} is damaged (${why}): restore ${certFile} and ${keyFile} from the backup; ` +
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

/** Issues a certificate for both ends of TLS: a Raft member is server and client to its peers. */
export async function issueNodeCertificate(
  ca: Ca,
  request: NodeCertificateRequest,
): Promise<IssuedCertificate> {
  const { name, fqdn, nowMs } = request;
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ["sign", "verify"]);
  const dnsNames = [...new Set([fqdn, name, "localhost"])];
  const addresses = [...new Set([...request.addresses, "127.0.0.1"])];
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: serialNumber(),
      subject: [{ CN: [fqdn] }],
      issuer: ca.certificate.subjectName,
      notBefore: new Date(nowMs - backdateMs),
      notAfter: new Date(Math.min(nowMs + nodeDays * dayMs, ca.certificate.notAfter.getTime())),
      publicKey: keys.publicKey,
      signingKey: ca.signingKey,
      signingAlgorithm,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([serverAuth, clientAuth]),
        new x509.SubjectAlternativeNameExtension([
          ...dnsNames.map((value) => ({ type: "dns" as const, value })),
          ...addresses.map((value) => ({ type: "ip" as const, value })),
        ]),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
        await x509.AuthorityKeyIdentifierExtension.create(ca.certificate, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return { certPem: pem(certificate), keyPem: await privateKeyPem(keys.privateKey) };
}

/** Both files appear at once or not at all: they are made in a sibling directory that is then renamed. */
async function createCa(directory: string, settings: CaSettings): Promise<void> {
  await mkdir(dirname(directory), { recursive: true });
  const part = await mkdtemp(`${directory}.part-`); // mode 0700
  try {
    const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ["sign", "verify"]);
    await writeDurably(join(part, keyFile), await privateKeyPem(keys.privateKey));
    await writeDurably(join(part, certFile), pem(await selfSign(keys, settings)));
    await rename(part, directory);
    await syncDirectory(dirname(directory));
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    // Someone else made the CA in the meantime: theirs is the CA.
    if (!(await hasEntries(directory))) throw error;
  }
}

async function selfSign(
  keys: webcrypto.CryptoKeyPair,
  { commonName, nowMs }: CaSettings,
): Promise<x509.X509Certificate> {
  const { keyCertSign, cRLSign } = x509.KeyUsageFlags;
  return await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      name: [{ CN: [commonName] }],
      notBefore: new Date(nowMs - backdateMs),
      notAfter: new Date(nowMs + caDays * dayMs),
      keys,
      signingAlgorithm,
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

async function loadCa(directory: string): Promise<Ca> {
  const certPem = await readFile(join(directory, certFile), "utf8");
  const key = createPrivateKey(await readFile(join(directory, keyFile), "utf8"));
  const certificate = new x509.X509Certificate(certPem);
  if (!matches(certificate, key)) throw new Error(`${keyFile} is not the key of ${certFile}`);
  if (certificate.getExtension(x509.BasicConstraintsExtension)?.ca !== true)
    throw new Error(`${certFile} is not a CA certificate`);
  const pkcs8 = key.export({ type: "pkcs8", format: "der" });
  const signingKey = await webcrypto.subtle.importKey("pkcs8", pkcs8, keyAlgorithm, false, [
    "sign",
  ]);
  return { certPem, certificate, signingKey };
}

function matches(certificate: x509.X509Certificate, key: KeyObject): boolean {
  const spki = createPublicKey(key).export({ type: "spki", format: "der" });
  return spki.equals(Buffer.from(certificate.publicKey.rawData));
}

/** 126 random bits, positive and never zero (RFC 5280 §4.1.2.2). */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString("hex");
}

function pem(certificate: x509.X509Certificate): string {
  return `${certificate.toString("pem").trim()}\n`;
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key));
  return createPrivateKey({ key: der, type: "pkcs8", format: "der" })
    .export({ type: "pkcs8", format: "pem" })
    .toString();
}

async function hasEntries(directory: string): Promise<boolean> {
  try {
    return (await readdir(directory)).length > 0;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}

async function writeDurably(file: string, text: string): Promise<void> {
  const handle = await open(file, "wx", 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
