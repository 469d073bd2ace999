// Bytes that are the same for all machines: kernels and initrds of the asset sets, and loaders.

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { AssetChangedError, type AssetFile, openAsset } from "../boot/asset-file.ts";
import type { BootPlaneDeps, BootPlaneEvent } from "./deps.ts";
import { parseRange } from "./range.ts";
import { streamSlices } from "./slices.ts";

interface ImageRequest {
  Params: { profile: string; file: string };
  Querystring: { set?: unknown };
}

export function imageRoutes(app: FastifyInstance, deps: BootPlaneDeps): void {
  app.get<{ Params: { file: string } }>("/boot/:file", async (request, reply) => {
    const { file } = request.params;
    const loader = deps.assets.current().loaders.get(file);
    if (loader === undefined) return reply.callNotFound();
    if (request.method === "GET") deps.onEvent({ kind: "loader-served", client: request.ip, file });
    return reply.type("application/octet-stream").send(loader.data);
  });

  app.route<ImageRequest>({
    // HEAD by name: the route that fastify makes for it would send a length of 0.
    method: ["GET", "HEAD"],
    url: "/boot/nixos/:profile/:file",
    handler: async (request, reply) => {
      const image = findImage(deps, request);
      return image === undefined ? reply.callNotFound() : sendImage(deps, request, reply, image);
    },
  });
}

function findImage(deps: BootPlaneDeps, request: FastifyRequest<ImageRequest>) {
  const { profile, file } = request.params;
  const set = deps.assets.current().sets.get(profile);
  const { set: version } = request.query;
  // A script made for another set must not be completed with this one.
  if (set === undefined || (version !== undefined && version !== set.version)) return undefined;
  return new Map([
    [set.kernelName as string, set.kernel],
    ["initrd", set.initrd],
  ]).get(file);
}

async function sendImage(
  deps: BootPlaneDeps,
  request: FastifyRequest<ImageRequest>,
  reply: FastifyReply,
  image: AssetFile,
): Promise<FastifyReply> {
  const etag = `"${image.identity}"`;
  reply.header("accept-ranges", "bytes").header("etag", etag).type("application/octet-stream");
  if (request.headers["if-none-match"] === etag) return reply.code(304).send();
  const { range, "if-range": ifRange } = request.headers;
  const part = parseRange(
    ifRange === undefined || ifRange === etag ? range : undefined,
    image.sizeBytes,
  );
  if (part === "unsatisfiable")
    return reply.code(416).header("content-range", `bytes */${image.sizeBytes}`).send();
  const slice = part === "whole" ? { start: 0, end: image.sizeBytes - 1 } : part;
  const length = slice.end + 1 - slice.start;
  reply.header("content-length", length);
  if (part !== "whole")
    reply.code(206).header("content-range", `bytes ${slice.start}-${slice.end}/${image.sizeBytes}`);
  if (request.method === "HEAD") return reply.send();

  const handle = await openAsset(image).catch((error: unknown) => {
    if (error instanceof AssetChangedError) return undefined;
    throw error;
  });
  if (handle === undefined) {
    deps.logger.error({ path: image.path }, "an image changed on disk: reading the assets again");
    await deps.assets.reload();
    return reply.removeHeader("content-length").removeHeader("content-range").code(503).send();
  }
  reportEnd(deps, request, reply, length);
  return reply.send(streamSlices(handle, image, slice));
}

function reportEnd(
  deps: BootPlaneDeps,
  request: FastifyRequest<ImageRequest>,
  reply: FastifyReply,
  length: number,
): void {
  const { profile, file } = request.params;
  const { socket } = request.raw;
  const startedMs = deps.now();
  const writtenBefore = socket.bytesWritten;
  reply.raw.once("close", () => {
    const complete = reply.raw.writableFinished;
    const bytes = complete ? length : Math.min(length, socket.bytesWritten - writtenBefore);
    const event: BootPlaneEvent = {
      kind: "image-served",
      client: request.ip,
      profile,
      file,
      bytes,
      milliseconds: Math.max(0, deps.now() - startedMs),
      outcome: complete ? "complete" : "cut",
    };
    deps.onEvent(event);
  });
}
