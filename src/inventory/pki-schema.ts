// What an operator may write about the cluster's certificates.

import { z } from "zod";
import { resolveSecret, type SecretReference, secretReference } from "./secret-schema.ts";
import { filePath, matching } from "./values.ts";

/** RFC 5280 allows 64 characters (ub-common-name). */
const commonName = matching(
  /^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$/,
  "a name of letters, digits, spaces and . _ -, at most 64",
);
const numericOwner = matching(
  /^(0|[1-9]\d{0,9}):(0|[1-9]\d{0,9})$/,
  "a numeric user and group such as 400:400 (the installer knows no names of the installed system)",
);

export const pki = z.strictObject({
  /** Of keys that are made: P-256, or RSA with 4096 bits as in many guides. A CA that exists keeps its own. */
  key: z.enum(["ec", "rsa-4096"]).default("ec"),
  /** Subject of a CA that has to be made. Absent: the cluster's name and "CA". */
  commonName: commonName.optional(),
  /** How long a CA lasts that has to be made. */
  caDays: z.int().min(1).max(36_500).default(3650),
  /** How long the certificate of a node lasts; it never outlives its CA. */
  certificateDays: z.int().min(1).max(3650).default(365),
  /** Encrypts the key of a CA that was made here, and opens that of `authority`. */
  passphrase: secretReference.optional(),
  /** A CA of the operator's own, in PEM; the certificates above it, up to the root, follow it in the same file. */
  authority: z.strictObject({ certificate: filePath, key: filePath }).optional(),
  /** Owner of a node's private key, where the service that reads it does not run as root. */
  keyOwner: numericOwner.default("0:0"),
});

export type PkiSettings = Omit<z.output<typeof pki>, "passphrase"> & {
  readonly passphrase?: SecretReference | undefined;
};

/** The same with absolute paths. */
export function resolvePki(settings: PkiSettings, absolute: (path: string) => string): PkiSettings {
  const { passphrase, authority } = settings;
  return {
    ...settings,
    ...(passphrase !== undefined && { passphrase: resolveSecret(passphrase, absolute) }),
    ...(authority !== undefined && {
      authority: {
        certificate: absolute(authority.certificate),
        key: absolute(authority.key),
      },
    }),
  };
}
