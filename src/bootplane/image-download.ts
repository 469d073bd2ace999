// Answers a client's request for an image, and reports how the download ended.

import type { OutgoingHttpHeaders } from "node:http";
import type { Socket } from "node:net";
import type { FastifyReply, FastifyRequest } from "fastify";
import { type AssetFile, openAsset } from "../boot/asset-file.ts";
import type { ImageCache } from "../boot/image-cache.ts";
import { createImageRefusal, type NamedImage } from "../boot/image-refusal.ts";
import { loadLibc } from "../net/libc.ts";
import { createRepeats } from "../net/repeats.ts";
import type { Connections } from "./connections.ts";
import type { BootPlaneDeps } from "./deps.ts";
import type { DownloadOrder, ImageSource } from "./download-loop.ts";
import type { Downloads } from "./downloads.ts";
import { answerImage } from "./image-answer.ts";
import { logRequest } from "./request-log.ts";

export type SendImage = (
  request: FastifyRequest,
  reply: FastifyReply,
  named: NamedImage,
) => Promise<FastifyReply>;

const minuteMs = 60_000;

/** Sends one image on a connection, and then closes it. */
export function createImageSender(
  deps: BootPlaneDeps,
  connections: Connections,
  downloads: Downloads,
): SendImage {
  const isRepeat = createRepeats(deps.now);
  const isRefused = createImageRefusal({
    ...deps,
    onRefused: (refusal) => deps.onEvent({ kind: "image-refused", ...refusal }),
  });
  const downloading = new WeakSet<Socket>();

  const send = async (
    request: FastifyRequest,
    reply: FastifyReply,
    named: NamedImage,
    order: Omit<DownloadOrder, "connection">,
  ) => {
    const startedMs = deps.now();
    // Node soon takes the connection for closed.
    const leave = connections.enter(request.ip);
    reply.hijack();
    const headers = { ...reply.getHeaders(), connection: "close" } as OutgoingHttpHeaders;
    reply.raw.writeHead(reply.statusCode, headers);
    // Node is not told of the end of this response, and so nobody else would.
    logRequest(deps.logger, request, reply.statusCode);
    const end = await downloads.run(reply.raw, request.raw.socket, order, leave);
    const milliseconds = Math.max(0, deps.now() - startedMs);
    const { profile, file, image } = named;
    const { outcome, bytes, trouble } = end;
    if (trouble !== undefined && !isRepeat(`${image.path} ${trouble}`, minuteMs))
      deps.logger.error({ path: image.path, trouble }, "a download was cut");
    const about = { client: request.ip, profile, file, bytes, milliseconds, outcome };
    deps.onEvent({ kind: "image-served", ...about });
  };

  return async (request, reply, named) => {
    const { image } = named;
    const { socket } = request.raw;
    const etag = `"${image.sha256}"`;
    const { status, headers, part } = answerImage(request, { etag, sizeBytes: image.sizeBytes });
    reply.code(status).headers({ ...headers, "content-type": "application/octet-stream" });
    if (part === undefined) return reply.send();
    if (downloads.trouble() !== undefined) return unavailable(reply).send();
    // Nothing that follows on this connection is answered, as the head of the first download says.
    if (downloading.has(socket)) {
      if (!isRepeat(request.ip, minuteMs))
        deps.logger.warn({ client: request.ip }, "two downloads on one connection: one is refused");
      return unavailable(reply).header("connection", "close").send();
    }
    downloading.add(socket);
    try {
      const { source, release } = await openImage(deps.images, image);
      const { ip: client } = request;
      const [start, end, rate] = [part.start, part.end + 1, deps.downloadRate(client)];
      const order = { source, start, end, client, rate };
      await send(request, reply, named, order).finally(release);
      return reply;
    } catch (error) {
      downloading.delete(socket);
      if (await isRefused(request.ip, named, error)) return unavailable(reply).send();
      throw error;
    }
  };
}

interface OpenImage {
  readonly source: ImageSource;
  readonly release: () => unknown;
}

/** The image in memory, or its file when the memory has no room. Rejects as ImageCache.hold and openAsset do. */
async function openImage(images: ImageCache, image: AssetFile): Promise<OpenImage> {
  const held = await images.hold(image);
  if (held !== undefined) {
    const { data, release } = held;
    return { source: { address: (await loadLibc()).address(data) }, release };
  }
  const handle = await openAsset(image);
  const source = { file: handle.fd, identity: image.identity };
  return { source, release: () => handle.close() };
}

function unavailable(reply: FastifyReply): FastifyReply {
  for (const name of ["accept-ranges", "etag", "content-range"]) reply.removeHeader(name);
  return reply.code(503).header("content-length", 0);
}
