// Issues the certificate of a node and records it: there is none that nobody knows of.

import type { Inventory, Node } from "../../inventory/schema.ts";
import type { Ca } from "../../pki/ca.ts";
import { fingerprintOf, sha256 } from "../../pki/chain.ts";
import { issueNodeCertificate } from "../../pki/issue.ts";
import type { CertificateStore, IssuedRecord } from "../../pki/issued.ts";
import { certificateAddresses } from "../certificate-addresses.ts";

export interface IssueTools {
  readonly inventory: Inventory;
  /** The CA in force. */
  readonly ca: () => Ca;
  readonly certificates: CertificateStore;
  readonly now: () => number;
}

interface Wanted {
  readonly node: Node;
  readonly operationId: string;
}

/** What the node is to have. The record is written before any of it can reach a node. */
export async function issueRecorded(
  { inventory, ca, certificates, now }: IssueTools,
  { node, operationId }: Wanted,
): Promise<{ readonly certPem: string; readonly keyPem: string; readonly caCertPem: string }> {
  const { key, certificateDays } = inventory.pki;
  const nowMs = now();
  const authority = ca();
  const issued = await issueNodeCertificate(authority, {
    ...{ name: node.name, fqdn: node.fqdn, addresses: certificateAddresses(node, inventory) },
    ...{ key, days: certificateDays, nowMs },
  });
  const { certPem, keyPem, serial, notBeforeMs, notAfterMs, fingerprint } = issued;
  certificates.issued({
    ...{ serial, notBeforeMs, notAfterMs, fingerprint },
    ...{ node: node.name, operation: operationId, issuedAtMs: nowMs },
    keySha256: sha256(keyPem),
    caFingerprint: fingerprintOf(authority.certificate),
  });
  return { certPem, keyPem, caCertPem: authority.certPem };
}

/** What was issued for the node in the operation; undefined before. */
export function issuedFor(
  certificates: CertificateStore,
  { node, operationId }: Wanted,
): IssuedRecord | undefined {
  return certificates
    .certificates()
    .find((record) => record.operation === operationId && record.node === node.name);
}
