// A simulated BMC's Redfish service on a port of its own, over HTTPS with a certificate that it made itself. Many of them run in one
// process. What is wrong with one is in its `faults`.

import {
  createServer as createPlainServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { createServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { SimulatedMachine } from "./machine.ts";
import type { Answer } from "./redfish-answer.ts";
import { type Identity, selfSigned } from "./redfish-certificate.ts";
import { meets, noFaults, type RedfishFaults } from "./redfish-faults.ts";
import { type MakerName, makers } from "./redfish-makers.ts";
import { createService } from "./redfish-service.ts";

export interface RedfishServerOptions {
  /** "127.0.0.1" where it is not given. */
  readonly address?: string;
  /** 0, or none: any free one. */
  readonly port?: number;
  readonly maker?: MakerName;
  /** As most BMCs: a handful. */
  readonly maxSessions?: number;
  /** One certificate for many servers, which start sooner so. "none": plain HTTP. */
  readonly identity?: Identity | "none";
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** Called when a request is left without an answer. */
  readonly onSilence?: () => void;
}

export interface RedfishServer {
  readonly address: string;
  readonly port: number;
  /** SHA-256 of its certificate; empty over plain HTTP. */
  readonly fingerprint: string;
  readonly certificate: string;
  readonly faults: RedfishFaults;
  /** How many sessions are open. */
  sessions(): number;
  /** "METHOD path" of every request, in order: of those cut off as well. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

export async function createRedfishServer(
  machine: SimulatedMachine,
  options: RedfishServerOptions = {},
): Promise<RedfishServer> {
  const { address = "127.0.0.1", port = 0, maker = "plain", maxSessions = 8 } = options;
  const { now = Date.now } = options;
  const identity = options.identity ?? (await selfSigned(machine.description.serial));
  const faults = noFaults();
  const service = createService(machine, makers[maker], faults, { maxSessions, now });
  const requests: string[] = [];
  let awayUntilMs = 0;

  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const { method = "", url = "", headers, socket } = request;
    const [path = "", query = ""] = url.split("?");
    const asked = `${method} ${path}`;
    requests.push(asked);
    const body = await bodyOf(request);
    if (meets(faults, "restarts", asked)) {
      service.sessions.forget();
      awayUntilMs = now() + faults.restartMs;
    }
    if (now() < awayUntilMs || meets(faults, "dropBefore", asked)) return void socket.destroy();
    if (meets(faults, "silent", asked)) return void options.onSilence?.();
    const cut = meets(faults, "dropAfter", asked);
    const garbled = meets(faults, "notJson", asked);
    const answer = await service.answer({ method, path, query, headers, body });
    if (faults.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, faults.delayMs));
    if (cut) return void socket.destroy();
    send(response, garbled ? { status: 200, body: "<html>starting</html>" } : answer);
  };
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    handle(request, response).catch(() => request.socket.destroy());
  };
  const server =
    identity === "none" ? createPlainServer(listener) : createServer({ ...identity }, listener);
  server.on("connection", (socket: Socket) => {
    if (now() < awayUntilMs) socket.destroy();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, resolve);
  });
  return {
    address,
    port: (server.address() as AddressInfo).port,
    fingerprint: identity === "none" ? "" : identity.fingerprint,
    certificate: identity === "none" ? "" : identity.cert,
    faults,
    requests,
    sessions: () => service.sessions.ids().length,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const maxBodyBytes = 64 * 1024;

/** What was sent, as JSON; undefined when it is not. */
async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = "";
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > maxBodyBytes) throw new Error("too much");
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function send(response: ServerResponse, { status, headers, body }: Answer): void {
  const text = typeof body === "object" ? JSON.stringify(body) : (body ?? "");
  response.writeHead(status, {
    "odata-version": "4.0",
    ...(text === "" ? {} : { "content-type": "application/json" }),
    "content-length": Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
}
