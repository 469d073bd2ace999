// Issues the certificate of a node.

import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";
import type { Ca } from "./ca.ts";
import { backdateMs, serialNumber } from "./ca-files.ts";
import { fingerprintOf, outOfDates } from "./chain.ts";
import { generateKeys, type KeyKind, privateKeyPem } from "./keys.ts";

export interface NodeCertificateRequest {
  /** Short host name, for the subject alternative names. */
  readonly name: string;
  /** The common name where it is not too long for one, and the first alternative name. */
  readonly fqdn: string;
  /** Addresses the node is reached at; 127.0.0.1 is added. */
  readonly addresses: readonly string[];
  readonly key: KeyKind;
  readonly days: number;
  readonly nowMs: number;
}

export interface IssuedCertificate {
  /** The node's own, then the CAs between it and the root. */
  readonly certPem: string;
  /** PKCS#8. */
  readonly keyPem: string;
  /** Hexadecimal, as openssl shows it in lower case. */
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** SHA-256 of the node's own certificate in DER, hexadecimal. */
  readonly fingerprint: string;
}

const dayMs = 24 * 60 * 60 * 1000;

/**
 * A certificate for both ends of TLS (a Raft member is server and client to its peers), by RFC 5280. It never outlives a CA above it.
 * Throws one sentence with the remedy while the CA itself is out of its dates.
 */
export async function issueNodeCertificate(
  ca: Ca,
  request: NodeCertificateRequest,
): Promise<IssuedCertificate> {
  const fault = outOfDates(ca.chain, request.nowMs);
  if (fault !== undefined)
    throw new Error(
      `the cluster CA can't sign: ${fault}: set the clock; if it is right, replace the CA: rackstrap certs rotate --ca --execute`,
    );
  const keys = await generateKeys(request.key);
  const notBefore = new Date(request.nowMs - backdateMs);
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: serialNumber(),
      subject: [{ CN: [commonNameOf(request)] }],
      issuer: ca.certificate.subjectName,
      notBefore,
      notAfter: new Date(Math.min(request.nowMs + request.days * dayMs, endOf(ca))),
      publicKey: keys.publicKey,
      signingKey: ca.signingKey,
      signingAlgorithm: ca.signingAlgorithm,
      extensions: await extensionsOf(ca, request, keys.publicKey),
    },
    webcrypto,
  );
  return {
    certPem: `${certificate.toString("pem").trim()}\n${ca.chainPem}`,
    keyPem: await privateKeyPem(keys.privateKey),
    serial: certificate.serialNumber,
    notBeforeMs: certificate.notBefore.getTime(),
    notAfterMs: certificate.notAfter.getTime(),
    fingerprint: fingerprintOf(certificate),
  };
}

/** RFC 5280 allows 64 characters (ub-common-name); clients look at the alternative names. */
function commonNameOf({ name, fqdn }: NodeCertificateRequest): string {
  return fqdn.length <= 64 ? fqdn : name;
}

/** The names and addresses that the certificate of a node is good for. */
export function subjectNames({
  name,
  fqdn,
  addresses,
}: Pick<NodeCertificateRequest, "name" | "fqdn" | "addresses">) {
  return {
    dns: [...new Set([fqdn, name, "localhost"])],
    ip: [...new Set([...addresses, "127.0.0.1"])],
  };
}

async function extensionsOf(
  ca: Ca,
  { name, fqdn, addresses, key }: NodeCertificateRequest,
  publicKey: webcrypto.CryptoKey,
): Promise<x509.Extension[]> {
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  const { digitalSignature, keyEncipherment } = x509.KeyUsageFlags;
  // TLS 1.2 without forward secrecy sends its secret under the server's RSA key.
  const usage = key === "ec" ? digitalSignature : digitalSignature | keyEncipherment;
  const subject = subjectNames({ name, fqdn, addresses });
  const signer = ca.certificate.getExtension(x509.SubjectKeyIdentifierExtension);
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(usage, true),
    new x509.ExtendedKeyUsageExtension([serverAuth, clientAuth]),
    new x509.SubjectAlternativeNameExtension([
      ...subject.dns.map((value) => ({ type: "dns" as const, value })),
      ...subject.ip.map((value) => ({ type: "ip" as const, value })),
    ]),
    await x509.SubjectKeyIdentifierExtension.create(publicKey, false, webcrypto),
    // As the CA names its own key: an authority of the operator's may count it in another way (RFC 5280 §4.2.1.1).
    signer === null
      ? await x509.AuthorityKeyIdentifierExtension.create(ca.certificate, false, webcrypto)
      : new x509.AuthorityKeyIdentifierExtension(signer.keyId),
  ];
}

/** When the first of the CAs above a node ends. */
function endOf({ chain }: Ca): number {
  return Math.min(...chain.map(({ notAfter }) => notAfter.getTime()));
}
