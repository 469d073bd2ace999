// Bytes that are the same for all machines: kernels and initrds of the asset sets, and loaders.

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { findSet } from "../boot/assets.ts";
import type { Connections } from "./connections.ts";
import type { BootPlaneDeps } from "./deps.ts";
import type { Downloads } from "./downloads.ts";
import { answerImage } from "./image-answer.ts";
import { createImageSender } from "./image-download.ts";

interface ImageRequest {
  Params: { profile: string; file: string };
  Querystring: { set?: unknown };
}

export function imageRoutes(
  app: FastifyInstance,
  deps: BootPlaneDeps,
  connections: Connections,
  downloads: Downloads,
): void {
  app.route<{ Params: { file: string } }>({
    method: ["GET", "HEAD"],
    url: "/boot/:file",
    handler: async (request, reply) => sendLoader(deps, request, reply),
  });

  const sendImage = createImageSender(deps, connections, downloads);
  app.route<ImageRequest>({
    // HEAD by name: the route that fastify makes for it would send a length of 0.
    method: ["GET", "HEAD"],
    url: "/boot/nixos/:profile/:file",
    handler: async (request, reply) => {
      const image = findImage(deps, request);
      if (image === undefined) return reply.callNotFound();
      return sendImage(request, reply, { ...request.params, image });
    },
  });
}

async function sendLoader(
  { assets, onEvent }: BootPlaneDeps,
  request: FastifyRequest<{ Params: { file: string } }>,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { file } = request.params;
  const loader = await assets.loader(file);
  if (loader === undefined) {
    reply.callNotFound();
    return reply;
  }
  const { data, sha256 } = loader;
  const content = { etag: `"${sha256}"`, sizeBytes: data.length };
  const { status, headers, part } = answerImage(request, content);
  if (request.method === "GET") onEvent({ kind: "loader-served", client: request.ip, file });
  reply.code(status).headers({ ...headers, "content-type": "application/octet-stream" });
  return reply.send(part && data.subarray(part.start, part.end + 1));
}

function findImage(deps: BootPlaneDeps, request: FastifyRequest<ImageRequest>) {
  const { profile, file } = request.params;
  const { set: version } = request.query;
  if (version !== undefined && typeof version !== "string") return undefined;
  // A machine gets the set that its script was made for, also when another one has become active since.
  const set = findSet(deps.assets.current(), profile, version);
  if (set === undefined) return undefined;
  return new Map([
    [set.kernelName as string, set.kernel],
    ["initrd", set.initrd],
  ]).get(file);
}
