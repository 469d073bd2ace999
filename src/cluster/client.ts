// One JSON exchange with one cluster member over HTTPS. The member is reached at its address and must
// prove its full name with a certificate of the cluster CA; there is no way to switch that off.
// It follows no redirect and knows nothing of the cluster's paths.

import type { IncomingMessage } from "node:http";
import type { Agent } from "node:https";
import { request } from "node:https";
import { messageOf } from "../net/error-text.ts";

/** What came of a question: its value, or one sentence on why there is none. */
export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      readonly failed: string;
      /** True when nobody was there at all: no connection came about. */
      readonly silent: boolean;
    };

/** Where a member listens, and the name its certificate must carry. */
export interface Target {
  readonly address: string;
  readonly port: number;
  readonly servername: string;
  /** The cluster CA in PEM; no other authority is trusted. */
  readonly ca: string;
  /** Keeps connections between exchanges, and with them their handshakes. */
  readonly agent: Agent;
}

export interface Exchange {
  readonly method: "GET" | "PUT";
  readonly path: string;
  readonly body?: unknown;
}

export interface Limits {
  /** For the whole exchange, from the first packet to the last byte of the answer. */
  readonly timeoutMs: number;
  readonly maxBodyBytes: number;
}

export const defaultLimits: Limits = { timeoutMs: 5000, maxBodyBytes: 256 * 1024 };

export function success<T>(value: T): Answer<T> {
  return { ok: true, value };
}

export function failure<T>(failed: string, silent = false): Answer<T> {
  return { ok: false, failed, silent };
}

/** Sends one request; the value is the parsed JSON body, undefined when it is empty. Never throws for what the network or the member does. */
export async function exchangeJson(
  target: Target,
  exchange: Exchange,
  limits: Limits,
  signal: AbortSignal,
): Promise<Answer<unknown>> {
  const where = `${target.address}:${target.port}`;
  const timeout = AbortSignal.timeout(limits.timeoutMs);
  const contact = { made: false };
  try {
    const response = await send(target, exchange, contact, AbortSignal.any([signal, timeout]));
    const text = await readBody(response, limits.maxBodyBytes);
    if (text === undefined)
      return failure(`${where} answered more than ${limits.maxBodyBytes} bytes`);
    return readAnswer(where, response.statusCode ?? 0, text);
  } catch (error) {
    if (signal.aborted) return failure(`${where} was no longer asked: the request was cancelled`);
    if (timeout.aborted)
      return failure(`${where} did not answer within ${limits.timeoutMs} ms`, !contact.made);
    return failure(`${where} ${explain(error, target.servername)}`, !contact.made);
  }
}

/** Sets `contact.made` when the member's host took the connection, whatever came of it. */
function send(
  target: Target,
  exchange: Exchange,
  contact: { made: boolean },
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const payload = exchange.body === undefined ? undefined : JSON.stringify(exchange.body);
  return new Promise((resolve, reject) => {
    const outgoing = request({
      host: target.address,
      port: target.port,
      servername: target.servername,
      ca: target.ca,
      // Named although it is the default: NODE_TLS_REJECT_UNAUTHORIZED=0 would otherwise win.
      rejectUnauthorized: true,
      minVersion: "TLSv1.2",
      agent: target.agent,
      method: exchange.method,
      path: exchange.path,
      headers: {
        host: `${target.servername}:${target.port}`,
        accept: "application/json",
        ...(payload === undefined
          ? {}
          : {
              "content-type": "application/json",
              "content-length": Buffer.byteLength(payload),
            }),
      },
      signal,
    });
    // The listener stays for the whole exchange: an abort while the body arrives is reported here too.
    outgoing.on("error", reject);
    outgoing.on("response", resolve);
    outgoing.on("socket", (socket) => {
      if (outgoing.reusedSocket) contact.made = true;
      socket.once("connect", () => {
        contact.made = true;
      });
    });
    outgoing.end(payload);
  });
}

/** The body as text, or undefined when it is longer than allowed; the connection is then cut. */
async function readBody(response: IncomingMessage, maxBytes: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    const bytes = chunk as Buffer;
    size += bytes.length;
    if (size > maxBytes) return undefined;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function readAnswer(where: string, status: number, text: string): Answer<unknown> {
  if (status < 200 || status > 299)
    return failure(`${where} answered HTTP ${status}${excerpt(text)}`);
  if (text.trim() === "") return success(undefined);
  try {
    return success(JSON.parse(text) as unknown);
  } catch {
    return failure(`${where} answered something that is not JSON${excerpt(text)}`);
  }
}

/** The first words of a body that a person may want to see, without anything a terminal acts on. */
function excerpt(text: string): string {
  const clean = text.replace(/[^\x20-\x7e]+/g, " ").trim();
  return clean === "" ? "" : `: ${clean.slice(0, 160)}`;
}

const unsigned = "shows a certificate that the cluster CA did not sign";
const explanations: Readonly<Record<string, string>> = {
  ECONNREFUSED: "refuses the connection: nothing listens there",
  ECONNRESET: "cut the connection",
  EHOSTUNREACH: "can't be reached: no route to the host",
  ENETUNREACH: "can't be reached: no route to the network",
  EPROTO: "does not speak TLS there",
  CERT_HAS_EXPIRED: "shows a certificate that has expired",
  CERT_NOT_YET_VALID: "shows a certificate that is not valid yet: compare the clocks",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unsigned,
  UNABLE_TO_GET_ISSUER_CERT: unsigned,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unsigned,
  SELF_SIGNED_CERT_IN_CHAIN: unsigned,
  DEPTH_ZERO_SELF_SIGNED_CERT: unsigned,
  CERT_SIGNATURE_FAILURE: unsigned,
};

function explain(error: unknown, servername: string): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return `shows a certificate for another name than ${servername}`;
  return explanations[code] ?? `failed: ${messageOf(error)}`;
}
