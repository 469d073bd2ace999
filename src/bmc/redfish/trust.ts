// Connections to one BMC that are checked before anything is sent on them. Nothing of HTTP.

import { X509Certificate } from "node:crypto";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { checkServerIdentity, connect as connectTls, type TLSSocket } from "node:tls";
import { messageOf } from "../../net/error-text.ts";

/** How a BMC proves that it is the one that is meant. */
export type Trust =
  /** SHA-256 of its certificate (DER), as hexadecimal digits; colons and case don't matter. Dates and names in it are not looked at. */
  | { readonly fingerprint: string }
  /** Its certificate in PEM: the same as the fingerprint of it. */
  | { readonly certificate: string }
  /** A CA in PEM. The certificate must carry `servername`, or the BMC's address where that is absent. */
  | { readonly ca: string; readonly servername?: string | undefined }
  /** Not at all. `http` sends everything in clear, `unchecked` encrypts to whoever answers. */
  | { readonly insecure: "http" | "unchecked" };

export interface Origin {
  readonly address: string;
  readonly port: number;
  readonly trust: Trust;
}

/** What is wrong with the trust of these settings, for the log at start and for a check of the inventory; undefined when nothing is. */
export function insecurityOf({ address, port, trust }: Origin): string | undefined {
  if (!("insecure" in trust)) return undefined;
  return trust.insecure === "http"
    ? `BMC ${address}:${port}: its password goes over the network in clear (plain HTTP): use HTTPS with a pinned certificate`
    : `BMC ${address}:${port}: whoever answers at its address is given its password (certificate not checked): pin its certificate`;
}

/** The certificate is not the one that the settings ask for. */
class UntrustedError extends Error {}

/** The SHA-256 fingerprint that is pinned, as lower-case digits. Throws an Error that names what is wrong with the setting. */
export function pinnedFingerprint(trust: Trust): string | undefined {
  if ("certificate" in trust) return digits(certificateOf(trust.certificate).fingerprint256);
  if (!("fingerprint" in trust)) return undefined;
  const wanted = digits(trust.fingerprint);
  if (/^[0-9a-f]{64}$/.test(wanted)) return wanted;
  throw new Error(
    `the fingerprint "${trust.fingerprint}" is not 64 hexadecimal digits: take the SHA-256 one, as openssl x509 -noout -fingerprint -sha256 prints it`,
  );
}

function certificateOf(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new Error("the pinned certificate can't be read: give it in PEM", { cause });
  }
}

const digits = (fingerprint: string) => fingerprint.replaceAll(":", "").toLowerCase();

/**
 * Opens a connection and gives it to `done` when the BMC has proved who it is, so nothing can have been sent on it before.
 * Cut when that takes longer than `timeoutMs`.
 */
export function connect(
  { address, port, trust }: Origin,
  timeoutMs: number,
  done: (error: Error | null, socket: Socket) => void,
): void {
  const pinned = pinnedFingerprint(trust);
  const plain = "insecure" in trust && trust.insecure === "http";
  const socket = plain ? connectTcp(port, address) : openTls(address, port, trust);
  const failed = (error: Error) => {
    socket.destroy();
    done(error, socket);
  };
  socket.setTimeout(timeoutMs, () => failed(new Error("no connection in time")));
  socket.once("error", failed);
  socket.once(plain ? "connect" : "secureConnect", () => {
    const shown = pinned === undefined ? undefined : fingerprintOf(socket as TLSSocket);
    if (shown !== pinned) return failed(mismatch(shown));
    socket.setTimeout(0);
    socket.removeAllListeners("timeout");
    socket.removeListener("error", failed);
    done(null, socket);
  });
}

function openTls(address: string, port: number, trust: Trust): TLSSocket {
  const authority = "ca" in trust ? trust : undefined;
  const name = authority?.servername ?? address;
  return connectTls({
    host: address,
    port,
    // A pinned certificate is compared by `connect`; authorities, names and dates say nothing about a self-made one.
    // Named although true is the default: NODE_TLS_REJECT_UNAUTHORIZED=0 would otherwise win.
    rejectUnauthorized: authority !== undefined,
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
    minVersion: "TLSv1.2",
    ...(authority === undefined ? {} : { ca: authority.ca }),
    ...(isIP(name) === 0 ? { servername: name } : {}),
  });
}

function fingerprintOf(socket: TLSSocket): string {
  return digits(socket.getPeerX509Certificate()?.fingerprint256 ?? "");
}

function mismatch(shown: string | undefined): UntrustedError {
  return new UntrustedError(
    `its certificate has the SHA-256 fingerprint ${shown}, which is not the pinned one; if it was replaced on purpose, pin this`,
  );
}

/** Whether a connection failed because of the certificate and not of the network. */
export function isUntrusted(error: unknown): error is Error {
  if (error instanceof UntrustedError) return true;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return (
    /^(?:CERT_|ERR_TLS_CERT|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_SSL_)/.test(code) ||
    /certificate/.test(messageOf(error))
  );
}
