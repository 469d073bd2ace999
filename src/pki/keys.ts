// The kinds of key that the cluster's certificates have, and how each signs. Keys are made off the main thread.

import { createPrivateKey, type KeyObject, webcrypto } from "node:crypto";

export type KeyKind = "ec" | "rsa-4096";

interface SigningAlgorithm {
  readonly name: string;
  readonly hash: string;
}

// P-256 rather than the RSA-4096 of many guides: every TLS stack in use takes it, and a slow machine makes a key at once.
const ec = { name: "ECDSA", namedCurve: "P-256" };
const rsa = {
  name: "RSASSA-PKCS1-v1_5",
  modulusLength: 4096,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: "SHA-256",
};

/** A new pair. WebCrypto makes it on another thread: RSA with 4096 bits takes seconds, in which DHCP must go on. */
export async function generateKeys(kind: KeyKind): Promise<webcrypto.CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(kind === "ec" ? ec : rsa, true, ["sign", "verify"]);
}

/** PKCS#8 in PEM. */
export async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key));
  return createPrivateKey({ key: der, type: "pkcs8", format: "der" })
    .export({ type: "pkcs8", format: "pem" })
    .toString();
}

/** Curve by OpenSSL's name, with the hash that is as strong. */
const curves: Readonly<Record<string, readonly [curve: string, hash: string]>> = {
  prime256v1: ["P-256", "SHA-256"],
  secp384r1: ["P-384", "SHA-384"],
  secp521r1: ["P-521", "SHA-512"],
};

/** How `key` signs certificates. Throws when it is of a kind, or of a length, that TLS clients refuse. */
export async function signerOf(key: KeyObject): Promise<{
  readonly signingKey: webcrypto.CryptoKey;
  readonly signingAlgorithm: SigningAlgorithm;
}> {
  const pkcs8 = key.export({ type: "pkcs8", format: "der" });
  const { namedCurve = "", modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  const take = async (algorithm: webcrypto.EcKeyImportParams | SigningAlgorithm) =>
    await webcrypto.subtle.importKey("pkcs8", pkcs8, algorithm, false, ["sign"]);
  if (key.asymmetricKeyType === "rsa" && modulusLength >= 2048) {
    const signingAlgorithm = { name: rsa.name, hash: "SHA-256" };
    return { signingKey: await take(signingAlgorithm), signingAlgorithm };
  }
  const known = key.asymmetricKeyType === "ec" ? curves[namedCurve] : undefined;
  if (known === undefined) throw new Error(`${nameKey(key)} is not supported: ${supported}`);
  const [curve, hash] = known;
  const signingAlgorithm = { name: "ECDSA", hash };
  return { signingKey: await take({ name: "ECDSA", namedCurve: curve }), signingAlgorithm };
}

const supported = "use a key on the curve P-256, P-384 or P-521, or RSA with 2048 bits or more";

/** Such as `RSA 4096` or `EC prime256v1`. */
export function nameKey({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  const { namedCurve, modulusLength } = asymmetricKeyDetails ?? {};
  return [asymmetricKeyType?.toUpperCase() ?? "a key", namedCurve ?? modulusLength]
    .filter((part) => part !== undefined)
    .join(" ");
}
