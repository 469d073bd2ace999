// What belongs to one armed machine besides its script: its cluster-config.json, the installer's keys, and the reports
// that it sends. Given to its own address, for the nonce of its install and as long as that is armed; else not found.

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { permit } from "../boot/access.ts";
import { clusterConfigSchema } from "../boot/cluster-config.ts";
import { keysArchive } from "../boot/keys-archive.ts";
import { type Mac, parseMac } from "../net/mac.ts";
import { type BootPlaneDeps, isReportedStage } from "./deps.ts";

interface DocumentRequest {
  Params: { mac: string };
  Querystring: Readonly<Record<string, unknown>>;
}

type Routed = FastifyRequest<DocumentRequest>;

export function machineRoutes(app: FastifyInstance, deps: BootPlaneDeps): void {
  app.get<DocumentRequest>("/boot/nodes/:mac/cluster-config.json", async (request, reply) => {
    const grant = allow(deps, request, "cluster-config.json");
    const config = grant && deps.clusterConfig(grant.mac);
    if (grant === undefined || config === undefined) return reply.callNotFound();
    const document = clusterConfigSchema.parse(config);
    if (request.method === "GET")
      deps.onEvent({ kind: "cluster-config-served", mac: grant.mac, client: request.ip });
    return ownOnly(reply)
      .type("application/json; charset=utf-8")
      .send(`${JSON.stringify(document, undefined, 2)}\n`);
  });

  app.get<DocumentRequest>("/boot/nodes/:mac/keys.cpio.gz", async (request, reply) => {
    const grant = allow(deps, request, "keys.cpio.gz");
    if (grant === undefined) return reply.callNotFound();
    const hostKey = await deps.installerHostKey(grant.operation);
    const archive = keysArchive(deps.authorizedKeys(), hostKey);
    if (request.method === "GET")
      deps.onEvent({ kind: "keys-served", mac: grant.mac, client: request.ip });
    return ownOnly(reply).type("application/gzip").send(archive);
  });

  app.get<DocumentRequest>("/boot/nodes/:mac/report", async (request, reply) => {
    const { stage, error } = request.query;
    if (!isReportedStage(stage)) return reply.callNotFound();
    const grant = allow(deps, request, "report");
    if (grant === undefined) return reply.callNotFound();
    // iPXE's errno as it prints it; anything else is not worth a line on a timeline.
    const known = typeof error === "string" && /^[0-9a-fx:-]{1,24}$/.test(error);
    if (request.method === "GET")
      deps.onEvent({
        kind: "boot-reported",
        mac: grant.mac,
        client: request.ip,
        stage,
        ...(known && { error }),
      });
    return ownOnly(reply).type("text/plain; charset=utf-8").send("noted\n");
  });
}

/** The machine and operation that `request` may have its document of; undefined when it may not, which its timeline then says. */
function allow(
  deps: BootPlaneDeps,
  { params, query, ip: address }: Routed,
  asked: string,
): { readonly mac: Mac; readonly operation: string } | undefined {
  const mac = parseMac(params.mac);
  if (mac === undefined) return undefined;
  const offered = typeof query["nonce"] === "string" ? query["nonce"] : undefined;
  const access = permit(deps, mac, address, offered);
  if ("granted" in access) return { mac, operation: access.granted.operation };
  deps.onEvent({ kind: "boot-refused", mac, client: address, asked, reason: access.refused });
  return undefined;
}

function ownOnly(reply: FastifyReply): FastifyReply {
  return reply.header("cache-control", "no-store");
}
