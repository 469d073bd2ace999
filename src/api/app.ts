// The operator's HTTP API: every route needs the token. It translates between HTTP and the `Rackstrap`
// interface and decides nothing; it does not listen (the composition root does, never on the boot plane).

import { type FastifyBaseLogger, type FastifyInstance, fastify, LogController } from "fastify";
import type { Secret } from "../net/secret.ts";
import { addBmcRoutes } from "./bmc-routes.ts";
import { addCertificateRoutes } from "./certificate-routes.ts";
import { addConsoleRoutes } from "./console-routes.ts";
import { diagnosisShape } from "./diagnosis-shapes.ts";
import { discoveredAnswer, discoveryShape } from "./discovered-shapes.ts";
import { answerError, errorBody } from "./errors.ts";
import { addInventoryRoutes } from "./inventory-routes.ts";
import { formatMetrics, metricsContentType } from "./metrics.ts";
import { addOperationRoutes } from "./operation-routes.ts";
import { powerBody, powerJobShape, powerJobsAnswer, powerPlanShape } from "./power-shapes.ts";
import type { Rackstrap } from "./service.ts";
import * as shapes from "./shapes.ts";
import { give, take } from "./shaping.ts";
import { isAuthorized } from "./token.ts";
import { addVerifyRoutes } from "./verify-routes.ts";

export interface ApiDependencies {
  readonly service: Rackstrap;
  readonly token: Secret;
  readonly log: FastifyBaseLogger;
}

interface NamedNode {
  readonly name: string;
}
/** A power job. */
interface Identified {
  readonly id: string;
}

/** The application, ready to listen or to be asked through `inject`. */
export function createApi({ service, token, log }: ApiDependencies): FastifyInstance {
  const app = fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: 64 * 1024,
    requestTimeout: 10_000,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 253 },
  });
  app.setErrorHandler(answerError);
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send(errorBody(`there is no ${request.method} ${request.url.split("?")[0]}`)),
  );
  // Before routing can tell anything: without the token a wrong path looks like a right one.
  app.addHook("onRequest", async (request, reply) => {
    reply.header("cache-control", "no-store");
    if (isAuthorized(token, request.headers.authorization)) return;
    request.log.warn(
      { remote: request.ip, method: request.method },
      "api request without the token",
    );
    return reply
      .code(401)
      .header("www-authenticate", "Bearer")
      .send(
        errorBody("the API token is missing or wrong", "name the server's file with --token-file"),
      );
  });
  addNodeRoutes(app, service);
  addOperationRoutes(app, service);
  addPowerRoutes(app, service);
  addConsoleRoutes(app, service);
  addBmcRoutes(app, service);
  addCertificateRoutes(app, service);
  addInventoryRoutes(app, service);
  addVerifyRoutes(app, service);
  return app;
}

function addNodeRoutes(app: FastifyInstance, service: Rackstrap): void {
  app.get("/api/nodes", () => give(shapes.nodesAnswer, { nodes: service.nodes() }));
  app.get<{ Params: NamedNode }>("/api/nodes/:name/events", ({ params, query }) => {
    const { after, limit } = take(shapes.eventsQuery, query);
    const events = service.nodeEvents(params.name, { afterId: after, limit });
    return give(shapes.eventsAnswer, { events });
  });
  app.get("/api/drift", ({ query }) => {
    const { node } = take(shapes.driftQuery, query);
    return give(shapes.driftAnswer, { nodes: service.drift(node) });
  });
  app.get("/api/discovered", () => give(discoveredAnswer, { discovered: service.discovered() }));
  app.get<{ Params: { mac: string } }>("/api/discovered/:mac", ({ params }) =>
    give(discoveryShape, service.discovery(params.mac)),
  );
  app.get("/api/leases", async () => give(shapes.leasesAnswer, { leases: await service.leases() }));
  app.get<{ Params: { subject: string } }>("/api/explain/:subject", ({ params }) =>
    give(shapes.explanationShape, service.explain(params.subject)),
  );
  app.get<{ Params: { subject: string } }>("/api/diagnose/:subject", async ({ params }) =>
    give(diagnosisShape, await service.diagnose(params.subject)),
  );
  app.get("/api/events", ({ query }) => {
    const { after, limit } = take(shapes.eventsQuery, query);
    return give(shapes.eventsAnswer, { events: service.events({ afterId: after, limit }) });
  });
  app.get<{ Params: { node: string; stage: string } }>("/api/render/:node/:stage", ({ params }) =>
    give(shapes.renderedShape, service.render(params.node, params.stage)),
  );
  app.get("/api/check", async ({ query }) => {
    const request = take(shapes.checkQuery, query);
    return give(shapes.checkAnswer, { checks: await service.check(request) });
  });
  app.get("/metrics", async (_request, reply) =>
    reply.type(metricsContentType).send(formatMetrics(await service.metrics())),
  );
  app.get("/api/cluster", async () =>
    give(shapes.clusterAnswer, { layers: await service.cluster() }),
  );
  app.get("/api/cluster/formation", async () =>
    give(shapes.formationShape, await service.formation()),
  );
}

function addPowerRoutes(app: FastifyInstance, service: Rackstrap): void {
  app.post("/api/power", async ({ body }, reply) => {
    const job = await service.power(take(powerBody, body));
    reply.code(202);
    return give(powerJobShape, job);
  });
  app.post("/api/power/plan", ({ body }) =>
    give(powerPlanShape, service.powerPlan(take(powerBody, body))),
  );
  app.get("/api/power", () => give(powerJobsAnswer, { jobs: service.powerJobs() }));
  app.get<{ Params: Identified }>("/api/power/:id", ({ params }) =>
    give(powerJobShape, service.powerJob(params.id)),
  );
  app.post<{ Params: Identified }>("/api/power/:id/cancel", ({ params }, reply) => {
    reply.code(202);
    return give(powerJobShape, service.cancelPower(params.id));
  });
}
