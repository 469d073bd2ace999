// What there is to say of the CA and of what it issued, for `rackstrap check`. Pure.

import type { Ca } from "./ca.ts";
import { readCertificates } from "./chain.ts";
import { fingerprintOf } from "./issue.ts";
import type { IssuedRecord } from "./issued.ts";

export interface PkiFinding {
  readonly title: string;
  readonly level: "ok" | "warning" | "error";
  readonly detail: string;
  /** What to do; with a warning or an error. */
  readonly next?: string;
}

const dayMs = 24 * 60 * 60 * 1000;
/** The runbook's check before a change (§6.4) looks at the dates; this says so in time for a rotation. */
const nodeWarningDays = 30;
const caWarningDays = 180;

/** `records` as the store has them, newest first; `nodes` are those that the inventory declares. */
export function pkiFindings(
  ca: Ca,
  records: readonly IssuedRecord[],
  nodes: readonly string[],
  nowMs: number,
): PkiFinding[] {
  const latest = nodes.flatMap((node) => records.find((record) => record.node === node) ?? []);
  return [
    keyFinding(ca),
    caDates(ca, nowMs),
    ...trustFinding(ca),
    ...latest.map((record) => nodeFinding(record, fingerprintOf(ca.certificate), nowMs)),
  ];
}

function keyFinding({ about }: Ca): PkiFinding {
  const title = "key of the cluster CA";
  const { key, keyFile, encrypted, source } = about;
  if (encrypted) return { title, level: "ok", detail: `${key}, under a passphrase in ${keyFile}` };
  const next =
    source === "made"
      ? "set pki.passphrase, such as { env: CA_PASSPHRASE }, and start again: the key is then encrypted in its place"
      : `encrypt it (openssl pkcs8 -topk8 -scrypt -in ${keyFile}) and set pki.passphrase`;
  return {
    ...{ title, level: "warning", next },
    detail: `${key}, in ${keyFile} without a passphrase: a copy of that file makes certificates of the cluster`,
  };
}

function caDates({ certPem }: Ca, nowMs: number): PkiFinding {
  const ends = readCertificates(certPem).map(({ notAfter }) => notAfter.getTime());
  return dated("certificate of the cluster CA", Math.min(...ends), nowMs, {
    days: caWarningDays,
    next: "replace the CA on every node before it ends",
  });
}

/** Every certificate below the root of a chain is trusted by the nodes, whoever issued it. */
function trustFinding({ certPem }: Ca): PkiFinding[] {
  const root = readCertificates(certPem).at(-1);
  const chained = root !== undefined && readCertificates(certPem).length > 1;
  if (!chained) return [];
  return [
    {
      title: "what nodes trust",
      level: "warning",
      detail: `every certificate below "${root.subject}", by whichever of its CAs it was issued, lets its holder into the cluster`,
      next: "use a root that signs for this cluster alone, unless that is meant",
    },
  ];
}

function nodeFinding(record: IssuedRecord, authority: string, nowMs: number): PkiFinding {
  const title = `certificate of node ${record.node}`;
  const next = `provision the node again, or put a certificate there by hand: rackstrap certs list`;
  if (record.caFingerprint !== authority)
    return { title, level: "error", detail: "was issued by another CA than the one in use", next };
  return dated(title, record.notAfterMs, nowMs, { days: nodeWarningDays, next });
}

function dated(
  title: string,
  endMs: number,
  nowMs: number,
  late: { readonly days: number; readonly next: string },
): PkiFinding {
  const end = new Date(endMs).toISOString();
  const days = Math.floor((endMs - nowMs) / dayMs);
  if (days < 0) return { title, level: "error", detail: `ended ${end}`, next: late.next };
  const detail = `ends ${end}, in ${days} days`;
  if (days < late.days) return { title, level: "warning", detail, next: late.next };
  return { title, level: "ok", detail };
}
