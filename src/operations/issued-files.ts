// What a node is given for one install: issued and recorded before, looked at on the node afterwards.

import { type PlacedFile, placedFiles, writeExtraFiles } from "../install/extra-files.ts";
import type { HostKey } from "../install/host-key.ts";
import type { SshTarget } from "../install/ssh.ts";
import { verifyFiles } from "../install/verify-files.ts";
import type { Node } from "../inventory/schema.ts";
import { presentedCertificate } from "../pki/handshake.ts";
import { type IssueTools, issuedFor, issueRecorded } from "./certificates/issue-recorded.ts";
import { showing } from "./certificates/services.ts";
import type { FilesView } from "./provision.ts";

interface Wanted {
  readonly node: Node;
  readonly operationId: string;
  /** Of the run. */
  readonly directory: string;
}

/** Issues the node's certificate, records it, and writes all that the install carries. Nothing of it is logged. */
export async function issueFiles(
  tools: IssueTools,
  wanted: Wanted & { readonly hostKey: HostKey; readonly clusterConfig: unknown },
): Promise<void> {
  const { node, directory, hostKey, clusterConfig } = wanted;
  const { certPem, keyPem, caCertPem } = await issueRecorded(tools, wanted);
  const { keyOwner } = tools.inventory.pki;
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
      certificates.verified(wanted.operationId, wanted.node.name, "files", now());
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
  const record = issuedFor(certificates, { node, operationId });
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
      certificates.verified(operationId, node.name, "handshake", now());
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
