// What a node is given for one install: issued and recorded before, looked at on the node afterwards.

import { type PlacedFile, placedFiles, writeExtraFiles } from "../install/extra-files.ts";
import type { HostKey } from "../install/host-key.ts";
import type { SshTarget } from "../install/ssh.ts";
import { verifyFiles } from "../install/verify-files.ts";
import type { Inventory, Node } from "../inventory/schema.ts";
import type { Ca } from "../pki/ca.ts";
import { fingerprintOf, sha256 } from "../pki/chain.ts";
import { presentedCertificate } from "../pki/handshake.ts";
import { issueNodeCertificate } from "../pki/issue.ts";
import type { CertificateStore } from "../pki/issued.ts";
import { certificateAddresses } from "./certificate-addresses.ts";
import { showing } from "./certificates/services.ts";
import type { FilesView } from "./provision.ts";

interface IssueTools {
  readonly inventory: Inventory;
  readonly ca: () => Ca;
  readonly certificates: CertificateStore;
  readonly now: () => number;
}

interface Wanted {
  readonly node: Node;
  readonly operationId: string;
  /** Of the run. */
  readonly directory: string;
}

/** Issues the node's certificate, records it, and writes all that the install carries. Nothing of it is logged. */
export async function issueFiles(
  { inventory, ca, certificates, now }: IssueTools,
  wanted: Wanted & { readonly hostKey: HostKey; readonly clusterConfig: unknown },
): Promise<void> {
  const { node, operationId, directory, hostKey, clusterConfig } = wanted;
  const { key, certificateDays, keyOwner } = inventory.pki;
  const nowMs = now();
  const authority = ca();
  const issued = await issueNodeCertificate(authority, {
    ...{ name: node.name, fqdn: node.fqdn, addresses: certificateAddresses(node, inventory) },
    ...{ key, days: certificateDays, nowMs },
  });
  const { certPem, keyPem, serial, notBeforeMs, notAfterMs, fingerprint } = issued;
  // Before any of it can reach a node: there is none that nobody knows of.
  certificates.issued({
    ...{ serial, notBeforeMs, notAfterMs, fingerprint },
    ...{ node: node.name, operation: operationId, issuedAtMs: nowMs },
    keySha256: sha256(keyPem),
    caFingerprint: fingerprintOf(authority.certificate),
  });
  const caCertPem = authority.certPem;
  await writeExtraFiles(directory, {
    ...{ node: node.name, clusterConfig, caCertPem, certPem, keyPem, keyOwner, hostKey },
  });
}

/** Looks on the node; where it lets nobody in, at the certificate that it shows. */
export async function lookAtFiles(
  tools: IssueTools,
  wanted: Wanted & { readonly target: SshTarget },
  signal: AbortSignal,
): Promise<FilesView> {
  const { certificates, now } = tools;
  const placed = await placedFiles(wanted.directory);
  if (placed === undefined)
    return wrong("the list of the files that the node was given is gone from the run's directory");
  const sighting = await verifyFiles(wanted.target, placed, signal);
  switch (sighting.kind) {
    case "verified":
      certificates.verified(wanted.operationId, "files", now());
      return { kind: "verified", paths: filePaths(placed) };
    case "wrong":
      return sighting;
    case "not-reachable":
      return { kind: "absent", why: sighting.why };
    case "no-access":
      return await lookFromOutside(tools, wanted, sighting.why, signal);
  }
}

function filePaths(placed: readonly PlacedFile[]): string[] {
  return placed.filter(({ sha256 }) => sha256 !== undefined).map(({ path }) => path);
}

async function lookFromOutside(
  { inventory, ca, certificates, now }: IssueTools,
  { node, operationId }: Wanted,
  refused: string,
  signal: AbortSignal,
): Promise<FilesView> {
  const record = certificates.certificates().find((each) => each.operation === operationId);
  if (record === undefined) return wrong("no certificate was recorded for this operation");
  const service = showing(node)[0] ?? "chainfire";
  const { port } = inventory.services[service];
  const address = node.productionAddress;
  const presented = await presentedCertificate(
    {
      ...{ address, port, servername: node.fqdn, ca: ca().certPem, timeoutMs: 10_000 },
      fingerprint: record.fingerprint,
    },
    signal,
  );
  const why = `the node does not accept the provisioning key (${refused})`;
  switch (presented.kind) {
    case "issued":
      certificates.verified(operationId, "handshake", now());
      return { kind: "presented", at: `${address}:${port}`, why };
    case "other":
      return wrong(presented.why);
    case "silent":
      return { kind: "absent", why: `${why}, and ${presented.why}` };
  }
}

function wrong(problem: string): FilesView {
  return { kind: "wrong", problems: [problem] };
}
