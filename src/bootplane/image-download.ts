// Answers a client's request for an image, and reports how the download ended.

import type { Socket } from "node:net";
import type { FastifyReply, FastifyRequest } from "fastify";
import { AssetChangedError, type AssetFile } from "../boot/asset-file.ts";
import { DamagedImageError } from "../boot/image-cache.ts";
import { createRepeats } from "../net/repeats.ts";
import type { BootPlaneDeps } from "./deps.ts";
import { answerImage } from "./image-answer.ts";
import { type ImageBody, openImageBody } from "./image-body.ts";
import { createPace } from "./pacing.ts";
import type { Slice } from "./range.ts";

/** An image under the name that it is asked by. */
export interface NamedImage {
  readonly profile: string;
  readonly file: string;
  readonly image: AssetFile;
}

export type SendImage = (
  request: FastifyRequest,
  reply: FastifyReply,
  named: NamedImage,
) => Promise<FastifyReply>;

const damageToldEveryMs = 60_000;

/** Sends one image at a time on a connection. */
export function createImageSender(deps: BootPlaneDeps): SendImage {
  // The clock of the day may be set back, which would stop a paced download.
  const pace = createPace(() => performance.now());
  const refuse = createRefusal(deps);
  const downloading = new WeakSet<Socket>();

  return async (request, reply, named) => {
    const { image } = named;
    const { socket } = request.raw;
    const etag = `"${image.sha256}"`;
    const { status, headers, part } = answerImage(request, { etag, sizeBytes: image.sizeBytes });
    reply.code(status).headers({ ...headers, "content-type": "application/octet-stream" });
    if (part === undefined) return reply.send();
    // Each that waits would hold an open file and memory. No boot firmware asks for two at once.
    if (downloading.has(socket)) return unavailable(reply).header("connection", "close").send();
    downloading.add(socket);
    try {
      const pacing = {
        rate: deps.downloadRate(request.ip),
        waitMs: pace.bind(undefined, request.ip),
      };
      const body = await openImageBody(deps.images, image, part, pacing);
      watch(deps, request, reply, named, part, body, () => downloading.delete(socket));
      return reply.send(body.stream);
    } catch (error) {
      downloading.delete(socket);
      return refuse(request, reply, named, error);
    }
  };
}

/** Answers 503 for an image that can't be served now; throws `error` when it is about something else. */
function createRefusal(deps: BootPlaneDeps) {
  const isRepeat = createRepeats(deps.now);
  return async (
    { ip: client }: FastifyRequest,
    reply: FastifyReply,
    { profile, file, image }: NamedImage,
    error: unknown,
  ): Promise<FastifyReply> => {
    const { path } = image;
    if (error instanceof DamagedImageError) {
      await deps.assets.reportDamage(image);
      if (!isRepeat(`${path} ${client}`, damageToldEveryMs)) {
        deps.logger.error({ err: error, path, client }, "an image is damaged and not served");
        deps.onEvent({ kind: "image-refused", client, profile, file, reason: error.message });
      }
    } else if (error instanceof AssetChangedError) {
      deps.logger.error({ path }, "an image changed on disk: reading the assets again");
      await deps.assets.reload();
    } else throw error;
    return unavailable(reply).send();
  };
}

function unavailable(reply: FastifyReply): FastifyReply {
  for (const name of ["accept-ranges", "etag", "content-range"]) reply.removeHeader(name);
  return reply.code(503).header("content-length", 0);
}

/** Ends the stream and reports the download when the response is over, however it ended. */
function watch(
  deps: BootPlaneDeps,
  { ip: client, raw: { socket } }: FastifyRequest,
  { raw: response }: FastifyReply,
  { profile, file }: NamedImage,
  { start, end }: Slice,
  { stream, release }: ImageBody,
  done: () => void,
): void {
  const length = end + 1 - start;
  const startedMs = deps.now();
  const writtenBefore = socket.bytesWritten;
  let [complete, isOver] = [false, false];
  response.once("finish", () => {
    complete = true;
  });
  const over = () => {
    socket.off("close", over);
    if (isOver) return;
    isOver = true;
    stream.destroy();
    release();
    done();
    deps.onEvent({
      kind: "image-served",
      client,
      profile,
      file,
      bytes: complete ? length : Math.min(length, socket.bytesWritten - writtenBefore),
      milliseconds: Math.max(0, deps.now() - startedMs),
      outcome: complete ? "complete" : "cut",
    });
  };
  response.once("close", over);
  // A response that waits behind another one of its connection is not told of that connection's end.
  socket.once("close", over);
  // Gone while the image was read.
  if (socket.destroyed) over();
}
