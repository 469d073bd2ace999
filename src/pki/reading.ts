// What the certificate of a node says of itself, and which CA signed it.

import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";
import type { Ca } from "./ca.ts";
import { fingerprintOf } from "./chain.ts";

export interface CertificateReading {
  /** SHA-256 in DER, hexadecimal. */
  readonly fingerprint: string;
  readonly serial: string;
  /** Milliseconds since the epoch. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Alternative names: host names and addresses. */
  readonly names: readonly string[];
  /** Which CA signed it: the one that signs now, one that is trusted besides, or none of them. */
  readonly signer: "signing" | "also-trusted" | "other";
}

/** Throws when `der` is no certificate. */
export async function readCertificate(
  der: Buffer,
  ca: Pick<Ca, "certificate" | "alsoTrusted">,
): Promise<CertificateReading> {
  const certificate = new x509.X509Certificate(new Uint8Array(der));
  const names = certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.items ?? [];
  return {
    fingerprint: fingerprintOf(certificate),
    serial: certificate.serialNumber,
    notBeforeMs: certificate.notBefore.getTime(),
    notAfterMs: certificate.notAfter.getTime(),
    names: names.map(({ value }) => value),
    signer: await signerAmong(certificate, ca),
  };
}

async function signerAmong(
  certificate: x509.X509Certificate,
  { certificate: signing, alsoTrusted }: Pick<Ca, "certificate" | "alsoTrusted">,
): Promise<CertificateReading["signer"]> {
  const signedBy = async ({ publicKey }: x509.X509Certificate) =>
    await certificate.verify({ publicKey, signatureOnly: true }, webcrypto).catch(() => false);
  if (await signedBy(signing)) return "signing";
  for (const other of alsoTrusted) if (await signedBy(other)) return "also-trusted";
  return "other";
}
