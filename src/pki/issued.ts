// The record of a certificate that was issued: all that has to be known of it once its key is on the node and nowhere else.

export interface IssuedRecord {
  readonly serial: string;
  readonly node: string;
  /** The operation that it was issued for. */
  readonly operation: string;
  /** Milliseconds since the epoch, as are the next three. */
  readonly issuedAtMs: number;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** SHA-256 of the certificate in DER, hexadecimal. */
  readonly fingerprint: string;
  /** SHA-256 of the key file as it was put on the node, hexadecimal: to find it changed, not to make it. */
  readonly keySha256: string;
  /** SHA-256 of the CA's certificate in DER. */
  readonly caFingerprint: string;
  /** When and how it was seen on the node; undefined until then. `files`: read there; `handshake`: a service showed it. */
  readonly verified?: { readonly atMs: number; readonly by: "files" | "handshake" } | undefined;
}

export interface CertificateStore {
  /** Takes the place of one that was issued for the same node in the same operation and never reached it. */
  issued(record: IssuedRecord): void;
  verified(operation: string, node: string, by: "files" | "handshake", atMs: number): void;
  /** Forgets what was issued for the node in the operation: the node does not have it. */
  withdrawn(operation: string, node: string): void;
  /** Newest first. */
  certificates(): readonly IssuedRecord[];
}
