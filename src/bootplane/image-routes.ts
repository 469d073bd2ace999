// Bytes that are the same for all machines: kernels and initrds of the asset sets, loaders, and the keys archive.

import type { FastifyInstance, FastifyRequest } from "fastify";
import { findSet } from "../boot/assets.ts";
import { keysArchive } from "../boot/keys-archive.ts";
import type { BootPlaneDeps } from "./deps.ts";
import { createImageSender } from "./image-download.ts";

interface ImageRequest {
  Params: { profile: string; file: string };
  Querystring: { set?: unknown };
}

export function imageRoutes(app: FastifyInstance, deps: BootPlaneDeps): void {
  app.get("/boot/nixos/authorized-keys.cpio.gz", async (_request, reply) =>
    reply
      .header("cache-control", "no-store")
      .type("application/gzip")
      .send(keysArchive(deps.authorizedKeys())),
  );

  app.get<{ Params: { file: string } }>("/boot/:file", async (request, reply) => {
    const loader = deps.assets.current().loaders.get(request.params.file);
    if (loader === undefined) return reply.callNotFound();
    return reply.type("application/octet-stream").send(loader.data);
  });

  const sendImage = createImageSender(deps);
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
