// One request to one BMC over HTTP, and its answer as JSON. It follows no redirect, bounds the answer in size and time, and knows
// whether a request that got no answer can have reached the BMC. Nothing of Redfish.

import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { Agent as PlainAgent, request as plainRequest } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";
import { messageOf } from "../../net/error-text.ts";
import type { Clock } from "../clock.ts";
import { startDeadline } from "./deadline.ts";
import { connect, isUntrusted, type Origin } from "./trust.ts";

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** From the root, with a leading slash. The host is always the BMC. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: unknown;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Undefined when there is none, and in a refusal that is not JSON. */
  readonly body: unknown;
}

/** A request that got no usable answer. */
export interface Lost {
  readonly kind: "unreachable" | "timeout" | "protocol";
  readonly said: string;
  /** True: the BMC can't have seen it. */
  readonly unsent: boolean;
}

export interface Http {
  /**
   * Sends it once. `fresh`: on a connection of its own, for what must not be sent again: a kept one may be half closed already.
   * Rejects only when the signal aborts, with its reason.
   */
  send(request: HttpRequest, fresh: boolean, signal: AbortSignal): Promise<HttpResponse | Lost>;
  close(): void;
}

const maxBodyBytes = 4 * 1024 * 1024;
// BMCs make keys slowly: one TLS handshake can take a second of their processor.
const keptMs = 10_000;

export interface Timeouts {
  /** For a connection, TLS included. */
  readonly connectMs: number;
  /** For a request with its answer, connection included. */
  readonly requestMs: number;
}

export function createHttp(origin: Origin, clock: Clock, { connectMs, requestMs }: Timeouts): Http {
  const { trust, address, port } = origin;
  const isPlain = "insecure" in trust && trust.insecure === "http";
  const request = isPlain ? plainRequest : tlsRequest;
  const Agent = isPlain ? PlainAgent : TlsAgent;
  const agent = new Agent({ keepAlive: true, maxSockets: 1, timeout: keptMs });
  const createConnection: typeof agent.createConnection = (_options, done) => {
    connect(origin, connectMs, (error, socket) => done?.(error, socket));
    return undefined;
  };
  agent.createConnection = createConnection;

  const start = ({ method, path, headers, body }: HttpRequest, fresh: boolean) => {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const outgoing = request({
      host: address,
      port,
      path,
      method,
      ...(fresh ? { createConnection } : { agent }),
      headers: {
        accept: "application/json",
        "odata-version": "4.0",
        ...headers,
        ...(payload === undefined
          ? {}
          : { "content-type": "application/json", "content-length": Buffer.byteLength(payload) }),
      },
    });
    outgoing.end(payload);
    return outgoing;
  };

  const send: Http["send"] = async (asked, fresh, signal) => {
    signal.throwIfAborted();
    const limit = startDeadline(clock, requestMs, signal);
    const over = limit.signal;
    const outgoing = start(asked, fresh);
    let connected = false;
    outgoing.once("socket", () => {
      connected = true;
    });
    // Listened to for ever: a connection that comes about after all has nobody else to complain to.
    const failed = new Promise<never>((_resolve, reject) => {
      outgoing.on("error", reject);
      over.addEventListener("abort", () => reject(over.reason as Error), { once: true });
    });
    failed.catch(() => undefined);
    try {
      const answered = new Promise<IncomingMessage>((resolve) => outgoing.on("response", resolve));
      const response = await Promise.race([answered, failed]);
      return await Promise.race([readResponse(response), failed]);
    } catch (error) {
      signal.throwIfAborted();
      const silent = `no answer in ${requestMs / 1000} s`;
      return lost(limit.passed() ? new Error(silent) : error, connected, limit.passed());
    } finally {
      limit.end();
      if (over.aborted) outgoing.destroy();
    }
  };
  return { send, close: () => agent.destroy() };
}

function lost(error: unknown, connected: boolean, late: boolean): Lost {
  const said = messageOf(error);
  if (!connected && isUntrusted(error)) return { kind: "protocol", said, unsent: true };
  if (!connected) return { kind: "unreachable", said, unsent: true };
  return { kind: late ? "timeout" : "unreachable", said, unsent: false };
}

async function readResponse(response: IncomingMessage): Promise<HttpResponse | Lost> {
  const status = response.statusCode ?? 0;
  const { headers } = response;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    const bytes = chunk as Buffer;
    size += bytes.length;
    if (size > maxBodyBytes) return wrong(`it answered more than ${maxBodyBytes} bytes`);
    chunks.push(bytes);
  }
  const text = Buffer.concat(chunks).toString("utf8").trim();
  if (text === "") return { status, headers, body: undefined };
  try {
    return { status, headers, body: JSON.parse(text) as unknown };
  } catch {
    if (status >= 400) return { status, headers, body: undefined };
    return wrong(`what it answered is not JSON (HTTP ${status}, ${size} bytes)`);
  }
}

const wrong = (said: string): Lost => ({ kind: "protocol", said, unsent: false });
