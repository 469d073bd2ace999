// Every error the API answers, in one table: status and body. A fault of ours says nothing internal.

import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import type { ZodError } from "zod";
import { BmcError } from "../bmc/bmc.ts";
import { Refusal } from "./service.ts";

interface ErrorBody {
  readonly error: { readonly message: string; readonly next?: string };
}

const refusalStatus = { unknown: 404, conflict: 409 } as const;

export function errorBody(message: string, next?: string): ErrorBody {
  return { error: next === undefined ? { message } : { message, next } };
}

/** A request whose body or query has not the shape that is asked for. */
export class BadRequest extends Error {
  constructor(error: ZodError) {
    const issues = error.issues.map(({ path, message }) =>
      path.length === 0 ? message : `${path.join(".")}: ${message}`,
    );
    super(issues.join("; "));
    this.name = "BadRequest";
  }
}

/** Turns whatever a route threw into its answer; logs what is our fault. */
export function answerError(
  error: FastifyError | Error,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (error instanceof Refusal)
    return reply.code(refusalStatus[error.kind]).send(errorBody(error.message, error.next));
  if (error instanceof BadRequest) return reply.code(400).send(errorBody(error.message));
  // Its text has the BMC, what happened and the remedy; what it can't do is no failure of a gateway.
  if (error instanceof BmcError)
    return reply.code(error.kind === "busy" ? 409 : 502).send(errorBody(error.message));
  const status = "statusCode" in error ? error.statusCode : undefined;
  if (status !== undefined && status >= 400 && status < 500)
    return reply.code(status).send(errorBody(error.message));
  request.log.error({ err: error, method: request.method, url: request.url }, "api request failed");
  return reply
    .code(500)
    .send(errorBody("the server failed on this request", "read the server's log"));
}
