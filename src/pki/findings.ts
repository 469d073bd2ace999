// What there is to say of the CA and of what it issued, for `rackstrap check`. Pure.

import type { Ca } from "./ca.ts";
import { fingerprintOf, outOfDates } from "./chain.ts";
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
    ...rotationFinding(ca),
    ...latest.map((record) => nodeFinding(record, ca, nowMs)),
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

function caDates({ chain, about }: Ca, nowMs: number): PkiFinding {
  const early = chain.some(({ notBefore }) => nowMs < notBefore.getTime());
  const fault = early ? outOfDates(chain, nowMs) : undefined;
  if (fault !== undefined)
    return {
      ...{ title: "certificate of the cluster CA", level: "error", detail: fault },
      next: "set this server's clock; nothing is issued before",
    };
  const ends = chain.map(({ notAfter }) => notAfter.getTime());
  return dated("certificate of the cluster CA", Math.min(...ends), nowMs, {
    days: caWarningDays,
    next:
      about.source === "made"
        ? "replace it on every node before it ends: rackstrap certs rotate --ca --execute"
        : `replace it before it ends: put the next one into ${about.certificateFile}, docs/certificates.md has the order`,
  });
}

/** Every certificate below the root of a chain is trusted by the nodes, whoever issued it. */
function trustFinding({ chain }: Ca): PkiFinding[] {
  const root = chain.at(-1);
  if (root === undefined || chain.length === 1) return [];
  return [
    {
      title: "what nodes trust",
      level: "warning",
      detail: `every certificate below "${root.subject}", by whichever of its CAs it was issued, lets its holder into the cluster`,
      next: "use a root that signs for this cluster alone, unless that is meant",
    },
  ];
}

/** A rotation that stands still leaves a CA trusted that somebody wanted to be rid of. */
function rotationFinding({ stage }: Ca): PkiFinding[] {
  if (stage === "one") return [];
  const signs = stage === "begun" ? "the old one still signs" : "the next one signs";
  return [
    {
      title: "rotation of the cluster CA",
      level: "warning",
      detail: `has begun and is not finished: nodes trust two CAs, and ${signs}`,
      next: "see to its end: rackstrap certs rotate --ca --execute",
    },
  ];
}

function nodeFinding(record: IssuedRecord, ca: Ca, nowMs: number): PkiFinding {
  const title = `certificate of node ${record.node}`;
  const next = `issue it a new one: rackstrap certs rotate ${record.node} --execute`;
  const trusted = [ca.certificate, ...ca.alsoTrusted].map(fingerprintOf);
  if (!trusted.includes(record.caFingerprint))
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
