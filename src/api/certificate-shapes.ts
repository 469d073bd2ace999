// The JSON of certificates. No key is in it, nor where the CA's lies.

import { z } from "zod";

const text = z.string();
const atMs = z.number();

const certificateShape = z.object({
  node: text,
  serial: text,
  operation: text,
  issuedAtMs: atMs,
  notBeforeMs: atMs,
  notAfterMs: atMs,
  /** SHA-256 of the certificate in DER. */
  fingerprint: text,
  /** SHA-256 of the key file as it was put on the node. */
  keySha256: text,
  /** The last that was issued for its node. */
  latest: z.boolean(),
  /** Issued by a CA that nodes trust: the one in use or, while one takes the place of the other, either. */
  byAuthority: z.boolean(),
  /** When and how it was seen on its node: its files were read there, or a service showed it. */
  verified: z.object({ atMs, by: z.enum(["files", "handshake"]) }).optional(),
});

export const certificatesAnswer = z.object({
  authority: z.object({
    subject: text,
    /** Made by the server, or the operator's own. */
    source: z.enum(["made", "authority"]),
    key: text,
    /** Its key file is under a passphrase. */
    encrypted: z.boolean(),
    notBeforeMs: atMs,
    notAfterMs: atMs,
    fingerprint: text,
  }),
  /** Newest first. */
  certificates: z.array(certificateShape).readonly(),
});

export type CertificatesView = z.output<typeof certificatesAnswer>;
export type CertificateView = z.output<typeof certificateShape>;
