// One request to one service of a node over HTTPS, under the rules of cluster/client.ts: the node is reached at its address, must prove
// its full name with a certificate of the cluster CA, and no redirect is followed. Here the status and the time are part of the answer.

import type { IncomingMessage } from "node:http";
import { type Agent, request } from "node:https";
import { messageOf } from "../net/error-text.ts";
import type { ServiceAnswer, ServiceRequest } from "./probes.ts";

export interface ServiceTarget {
  readonly address: string;
  readonly servername: string;
  /** The cluster CA in PEM; no other authority is trusted. */
  readonly ca: string;
  /** Keeps connections between requests. */
  readonly agent: Agent;
  readonly timeoutMs: number;
}

const maxBodyBytes = 1024 * 1024;

/** Never rejects for what the network or the service does. */
export async function askService(
  target: ServiceTarget,
  asked: ServiceRequest,
  signal: AbortSignal,
): Promise<ServiceAnswer> {
  const where = `${target.address}:${asked.port}`;
  const failed = (why: string): ServiceAnswer => ({ kind: "failed", why: `${where} ${why}` });
  const timeout = AbortSignal.timeout(target.timeoutMs);
  const beganMs = performance.now();
  try {
    const response = await send(target, asked, AbortSignal.any([signal, timeout]));
    const text = await readText(response);
    if (text === undefined) return failed(`answered more than ${maxBodyBytes} bytes`);
    const tookMs = performance.now() - beganMs;
    return { kind: "answered", status: response.statusCode ?? 0, body: parseJson(text), tookMs };
  } catch (error) {
    if (signal.aborted) return failed("was no longer asked: the request was cancelled");
    if (timeout.aborted) return failed(`did not answer within ${target.timeoutMs} ms`);
    return failed(explain(error, target.servername));
  }
}

function send(
  { address, servername, ca, agent }: ServiceTarget,
  { port, method, path, body, bearer }: ServiceRequest,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const headers = {
    host: `${servername}:${port}`,
    accept: "application/json",
    ...(bearer !== undefined && { authorization: `Bearer ${bearer.reveal()}` }),
    ...(payload !== undefined && {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(payload),
    }),
  };
  return new Promise((resolve, reject) => {
    const outgoing = request({
      ...{ host: address, port, servername, ca, agent, method, path, headers, signal },
      // Named although it is the default: NODE_TLS_REJECT_UNAUTHORIZED=0 would otherwise win.
      ...{ rejectUnauthorized: true, minVersion: "TLSv1.2" },
    });
    // The listener stays for the whole exchange: an abort while the body arrives is reported here too.
    outgoing.on("error", reject);
    outgoing.on("response", resolve);
    outgoing.end(payload);
  });
}

async function readText(response: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    const bytes = chunk as Buffer;
    size += bytes.length;
    if (size > maxBodyBytes) return undefined;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const untrusted = "shows a certificate that the cluster CA did not sign";
const explanations: Readonly<Record<string, string>> = {
  ECONNREFUSED: "refuses the connection: nothing listens there",
  ECONNRESET: "cut the connection",
  EHOSTUNREACH: "can't be reached: no route to the host",
  ENETUNREACH: "can't be reached: no route to the network",
  EPROTO: "does not speak TLS there",
  ERR_SSL_WRONG_VERSION_NUMBER: "does not speak TLS there",
  CERT_HAS_EXPIRED: "shows a certificate that has expired",
  CERT_NOT_YET_VALID: "shows a certificate that is not valid yet: compare the clocks",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  CERT_SIGNATURE_FAILURE: untrusted,
};

function explain(error: unknown, servername: string): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return `shows a certificate for another name than ${servername}`;
  return explanations[code] ?? `failed: ${messageOf(error)}`;
}
