// A private key under a passphrase, in the form that openssl and Node read: PKCS#8 with PBES2 (RFC 8018), scrypt (RFC 7914)
// and AES-256-CBC. Written here because Node's own export derives the key with 2048 rounds of PBKDF2, which a graphics card tries millions of
// times in a second.
//
//   EncryptedPrivateKeyInfo ::= SEQUENCE {
//     SEQUENCE { OID PBES2, SEQUENCE {
//       SEQUENCE { OID scrypt, SEQUENCE { OCTET STRING salt, INTEGER N, INTEGER r, INTEGER p } },
//       SEQUENCE { OID aes-256-cbc, OCTET STRING iv } } },
//     OCTET STRING encrypted PrivateKeyInfo }

import { createCipheriv, createPrivateKey, type KeyObject, randomBytes, scrypt } from "node:crypto";
import { promisify } from "node:util";
import type { Secret } from "../net/secret.ts";

/**
 * 16 MiB of memory, five times: among the settings that OWASP's password storage sheet holds for equal, the one that fits into the 32 MiB that
 * OpenSSL allows itself. 0.2 s on the build machine.
 */
const cost = { N: 16_384, r: 8, p: 5 };
const saltBytes = 16;
const ivBytes = 16;
const keyBytes = 32;

const oids = {
  pbes2: "2a864886f70d01050d",
  scrypt: "2b06010401da47040b",
  aes256cbc: "60864801650304012a",
};

const deriveKey = promisify<string, Buffer, number, object, Buffer>(scrypt);

/** PEM of `key` under `passphrase`. */
export async function encryptKey(key: KeyObject, passphrase: Secret): Promise<string> {
  const salt = randomBytes(saltBytes);
  const iv = randomBytes(ivBytes);
  const derived = await deriveKey(passphrase.reveal(), salt, keyBytes, {
    ...cost,
    maxmem: 64 * 1024 * 1024,
  });
  const cipher = createCipheriv("aes-256-cbc", derived, iv);
  const plain = key.export({ type: "pkcs8", format: "der" });
  const encrypted = Buffer.concat([cipher.update(plain), cipher.final()]);
  const kdf = sequence(
    oid(oids.scrypt),
    sequence(octets(salt), integer(cost.N), integer(cost.r), integer(cost.p)),
  );
  const scheme = sequence(oid(oids.aes256cbc), octets(iv));
  const der = sequence(sequence(oid(oids.pbes2), sequence(kdf, scheme)), octets(encrypted));
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  const label = "ENCRYPTED PRIVATE KEY";
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/** Whether a PEM file is under a passphrase, in this form or in OpenSSL's old one. */
export function isEncrypted(pem: string): boolean {
  return /^-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(pem);
}

/** The key in a PEM file. Throws OpenSSL's error when the passphrase is another one, or the file damaged. */
export function openKey(pem: string, passphrase: Secret): KeyObject {
  return createPrivateKey({ key: pem, passphrase: passphrase.reveal() });
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const digits = Buffer.from(length.toString(16).padStart(length > 0xff ? 4 : 2, "0"), "hex");
  return Buffer.concat([Buffer.from([tag, 0x80 | digits.length]), digits, content]);
}

const sequence = (...parts: Buffer[]) => der(0x30, Buffer.concat(parts));
const octets = (content: Buffer) => der(0x04, content);
const oid = (hex: string) => der(0x06, Buffer.from(hex, "hex"));

/** Of 0 to 32767, which is all that is needed here: no sign octet. */
function integer(value: number): Buffer {
  const hex = value.toString(16);
  return der(0x02, Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex"));
}
