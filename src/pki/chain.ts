// The certificate of a CA and those above it, up to the root. Judges them by RFC 5280 §6.1; asks nobody whether one was revoked.

import "reflect-metadata";
import { createHash, createPublicKey, type KeyObject, webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

const pemBlock = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;
const maxCertificates = 10;

/** The certificates of a PEM file, in its order. Throws when there is none, or too many. */
export function readCertificates(pem: string): x509.X509Certificate[] {
  const blocks = pem.match(pemBlock) ?? [];
  if (blocks.length === 0) throw new Error("holds no certificate in PEM");
  if (blocks.length > maxCertificates)
    throw new Error(`holds ${blocks.length} certificates, and ${maxCertificates} are the most`);
  return blocks.map((block) => new x509.X509Certificate(block));
}

/**
 * Why `chain`, from the signing CA up, can't be used, whenever that is; undefined when it can. Reads like "… is not a CA
 * certificate".
 */
export async function chainFault(
  chain: readonly x509.X509Certificate[],
): Promise<string | undefined> {
  for (const [index, certificate] of chain.entries()) {
    const fault =
      caFault(certificate, index) ?? (await signatureFault(certificate, chain[index + 1]));
    if (fault !== undefined) return `the certificate of "${certificate.subject}" ${fault}`;
  }
  return undefined;
}

/** Which certificate of the chain is not valid at `nowMs`, with its dates; undefined when all are. */
export function outOfDates(
  chain: readonly x509.X509Certificate[],
  nowMs: number,
): string | undefined {
  const outside = chain.find(
    ({ notBefore, notAfter }) => nowMs < notBefore.getTime() || nowMs >= notAfter.getTime(),
  );
  if (outside === undefined) return undefined;
  const { subject, notBefore, notAfter } = outside;
  return `the certificate of "${subject}" is valid from ${notBefore.toISOString()} to ${notAfter.toISOString()}, and this server's clock says ${new Date(nowMs).toISOString()}`;
}

/** `below` is how many CAs stand between it and the nodes. */
function caFault(certificate: x509.X509Certificate, below: number): string | undefined {
  const constraints = certificate.getExtension(x509.BasicConstraintsExtension);
  if (constraints?.ca !== true) return "is not a CA certificate (basicConstraints CA:TRUE)";
  const { pathLength } = constraints;
  if (pathLength !== undefined && pathLength < below)
    return `allows ${pathLength} CAs below it (pathlen), and there are ${below}`;
  const usage = certificate.getExtension(x509.KeyUsagesExtension);
  if (usage !== null && (usage.usages & x509.KeyUsageFlags.keyCertSign) === 0)
    return "may not sign certificates (keyUsage without keyCertSign)";
  return undefined;
}

async function signatureFault(
  certificate: x509.X509Certificate,
  above: x509.X509Certificate | undefined,
): Promise<string | undefined> {
  const issuer = above ?? certificate;
  const signed =
    sameName(certificate.issuerName, issuer.subjectName) &&
    (await certificate.verify({ publicKey: issuer.publicKey, signatureOnly: true }, webcrypto));
  if (signed) return undefined;
  return above === undefined
    ? `is not a root: append the certificate of "${certificate.issuer}", and on up to the root, for many TLS programs trust nothing less`
    : `was not issued by "${above.subject}", which follows it in the file`;
}

function sameName(a: x509.Name, b: x509.Name): boolean {
  return Buffer.from(a.toArrayBuffer()).equals(Buffer.from(b.toArrayBuffer()));
}

/** Whether `key` is the private half of what `certificate` holds. */
export function isKeyOf(certificate: x509.X509Certificate, key: KeyObject): boolean {
  const spki = createPublicKey(key).export({ type: "spki", format: "der" });
  return spki.equals(Buffer.from(certificate.publicKey.rawData));
}

/** SHA-256 of a certificate in DER, hexadecimal. */
export function fingerprintOf(certificate: Pick<x509.X509Certificate, "rawData">): string {
  return sha256(Buffer.from(certificate.rawData));
}

/** Hexadecimal, in lower case. */
export function sha256(octets: Buffer | string): string {
  return createHash("sha256").update(octets).digest("hex");
}

export function pemOf(certificates: readonly x509.X509Certificate[]): string {
  return certificates.map((certificate) => `${certificate.toString("pem").trim()}\n`).join("");
}
