// What the log says of a request to the boot plane.

import type { FastifyRequest } from "fastify";
import type { Logger } from "pino";

/** One line for a request that was answered; of an image, before it is sent. */
export function logRequest(logger: Logger, request: FastifyRequest, status: number): void {
  const { method, ip: client } = request;
  logger.debug({ client, method, url: shownUrl(request.url), status }, "boot request");
}

/** A URL for the log: bounded, and without the nonce of an install. */
export function shownUrl(url: string): string {
  return url.replaceAll(/(nonce=)[^&]*/gi, "$1…").slice(0, 256);
}
