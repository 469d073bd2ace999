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

const root = z.object({ subject: text, fingerprint: text, notBeforeMs: atMs, notAfterMs: atMs });

const authority = root.extend({
  /** Made by the server, or the operator's own. */
  source: z.enum(["made", "authority"]),
  key: text,
  /** Its key file is under a passphrase. */
  encrypted: z.boolean(),
});

export const certificatesAnswer = z.object({
  authority,
  /** Newest first. */
  certificates: z.array(certificateShape).readonly(),
});

export const certificateStatusQuery = z.strictObject({
  node: z
    .union([text.min(1).transform((name) => [name]), z.array(text.min(1)).max(1000)])
    .optional(),
  /** What ends in fewer days is a problem. */
  within: z.coerce.number().pipe(z.int().min(0).max(36_500)).default(30),
});

const shownShape = z.object({
  serial: text,
  notBeforeMs: atMs,
  notAfterMs: atMs,
  fingerprint: text,
  /** Alternative names: host names and addresses. */
  names: z.array(text).readonly(),
  /** The CA that signs now, one that nodes trust besides, or none of these. */
  signer: z.enum(["signing", "also-trusted", "other"]),
  /** Why the TLS library would not trust it, in its own word. */
  untrusted: text.optional(),
});

export const certificateStatusAnswer = z.object({
  withinDays: z.number(),
  authority: authority.extend({
    /** How far its replacement has come. */
    stage: z.enum(["one", "begun", "switched"]),
    /** What nodes trust besides it. */
    alsoTrusted: z.array(root).readonly(),
    problems: z.array(text).readonly(),
  }),
  nodes: z
    .array(
      z.object({
        node: text,
        /** The last certificate that was issued for it. */
        issued: root.omit({ subject: true }).extend({ serial: text, issuedAtMs: atMs }).optional(),
        /** What each service shows, or why it shows nothing. */
        services: z
          .array(
            z.object({
              service: text,
              port: z.number(),
              shown: shownShape.optional(),
              silent: text.optional(),
            }),
          )
          .readonly(),
        /** One sentence each; empty when all is well. */
        problems: z.array(text).readonly(),
      }),
    )
    .readonly(),
});

export type CertificateStatusRequest = z.output<typeof certificateStatusQuery>;
export type CertificateStatusView = z.output<typeof certificateStatusAnswer>;
export type CertificatesView = z.output<typeof certificatesAnswer>;
export type CertificateView = z.output<typeof certificateShape>;
