// A throw-away certificate authority for tests, and a member that shows one of its certificates.

import "reflect-metadata";
import type { RequestListener } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import {
  BasicConstraintsExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

export interface Authority {
  readonly ca: string;
  /** A certificate for `name`; the validity is in milliseconds from now. */
  issue(
    name: string,
    validity?: { from: number; to: number },
  ): Promise<{ cert: string; key: string }>;
}

export async function createAuthority(name: string): Promise<Authority> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const root = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - 86_400_000),
    notAfter: new Date(Date.now() + 86_400_000),
    extensions: [new BasicConstraintsExtension(true, 0, true)],
  });
  let serial = 1;
  return {
    ca: root.toString("pem"),
    issue: async (subject, validity = { from: -3_600_000, to: 3_600_000 }) => {
      const leaf = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
      const certificate = await X509CertificateGenerator.create({
        serialNumber: String(++serial).padStart(2, "0"),
        subject: `CN=${subject}`,
        issuer: root.subject,
        publicKey: leaf.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: algorithm,
        notBefore: new Date(Date.now() + validity.from),
        notAfter: new Date(Date.now() + validity.to),
        extensions: [new SubjectAlternativeNameExtension([{ type: "dns", value: subject }])],
      });
      const key = await crypto.subtle.exportKey("pkcs8", leaf.privateKey);
      return { cert: certificate.toString("pem"), key: PemConverter.encode(key, "PRIVATE KEY") };
    },
  };
}

/** A member on a loopback port that answers with `listener`. */
export async function listen(
  identity: { cert: string; key: string },
  listener: RequestListener,
): Promise<{ server: Server; port: number; close: () => Promise<void> }> {
  const server = createServer(identity, listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { server, port, close };
}
