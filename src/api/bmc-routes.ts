// BMCs themselves over HTTP. Their passwords come in and never go out.

import type { FastifyInstance } from "fastify";
import { Secret } from "../net/secret.ts";
import type { BmcService } from "./bmc-service.ts";
import * as shapes from "./bmc-shapes.ts";
import { give, take } from "./shaping.ts";

interface NamedNode {
  readonly Params: { readonly name: string };
}

export function addBmcRoutes(app: FastifyInstance, service: BmcService): void {
  app.post("/api/bmc/probe", async ({ body }) => {
    const request = take(shapes.probeBody, body);
    return give(shapes.probesAnswer, { probes: await service.probeBmcs(request) });
  });
  app.get<NamedNode>("/api/nodes/:name/bmc", async ({ params: { name } }) =>
    give(shapes.bmcShape, await service.bmc(name)),
  );
  app.get<NamedNode>("/api/nodes/:name/bmc/sensors", async ({ params: { name } }) =>
    give(shapes.sensorsAnswer, { sensors: await service.bmcSensors(name) }),
  );
  app.get<NamedNode>("/api/nodes/:name/bmc/events", async ({ params: { name } }) =>
    give(shapes.bmcEventsAnswer, { events: await service.bmcEvents(name) }),
  );
  app.delete<NamedNode>("/api/nodes/:name/bmc/events", async ({ params: { name } }) => {
    await service.clearBmcEvents(name);
    return give(shapes.bmcDone, { node: name });
  });
  app.post<NamedNode>("/api/nodes/:name/bmc/identify", async ({ params: { name }, body }) => {
    await service.identify(name, take(shapes.identifyBody, body).seconds);
    return give(shapes.bmcDone, { node: name });
  });
  app.get<NamedNode>("/api/nodes/:name/bmc/boot", async ({ params: { name } }) =>
    give(shapes.bootAnswer, { node: name, ...(await service.bmcBoot(name)) }),
  );
  app.put<NamedNode>("/api/nodes/:name/bmc/boot", async ({ params: { name }, body }) => {
    const kept = await service.setBmcBoot(name, take(shapes.bootBody, body));
    return give(shapes.bootAnswer, { node: name, ...kept });
  });
  app.get<NamedNode>("/api/nodes/:name/bmc/media", async ({ params: { name } }) =>
    give(shapes.mediaAnswer, { node: name, image: (await service.bmcMedia(name)) ?? null }),
  );
  app.put<NamedNode>("/api/nodes/:name/bmc/media", async ({ params: { name }, body }) => {
    const { image } = take(shapes.mediaBody, body);
    await service.setBmcMedia(name, image ?? undefined);
    return give(shapes.mediaAnswer, { node: name, image });
  });
  app.post<NamedNode>("/api/nodes/:name/bmc/password", async ({ params: { name }, body }) => {
    const { password } = take(shapes.passwordBody, body);
    return give(shapes.passwordChanged, await service.setBmcPassword(name, new Secret(password)));
  });
}
