// The open HTTP listener that machines talk to: scripts, images, cluster-config.json and /health, by GET and HEAD alone, and the
// reports of the discovery image.
// It gives what a machine needs to boot and nothing else; the API for people is another listener.

import type { Socket } from "node:net";
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from "fastify";
import { messageOf } from "../net/error-text.ts";
import { createRepeats } from "../net/repeats.ts";
import { type ConnectionLimits, type Connections, createConnections } from "./connections.ts";
import type { BootPlaneDeps } from "./deps.ts";
import { discoveryPaths, discoveryRoutes } from "./discovery-routes.ts";
import { createDownloads } from "./downloads.ts";
import { createFaultLog } from "./fault-log.ts";
import { imageRoutes } from "./image-routes.ts";
import { machineRoutes } from "./machine-routes.ts";
import { logRequest, shownUrl } from "./request-log.ts";
import { scriptRoutes } from "./script-routes.ts";

export interface BootPlaneLimits extends ConnectionLimits {
  /** For a request to arrive in full. */
  readonly requestTimeoutMs: number;
  /** Without a single octet in either direction. Downloads have `slowAfterMs`. */
  readonly idleTimeoutMs: number;
  /** What a client has to take of an image on the average of `slowAfterMs`: a slower one would hold its place for hours. */
  readonly leastBytesPerSecond: number;
  readonly slowAfterMs: number;
}

const defaultLimits: BootPlaneLimits = {
  // A thousand machines, each of which may open its next connection before its last one is over.
  connections: 2048,
  connectionsPerClient: 64,
  requestTimeoutMs: 10_000,
  idleTimeoutMs: 120_000,
  leastBytesPerSecond: 16 * 1024,
  slowAfterMs: 30_000,
};

const plainText = "text/plain; charset=utf-8";
const refusedInventory =
  "its files as they are can't be taken, and what was in force before still is: see rackstrap check --server";
const notFoundText = "not found\n";
const takesBody: ReadonlySet<string | undefined> = new Set(Object.values(discoveryPaths));

export interface BootPlane {
  /** It listens only when it is told to (listen.ts). */
  readonly app: FastifyInstance;
  /** How many it serves at once, and how many may wait to be accepted. */
  readonly connections: number;
  /** Why images can't be sent at the moment; undefined while they can. */
  trouble(): string | undefined;
}

/** Builds the application. */
export function createBootPlane(
  deps: BootPlaneDeps,
  limits: Partial<BootPlaneLimits> = {},
): BootPlane {
  const bounds = { ...defaultLimits, ...limits };
  const app = Fastify({
    logger: false,
    bodyLimit: 1024,
    routerOptions: { maxParamLength: 128 },
    requestTimeout: bounds.requestTimeoutMs,
    connectionTimeout: bounds.idleTimeoutMs,
    keepAliveTimeout: 5_000,
    // More than any firmware needs. Bounds what one connection can ask for at once.
    maxRequestsPerSocket: 128,
    // Closing the service must not wait for a download of minutes; iPXE fetches again.
    forceCloseConnections: true,
    // RFC 9112 §3.2.2: a server takes the absolute form too.
    rewriteUrl: ({ url = "" }) => url.replace(/^https?:\/\/[^/?#]*/i, ""),
    http: {
      headersTimeout: bounds.requestTimeoutMs,
      connectionsCheckingInterval: Math.min(1_000, bounds.requestTimeoutMs),
    },
    // A URL that cannot be decoded is one that does not exist.
    frameworkErrors: (_error, _request, reply) => {
      void notFound(reply as unknown as FastifyReply);
    },
  });
  const tellFault = createFaultLog(deps.logger, deps.now);
  const connections = createConnections(bounds);
  limitConnections(app, connections, deps);
  app.setNotFoundHandler((_request, reply) => notFound(reply));
  app.setErrorHandler((error: FastifyError | Error, request, reply) => {
    const status = "statusCode" in error ? (error.statusCode ?? 500) : 500;
    // A body that is too long or no JSON is its sender's fault.
    if (status < 500) return reply.code(status).type(plainText).send("bad request\n");
    const about = { err: error, url: shownUrl(request.url) };
    tellFault("a boot request failed", messageOf(error), about);
    return reply.code(500).type(plainText).send("internal error\n");
  });
  app.addHook("onRequest", async ({ headers, method, routeOptions }, reply) => {
    if (method === "POST" && takesBody.has(routeOptions.url)) return undefined;
    // Nothing else here takes a body; what would follow on this connection is not read as a request either.
    const { "content-length": length, "transfer-encoding": coding } = headers;
    if (coding === undefined && (length === undefined || length === "0")) return undefined;
    return notFound(reply.header("connection", "close"));
  });
  app.addHook("onResponse", async (request, reply) => {
    logRequest(deps.logger, request, reply.statusCode);
  });
  app.get("/health", async (_request, reply) => {
    const services = deps.services();
    const { dhcp, tftp, http } = services;
    const reason = deps.trouble();
    const healthy =
      reason === undefined && [dhcp, tftp, http].every((status) => status === "running");
    return reply
      .code(healthy ? 200 : 503)
      .header("cache-control", "no-store")
      .send({
        status: healthy ? "healthy" : "degraded",
        services: { dhcp, tftp, http },
        ...(reason !== undefined && { reason }),
        // Machines boot as well as before: this is for people, and says no more than who may read this can know.
        ...(deps.isInventoryRefused() && { inventory: refusedInventory }),
      });
  });
  scriptRoutes(app, { ...deps, tellFault });
  machineRoutes(app, deps);
  discoveryRoutes(app, deps);
  const { leastBytesPerSecond, slowAfterMs } = bounds;
  const patience = { leastBytesPerSecond, windowMs: slowAfterMs };
  const downloads = createDownloads(patience, deps.logger, () => performance.now());
  app.addHook("onClose", () => downloads.close());
  imageRoutes(app, deps, connections, downloads);
  return { app, connections: bounds.connections, trouble: downloads.trouble };
}

function notFound(reply: FastifyReply): FastifyReply {
  return reply.code(404).type(plainText).send(notFoundText);
}

function limitConnections(
  app: FastifyInstance,
  connections: Connections,
  { logger, now }: Pick<BootPlaneDeps, "logger" | "now">,
): void {
  const isRepeat = createRepeats(now);
  app.server.on("connection", (socket: Socket) => {
    const client = socket.remoteAddress ?? "";
    const reason = connections.refusal(client);
    if (reason === undefined) {
      socket.once("close", connections.enter(client));
      return;
    }
    if (!isRepeat(client, 60_000)) logger.warn({ client, reason }, "a connection was refused");
    socket.destroy();
  });
}
