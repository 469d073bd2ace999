// One exchange with one cluster member over HTTPS: JSON, or a stream of octets. The member is reached at its
// address and must prove its full name with a certificate of the cluster CA; there is no way to switch that off.
// It follows no redirect and knows nothing of the cluster's paths.

import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Agent } from "node:https";
import { request } from "node:https";
import { connect } from "node:net";
import { explain, isAboutTrust } from "./connection-error.ts";

/** What came of a question: its value, or one sentence on why there is none. */
export type Answer<T> = { readonly ok: true; readonly value: T } | Failure;

export interface Failure {
  readonly ok: false;
  readonly failed: string;
  /** True when nobody was there at all: no connection came about. */
  readonly silent: boolean;
  /** True when the same question may be answered a moment from now, by this member or another. */
  readonly passing?: boolean;
  /** What the member answered instead, where it did answer. */
  readonly refusal?: Refusal;
}

export interface Refusal {
  /** The HTTP status. */
  readonly status: number;
  readonly text: string;
}

/** Where a member listens, and the name its certificate must carry. */
export interface Target {
  readonly address: string;
  readonly port: number;
  readonly servername: string;
  /** The cluster CA in PEM; no other authority is trusted. */
  readonly ca: string;
  /** Keeps connections between exchanges, and with them their handshakes. */
  readonly agent: Agent;
  /** Shown to members that ask who calls. */
  readonly identity?: Identity | undefined;
}

/** A certificate of the cluster CA and its key, in PEM. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

export interface Exchange {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  /** Beside those of every exchange. */
  readonly headers?: Readonly<Record<string, string>>;
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

export function failure(
  failed: string,
  about: Partial<Pick<Failure, "silent" | "passing" | "refusal">> = {},
): Failure {
  return { ok: false, failed, silent: false, ...about };
}

/** Sends one request; the value is the parsed JSON body, undefined when it is empty. Never throws for what the network or the member does. */
export async function exchangeJson(
  target: Target,
  exchange: Exchange,
  limits: Limits,
  signal: AbortSignal,
): Promise<Answer<unknown>> {
  const timeout = AbortSignal.timeout(limits.timeoutMs);
  return await converse(target, exchange, { signal, timeout, ...limits }, async (response) => {
    const text = await readBody(response, limits.maxBodyBytes);
    return readAnswer(`${target.address}:${target.port}`, response.statusCode ?? 0, text, limits);
  });
}

/** What a stream may take. */
export interface StreamLimits {
  /** Without a single octet. */
  readonly idleMs: number;
  readonly maxBytes: number;
}

/** A body that is read as it arrives. Its iterator throws when the connection ends early or a limit is passed. */
export interface BodyStream {
  readonly headers: IncomingHttpHeaders;
  readonly chunks: AsyncIterable<Buffer>;
}

/**
 * Sends one request and gives the body of its answer to `read` as it arrives; what is left of it when `read` has ended is not waited
 * for. Errors of `read` become a failed answer, as those of the network do.
 */
export async function exchangeStream<T>(
  target: Target,
  exchange: Exchange,
  limits: StreamLimits,
  read: (body: BodyStream) => Promise<Answer<T>>,
  signal: AbortSignal,
): Promise<Answer<T>> {
  const idle = new AbortController();
  const timer = setTimeout(() => idle.abort(), limits.idleMs);
  const bounds = { signal, timeout: idle.signal, timeoutMs: limits.idleMs };
  try {
    return await converse(target, exchange, bounds, async (response) => {
      const status = response.statusCode ?? 0;
      if (status < 200 || status > 299) {
        const text = await readBody(response, defaultLimits.maxBodyBytes);
        return refused(`${target.address}:${target.port}`, status, text ?? "");
      }
      const chunks = bounded(response, limits.maxBytes, () => timer.refresh());
      const answer = await read({ headers: response.headers, chunks });
      response.destroy();
      return answer;
    });
  } finally {
    clearTimeout(timer);
  }
}

