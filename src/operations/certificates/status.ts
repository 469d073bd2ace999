// Judges the certificates of nodes: what was issued, what is shown, and what a person has to know of it. Pure.

import type { Node } from "../../inventory/schema.ts";
import type { ServiceName } from "../../inventory/services.ts";
import type { Ca } from "../../pki/ca.ts";
import type { IssuedRecord } from "../../pki/issued.ts";
import type { CertificateReading } from "../../pki/reading.ts";

/** What one service answered. */
export interface PortReading {
  readonly service: ServiceName;
  readonly port: number;
  readonly answer:
    | {
        readonly kind: "shown";
        readonly certificate: CertificateReading;
        /** Why the TLS library would not trust it. */
        readonly untrusted: string | undefined;
      }
    | { readonly kind: "silent"; readonly why: string };
}

export interface NodeReading {
  readonly node: Node;
  /** The names and addresses that its certificate has to be good for, by the inventory in force. */
  readonly wanted: readonly string[];
  /** The last that was issued for it; undefined for a node that was never installed from here. */
  readonly issued: IssuedRecord | undefined;
  readonly ports: readonly PortReading[];
}

export interface StatusLimits {
  readonly nowMs: number;
  /** A certificate that has less left is a problem. */
  readonly withinDays: number;
}

const dayMs = 24 * 60 * 60 * 1000;

/** One sentence for each thing that is wrong with the node's certificates; empty when nothing is. */
export function nodeProblems(
  { node, wanted, issued, ports }: NodeReading,
  ca: Pick<Ca, "stage">,
  limits: StatusLimits,
): string[] {
  const answering = ports.flatMap(({ answer }) => (answer.kind === "shown" ? [answer] : []));
  // A machine that was never installed from here and is silent has nothing that could be wrong.
  if (issued === undefined && answering.length === 0) return [];
  return [
    ...(issued === undefined ? ["no certificate was issued for it here"] : []),
    ...(answering.length === 0 && issued !== undefined
      ? endProblem(`the last one issued`, issued.notAfterMs, limits)
      : []),
    ...ports.flatMap(({ service, port, answer }) => {
      const where = `${service} (port ${port})`;
      if (answer.kind === "silent") return [`${where} shows no certificate: ${answer.why}`];
      return shownProblems(where, answer, { node, wanted, issued, ca, limits });
    }),
  ];
}

interface Expected extends Pick<NodeReading, "node" | "wanted" | "issued"> {
  readonly ca: Pick<Ca, "stage">;
  readonly limits: StatusLimits;
}

function shownProblems(
  where: string,
  { certificate, untrusted }: Extract<PortReading["answer"], { kind: "shown" }>,
  { node, wanted, issued, ca, limits }: Expected,
): string[] {
  const { names, fingerprint, notAfterMs, notBeforeMs, signer } = certificate;
  const missing = wanted.filter((name) => !names.includes(name));
  const problems = [
    ...endProblem(`what ${where} shows`, notAfterMs, limits),
    ...(limits.nowMs < notBeforeMs
      ? [`what ${where} shows is not valid before ${new Date(notBeforeMs).toISOString()}`]
      : []),
    ...(missing.length > 0 ? [`what ${where} shows does not name ${missing.join(", ")}`] : []),
    ...(issued !== undefined && issued.fingerprint !== fingerprint
      ? [`${where} shows another certificate than the last one issued for ${node.name}`]
      : []),
    ...(signer === "other" ? [`what ${where} shows was signed by another CA`] : []),
    ...(signer === "also-trusted" && ca.stage === "switched"
      ? [`what ${where} shows was signed by the CA that is being replaced`]
      : []),
  ];
  // The library's word where nothing above says the same: a chain or a name that it alone finds wanting.
  if (problems.length === 0 && untrusted !== undefined)
    return [`what ${where} shows is not trusted (${untrusted})`];
  return problems;
}

/** Whether something ends within the limit, or has ended. */
export function endProblem(
  what: string,
  notAfterMs: number,
  { nowMs, withinDays }: StatusLimits,
): string[] {
  const end = new Date(notAfterMs).toISOString();
  if (notAfterMs <= nowMs) return [`${what} ended ${end}`];
  const leftMs = notAfterMs - nowMs;
  return leftMs < withinDays * dayMs
    ? [`${what} ends ${end}, in ${Math.floor(leftMs / dayMs)} days`]
    : [];
}
