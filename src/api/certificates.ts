// The CA in use, what it issued, and what nodes show, for the API.

import type { LiveInventory } from "../inventory/live.ts";
import type { Node } from "../inventory/schema.ts";
import { readNodes } from "../operations/certificates/live-status.ts";
import {
  endProblem,
  type NodeReading,
  nodeProblems,
  type PortReading,
  type StatusLimits,
} from "../operations/certificates/status.ts";
import type { Clock } from "../operations/runner.ts";
import type { Ca } from "../pki/ca.ts";
import { fingerprintOf } from "../pki/chain.ts";
import type { CertificateStore } from "../pki/issued.ts";
import type {
  CertificateStatusRequest,
  CertificateStatusView,
  CertificatesView,
} from "./certificate-shapes.ts";

export interface CertificateTools {
  readonly inventory: LiveInventory;
  /** The CA in force. */
  readonly ca: () => Ca;
  readonly certificates: CertificateStore;
  readonly clock: Pick<Clock, "now">;
  /** Throws a `Refusal` for a name that no node has. */
  readonly declared: (name: string) => Node;
}

export interface CertificateService {
  /** The CA in use, and what was issued. */
  certificates(): CertificatesView;
  /** Of these nodes, or of all: what they show now, and what is wrong with it. */
  certificateStatus(request: CertificateStatusRequest): Promise<CertificateStatusView>;
}

export function createCertificateService(tools: CertificateTools): CertificateService {
  const { inventory, ca, certificates, clock, declared } = tools;
  return {
    certificates: () => certificatesView(ca(), certificates),
    certificateStatus: async ({ node: names, within: withinDays }) => {
      const nodes = names?.map(declared) ?? inventory().nodes;
      const known = { inventory: inventory(), ca: ca(), issued: certificates.certificates() };
      const readings = await readNodes(known, nodes, new AbortController().signal);
      return statusView(known.ca, readings, { withinDays, nowMs: clock.now() });
    },
  };
}

function certificatesView(ca: Ca, store: CertificateStore): CertificatesView {
  const trusted = [ca.certificate, ...ca.alsoTrusted].map(fingerprintOf);
  const named = new Set<string>();
  const certificates = store.certificates().map(({ caFingerprint, verified, ...record }) => {
    const latest = !named.has(record.node);
    named.add(record.node);
    return {
      ...{ ...record, latest, byAuthority: trusted.includes(caFingerprint) },
      ...(verified !== undefined && { verified }),
    };
  });
  return { authority: authorityView(ca), certificates };
}

function authorityView({ certificate, about }: Ca): CertificatesView["authority"] {
  const { source, key, encrypted } = about;
  return { ...rootView(certificate), source, key, encrypted };
}

function rootView(certificate: Ca["certificate"]) {
  return {
    ...{ subject: certificate.subject, fingerprint: fingerprintOf(certificate) },
    notBeforeMs: certificate.notBefore.getTime(),
    notAfterMs: certificate.notAfter.getTime(),
  };
}

function statusView(
  ca: Ca,
  readings: readonly NodeReading[],
  limits: StatusLimits,
): CertificateStatusView {
  const endMs = Math.min(...ca.chain.map(({ notAfter }) => notAfter.getTime()));
  return {
    withinDays: limits.withinDays,
    authority: {
      ...authorityView(ca),
      ...{ stage: ca.stage, alsoTrusted: ca.alsoTrusted.map(rootView) },
      problems: endProblem("the CA", endMs, limits),
    },
    nodes: readings.map((reading) => ({
      node: reading.node.name,
      ...(reading.issued !== undefined && { issued: reading.issued }),
      services: reading.ports.map(serviceView),
      problems: nodeProblems(reading, ca, limits),
    })),
  };
}

function serviceView({ service, port, answer }: PortReading) {
  if (answer.kind === "silent") return { service, port, silent: answer.why };
  const { certificate, untrusted } = answer;
  const shown = { ...certificate, ...(untrusted !== undefined && { untrusted }) };
  return { service, port, shown };
}