async function* bounded(
  response: IncomingMessage,
  maxBytes: number,
  onChunk: () => void,
): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of response) {
    const bytes = chunk as Buffer;
    size += bytes.length;
    if (size > maxBytes) throw new Error(`it sends more than ${maxBytes} bytes`);
    onChunk();
    yield bytes;
  }
}

interface Bounds {
  readonly signal: AbortSignal;
  readonly timeout: AbortSignal;
  readonly timeoutMs: number;
}

async function converse<T>(
  target: Target,
  exchange: Exchange,
  { signal, timeout, timeoutMs }: Bounds,
  read: (response: IncomingMessage) => Promise<Answer<T>>,
): Promise<Answer<T>> {
  const where = `${target.address}:${target.port}`;
  const contact = { made: false, kept: false };
  try {
    return await read(await send(target, exchange, contact, AbortSignal.any([signal, timeout])));
  } catch (error) {
    if (signal.aborted) return failure(`${where} was no longer asked: the request was cancelled`);
    // The other end of a kept connection may have lost its power since.
    const isThere = contact.made && (!contact.kept || (await takesConnections(target)));
    const about = { silent: !isThere, passing: true };
    if (timeout.aborted) return failure(`${where} did not answer within ${timeoutMs} ms`, about);
    return failure(`${where} ${explain(error, target.servername)}`, {
      ...about,
      passing: !isAboutTrust(error),
    });
  }
}

const connectMs = 5000;

/** Whether the member's host takes a new connection. */
function takesConnections({ address, port }: Target): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: connectMs });
    const end = (isTaken: boolean) => () => {
      socket.destroy();
      resolve(isTaken);
    };
    socket.once("connect", end(true)).once("error", end(false)).once("timeout", end(false));
  });
}

/** Sets `contact.made` when the member's host took the connection, whatever came of it; `contact.kept` when that was for an earlier request. */
function send(
  target: Target,
  exchange: Exchange,
  contact: { made: boolean; kept: boolean },
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const payload = exchange.body === undefined ? undefined : JSON.stringify(exchange.body);
  return new Promise((resolve, reject) => {
    const outgoing = request({
      host: target.address,
      port: target.port,
      servername: target.servername,
      ca: target.ca,
      ...target.identity,
      // Named although it is the default: NODE_TLS_REJECT_UNAUTHORIZED=0 would otherwise win.
      rejectUnauthorized: true,
      minVersion: "TLSv1.2",
      agent: target.agent,
      method: exchange.method,
      path: exchange.path,
      headers: {
        host: `${target.servername}:${target.port}`,
        accept: "application/json",
        ...exchange.headers,
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
      // One that is used again is connected, and would keep a listener for every request.
      if (!socket.connecting) Object.assign(contact, { made: true, kept: true });
      else
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

function readAnswer(
  where: string,
  status: number,
  text: string | undefined,
  { maxBodyBytes }: Limits,
): Answer<unknown> {
  if (text === undefined) return failure(`${where} answered more than ${maxBodyBytes} bytes`);
  if (status < 200 || status > 299) return refused(where, status, text);
  if (text.trim() === "") return success(undefined);
  try {
    return success(JSON.parse(text) as unknown);
  } catch {
    return failure(`${where} answered something that is not JSON${excerpt(text)}`);
  }
}

// Too many requests, a gateway's errors, and what a member without a leader answers.
const passingStatuses: readonly number[] = [408, 429, 502, 503, 504];

function refused(where: string, status: number, text: string): Failure {
  return failure(`${where} answered HTTP ${status}${excerpt(text)}`, {
    refusal: { status, text },
    ...(passingStatuses.includes(status) ? { passing: true } : {}),
  });
}

/** The first words of a body that a person may want to see, without anything a terminal acts on. */
function excerpt(text: string): string {
  const clean = text.replace(/[^\x20-\x7e]+/g, " ").trim();
  return clean === "" ? "" : `: ${clean.slice(0, 160)}`;
}
