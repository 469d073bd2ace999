// Which certificate a port shows to whoever connects, and what is wrong with it.

import { createHash, X509Certificate } from "node:crypto";
import { type ShownQuery, shownCertificate } from "../pki/handshake.ts";
import type { Shown } from "./probes.ts";

/** Never rejects. */
export async function judgeShown(query: ShownQuery, signal: AbortSignal): Promise<Shown> {
  const shown = await shownCertificate(query, signal);
  if (shown.kind === "silent") return shown;
  const { der, untrusted } = shown;
  if (der !== undefined) return describe(new X509Certificate(der), untrusted, query.servername);
  return { kind: "silent", why: `${query.address}:${query.port} shows no certificate` };
}

// Its dates are judged by themselves, and a wrong name is no fault of the chain.
const ownFaults = ["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID", "ERR_TLS_CERT_ALTNAME_INVALID"];

function describe(
  certificate: X509Certificate,
  untrusted: string | undefined,
  servername: string,
): Shown {
  return {
    kind: "shown",
    notBeforeMs: certificate.validFromDate.getTime(),
    notAfterMs: certificate.validToDate.getTime(),
    fingerprint: createHash("sha256").update(certificate.raw).digest("hex"),
    chainFault: untrusted !== undefined && ownFaults.includes(untrusted) ? undefined : untrusted,
    // A name in the subject alone is read by no client of today (RFC 9525 §2).
    namesNode: certificate.checkHost(servername, { subject: "never" }) !== undefined,
    names: certificate.subjectAltName ?? "",
  };
}
