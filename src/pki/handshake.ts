// Which certificate a service shows: the proof from outside that a node has what was issued for it, key included, for it has to sign with that.

import { createHash } from "node:crypto";
import { connect, type TLSSocket } from "node:tls";
import { messageOf } from "../net/error-text.ts";

export interface PresentedQuery {
  readonly address: string;
  readonly port: number;
  /** Full name that the certificate must carry. */
  readonly servername: string;
  /** What it must chain to, in PEM. */
  readonly ca: string;
  /** SHA-256 of the certificate that was issued, hexadecimal. */
  readonly fingerprint: string;
  readonly timeoutMs: number;
}

export type Presented =
  | { readonly kind: "issued" }
  /** It has another certificate, or one that the CA did not sign. */
  | { readonly kind: "other"; readonly why: string }
  | { readonly kind: "silent"; readonly why: string };

/** Shakes hands and hangs up. Never rejects. */
export function presentedCertificate(
  query: PresentedQuery,
  signal: AbortSignal,
): Promise<Presented> {
  const { address, port, servername, ca, timeoutMs } = query;
  const where = `${address}:${port}`;
  return new Promise((resolve) => {
    // Judged below, so that what is wrong can be said.
    const socket = connect({
      ...{ host: address, port, servername, ca, rejectUnauthorized: false },
      minVersion: "TLSv1.2",
    });
    const end = (presented: Presented) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      socket.destroy();
      resolve(presented);
    };
    const silent = (why: string) => end({ kind: "silent", why: `${where} ${why}` });
    const onAbort = () => silent("was no longer asked");
    const timer = setTimeout(() => silent(`did not answer within ${timeoutMs} ms`), timeoutMs);
    signal.addEventListener("abort", onAbort);
    socket.once("error", (error) => silent(`can't be asked: ${messageOf(error)}`));
    socket.once("close", () => silent("hung up"));
    socket.once("secureConnect", () => end(judge(socket, query, where)));
    if (signal.aborted) onAbort();
  });
}

function judge(socket: TLSSocket, query: PresentedQuery, where: string): Presented {
  const raw = socket.getPeerX509Certificate()?.raw;
  const shown = raw && createHash("sha256").update(raw).digest("hex");
  if (shown !== query.fingerprint)
    return {
      kind: "other",
      why: `${where} shows another certificate (SHA-256 ${shown ?? "none"}) than the one issued (${query.fingerprint})`,
    };
  if (socket.authorized) return { kind: "issued" };
  const why = `${socket.authorizationError ?? "unknown"}`;
  return {
    kind: "other",
    why: `${where} shows the certificate that was issued, and it does not chain to the CA (${why})`,
  };
}
