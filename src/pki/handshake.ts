// Which certificate a service shows: the proof from outside that a node has what was issued for it, key included, for it has to sign with that.

import { connect, type TLSSocket } from "node:tls";
import { messageOf } from "../net/error-text.ts";
import { sha256 } from "./chain.ts";

export interface ShownQuery {
  readonly address: string;
  readonly port: number;
  /** Full name that the certificate must carry. */
  readonly servername: string;
  /** What it must chain to, in PEM. */
  readonly ca: string;
  readonly timeoutMs: number;
}

export interface PresentedQuery extends ShownQuery {
  /** SHA-256 of the certificate that was issued, hexadecimal. */
  readonly fingerprint: string;
}

export type Shown =
  | {
      readonly kind: "shown";
      /** The service's own certificate in DER; undefined when it shows none. */
      readonly der: Buffer | undefined;
      /** Why it is not to be trusted, in the word of the TLS library: no chain to the CA, out of its dates, another name. */
      readonly untrusted: string | undefined;
    }
  | { readonly kind: "silent"; readonly why: string };

export type Presented =
  | { readonly kind: "issued" }
  /** It has another certificate, or one that the CA did not sign. */
  | {
      readonly kind: "other";
      readonly why: string;
      /** SHA-256 of the one that it shows, hexadecimal; absent where it shows none. */
      readonly fingerprint?: string | undefined;
    }
  | { readonly kind: "silent"; readonly why: string };

/** Shakes hands and hangs up. Never rejects. */
export function shownCertificate(query: ShownQuery, signal: AbortSignal): Promise<Shown> {
  const { address, port, servername, ca, timeoutMs } = query;
  const where = `${address}:${port}`;
  return new Promise((resolve) => {
    // Judged by the caller, so that what is wrong can be said.
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
    const silent = (why: string) => end({ kind: "silent", why: `${where} ${why}` });
    const onAbort = () => silent("was no longer asked");
    const timer = setTimeout(() => silent(`did not answer within ${timeoutMs} ms`), timeoutMs);
    signal.addEventListener("abort", onAbort);
    socket.once("error", (error) => silent(`can't be asked: ${messageOf(error)}`));
    socket.once("close", () => silent("hung up"));
    socket.once("secureConnect", () => end(shownBy(socket)));
    if (signal.aborted) onAbort();
  });
}

function shownBy(socket: TLSSocket): Shown {
  const der = socket.getPeerX509Certificate()?.raw;
  const untrusted = socket.authorized ? undefined : `${socket.authorizationError ?? "unknown"}`;
  return { kind: "shown", der, untrusted };
}

/** Whether a service shows the certificate that was issued, chained to the CA. Never rejects. */
export async function presentedCertificate(
  query: PresentedQuery,
  signal: AbortSignal,
): Promise<Presented> {
  const shown = await shownCertificate(query, signal);
  if (shown.kind === "silent") return shown;
  const where = `${query.address}:${query.port}`;
  const found = shown.der && sha256(shown.der);
  const trust =
    shown.untrusted === undefined ? "" : `, and it does not chain to the CA (${shown.untrusted})`;
  if (found !== query.fingerprint)
    return {
      ...{ kind: "other", fingerprint: found },
      why: `${where} shows another certificate (SHA-256 ${found ?? "none"}) than the one issued (${query.fingerprint})${trust}`,
    };
  if (shown.untrusted === undefined) return { kind: "issued" };
  return {
    ...{ kind: "other", fingerprint: found },
    why: `${where} shows the certificate that was issued${trust}`,
  };
}
