// A certificate as BMCs make one for themselves.

import "reflect-metadata";
import { webcrypto, X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";

export interface Identity {
  readonly cert: string;
  readonly key: string;
  /** SHA-256, as openssl prints it. */
  readonly fingerprint: string;
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const dayMs = 24 * 60 * 60 * 1000;

/** `name` is its common name. It is out of its dates, as those of many BMCs are. */
export async function selfSigned(name: string): Promise<Identity> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: `CN=${name}`,
      keys,
      signingAlgorithm: algorithm,
      notBefore: new Date(Date.now() - 20 * dayMs),
      notAfter: new Date(Date.now() - 10 * dayMs),
    },
    webcrypto,
  );
  const cert = certificate.toString("pem");
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  const key = x509.PemConverter.encode(pkcs8, "PRIVATE KEY");
  return { cert, key, fingerprint: new X509Certificate(cert).fingerprint256 };
}
