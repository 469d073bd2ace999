// What belongs to one armed machine besides its script: its cluster-config.json, the installer's keys, and the reports
// that it sends. Given to its own address, for the nonce of its install and as long as that is armed; else not found.

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { permit } from "../boot/access.ts";
import { clusterConfigSchema } from "../boot/cluster-config.ts";
import { type GivenKeys, giveKeys } from "../boot/installer-keys.ts";
import { type Mac, parseMac } from "../net/mac.ts";
import { type BootPlaneDeps, isReportedStage } from "./deps.ts";

interface DocumentRequest {
  Params: { mac: string };
  Querystring: Readonly<Record<string, unknown>>;
}

type Routed = FastifyRequest<DocumentRequest>;

export function machineRoutes(app: FastifyInstance, deps: BootPlaneDeps): void {
  app.get<DocumentRequest>("/boot/nodes/:mac/cluster-config.json", async (request, reply) => {
    const mac = allow(deps, request, "cluster-config.json");
    const config = mac && deps.clusterConfig(mac);
    if (mac === undefined || config === undefined) return reply.callNotFound();
    const document = clusterConfigSchema.parse(config);
    if (request.method === "GET")
      deps.onEvent({ kind: "cluster-config-served", mac, client: request.ip });
    return ownOnly(reply)
      .type("application/json; charset=utf-8")
      .send(`${JSON.stringify(document, undefined, 2)}\n`);
  });

  app.get<DocumentRequest>("/boot/nodes/:mac/keys.cpio.gz", async (request, reply) => {
    const mac = parseMac(request.params.mac);
    if (mac === undefined) return reply.callNotFound();
    const { ip: client, method } = request;
    const given = await giveKeys(deps, mac, client, offeredNonce(request));
    if (method === "GET" || "refused" in given) reportKeys(deps, given, mac, client);
    if ("refused" in given) return reply.callNotFound();
    return ownOnly(reply).type("application/gzip").send(given.archive);
  });

  app.get<DocumentRequest>("/boot/nodes/:mac/report", async (request, reply) => {
    const { stage, error } = request.query;
    if (!isReportedStage(stage)) return reply.callNotFound();
    const mac = allow(deps, request, "report");
    if (mac === undefined) return reply.callNotFound();
    // iPXE's errno as it prints it; anything else is not worth a line on a timeline.
    const known = typeof error === "string" && /^[0-9a-fx:-]{1,24}$/.test(error);
    if (request.method === "GET")
      deps.onEvent({
        kind: "boot-reported",
        mac,
        client: request.ip,
        stage,
        ...(known && { error }),
      });
    return ownOnly(reply).type("text/plain; charset=utf-8").send("noted\n");
  });
}

/** The machine that `request` may have its document of; undefined when it may not, which its timeline then says. */
function allow(deps: BootPlaneDeps, request: Routed, asked: string): Mac | undefined {
  const mac = parseMac(request.params.mac);
  if (mac === undefined) return undefined;
  const access = permit(deps, mac, request.ip, offeredNonce(request));
  if ("granted" in access) return mac;
  deps.onEvent({ kind: "boot-refused", mac, client: request.ip, asked, reason: access.refused });
  return undefined;
}

function offeredNonce({ query: { nonce } }: Routed): string | undefined {
  return typeof nonce === "string" ? nonce : undefined;
}

/**
 * Tells who had an installer's keys, or was refused them, to the timeline; and to the log what an operator should look at, once: whoever
 * has the nonce could fill it.
 */
export function reportKeys(
  deps: Pick<BootPlaneDeps, "onEvent" | "logger" | "keysLedger">,
  given: GivenKeys,
  mac: Mac,
  client: string,
): void {
  const { operation } = given;
  if (!("refused" in given)) {
    const times = deps.keysLedger.note(given.operation, "served");
    deps.onEvent({ kind: "keys-served", mac, client, times });
    if (times === 2) deps.logger.warn({ mac, client, operation }, "keys fetched again");
    return;
  }
  const { refused: reason } = given;
  if (operation === undefined) {
    deps.onEvent({ kind: "boot-refused", mac, client, asked: "keys.cpio.gz", reason });
    return;
  }
  const times = deps.keysLedger.note(operation, "refused");
  deps.onEvent({ kind: "keys-refused", mac, client, times, reason });
  if (times === 1) deps.logger.error({ mac, client, operation, reason }, "keys refused");
}

function ownOnly(reply: FastifyReply): FastifyReply {
  return reply.header("cache-control", "no-store");
}
