// Orders and the operations they became.

import type { FastifyInstance } from "fastify";
import type { OperationService } from "./operation-service.ts";
import {
  operationShape,
  operationsAnswer,
  operationsQuery,
  orderBody,
  planShape,
} from "./operation-shapes.ts";
import { give, take } from "./shaping.ts";

interface Identified {
  readonly id: string;
}

export function addOperationRoutes(app: FastifyInstance, service: OperationService): void {
  app.post("/api/plans", async ({ body }) =>
    give(planShape, await service.draft(take(orderBody, body))),
  );
  app.post("/api/operations", async ({ body }, reply) => {
    const gone = new AbortController();
    reply.raw.on("close", () => gone.abort());
    const operations = await service.order(take(orderBody, body), gone.signal);
    reply.code(202);
    return give(operationsAnswer, { operations });
  });
  app.get("/api/operations", ({ query }) => {
    const { limit } = take(operationsQuery, query);
    return give(operationsAnswer, { operations: service.operations(limit) });
  });
  app.get<{ Params: Identified }>("/api/operations/:id", ({ params }) =>
    give(operationShape, service.operation(params.id)),
  );
  app.post<{ Params: Identified }>("/api/operations/:id/cancel", ({ params }, reply) => {
    reply.code(202);
    return give(operationShape, service.cancel(params.id));
  });
  app.post<{ Params: Identified }>("/api/operations/:id/resume", ({ params }, reply) => {
    reply.code(202);
    return give(operationShape, service.resume(params.id));
  });
}
