// Which certificate a port shows to whoever connects, and what is wrong with it. It shakes hands and hangs up.

import { createHash, X509Certificate } from "node:crypto";
import { connect, type TLSSocket } from "node:tls";
import { messageOf } from "../net/error-text.ts";
import type { Shown } from "./probes.ts";

export interface ShownQuery {
  readonly address: string;
  readonly port: number;
  /** Full name that the certificate must carry. */
  readonly servername: string;
  /** What it must chain to, in PEM. */
  readonly ca: string;
  readonly timeoutMs: number;
}

/** Never rejects. */
export function shownCertificate(query: ShownQuery, signal: AbortSignal): Promise<Shown> {
  const { address, port, servername, ca, timeoutMs } = query;
  return new Promise((resolve) => {
    // Judged below, so that what is wrong can be said.
    const socket = connect({
      ...{ host: address, port, servername, ca, rejectUnauthorized: false },
      minVersion: "TLSv1.2",
    });
    const end = (shown: Shown) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      socket.destroy();
      resolve(shown);
    };
    const silent = (why: string) => end({ kind: "silent", why: `${address}:${port} ${why}` });
    const onAbort = () => silent("was no longer asked");
    const timer = setTimeout(() => silent(`did not answer within ${timeoutMs} ms`), timeoutMs);
    signal.addEventListener("abort", onAbort);
    socket.once("error", (error) => silent(`shows none: ${messageOf(error)}`));
    socket.once("close", () => silent("hung up"));
    socket.once("secureConnect", () => {
      const raw = socket.getPeerX509Certificate()?.raw;
      if (raw === undefined) silent("shows no certificate");
      else end(describe(socket, new X509Certificate(raw), servername));
    });
    if (signal.aborted) onAbort();
  });
}

function describe(socket: TLSSocket, certificate: X509Certificate, servername: string): Shown {
  // Its dates are judged by themselves, and a wrong name is no fault of the chain.
  const fault = socket.authorized ? undefined : `${socket.authorizationError ?? "unknown"}`;
  const ownFault = ["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID", "ERR_TLS_CERT_ALTNAME_INVALID"];
  return {
    kind: "shown",
    notBeforeMs: certificate.validFromDate.getTime(),
    notAfterMs: certificate.validToDate.getTime(),
    fingerprint: createHash("sha256").update(certificate.raw).digest("hex"),
    chainFault: fault !== undefined && ownFault.includes(fault) ? undefined : fault,
    // A name in the subject alone is read by no client of today (RFC 9525 §2).
    namesNode: certificate.checkHost(servername, { subject: "never" }) !== undefined,
    names: certificate.subjectAltName ?? "",
  };
}
