// What is made for one machine: its boot script and its cluster-config.json. A MAC is no credential, so both
// are public: anyone on the provisioning network can ask for them in any machine's name.

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { AssetSet } from "../boot/assets.ts";
import { clusterConfigSchema } from "../boot/cluster-config.ts";
import { type Decision, decide } from "../boot/decide.ts";
import type { Node } from "../inventory/schema.ts";
import { type Mac, parseMac } from "../net/mac.ts";
import type { BootPlaneDeps } from "./deps.ts";

interface MacParams {
  Params: { mac: string };
}

export function machineRoutes(app: FastifyInstance, deps: BootPlaneDeps): void {
  app.get("/boot/ipxe/boot.ipxe", async (_request, reply) =>
    sendScript(reply, deps.scripts.menu(deps.server)),
  );

  app.get<MacParams>("/boot/nodes/:mac/boot.ipxe", async (request, reply) => {
    const mac = parseMac(request.params.mac);
    if (mac === undefined) return reply.callNotFound();
    const script = await scriptFor(deps, mac);
    if (request.method === "GET") reportScript(deps, request, mac, script);
    return sendScript(reply, script.text);
  });

  app.get<MacParams>("/boot/nodes/:mac/cluster-config.json", async (request, reply) => {
    const mac = parseMac(request.params.mac);
    const config = mac === undefined ? undefined : deps.clusterConfig(mac);
    if (mac === undefined || config === undefined) return reply.callNotFound();
    const document = clusterConfigSchema.parse(config);
    if (request.method === "GET")
      deps.onEvent({ kind: "cluster-config-served", mac, client: request.ip });
    return reply
      .header("cache-control", "no-store")
      .type("application/json; charset=utf-8")
      .send(`${JSON.stringify(document, undefined, 2)}\n`);
  });
}

interface MadeScript {
  readonly text: string;
  readonly plan: "installer" | "local-disk";
  readonly reason: string;
}

async function scriptFor(deps: BootPlaneDeps, mac: Mac): Promise<MadeScript> {
  const { boot, reason }: Decision = decide(deps.subject(mac), deps.now());
  if (boot.kind === "local-disk") return localDisk(deps, reason);
  const set = await currentSet(deps, boot.node);
  if (set === undefined) {
    const missing = `node ${boot.node.name} is to be installed, but profile ${boot.node.profile} has no usable asset set: see rackstrap check`;
    deps.logger.error({ mac, node: boot.node.name, profile: boot.node.profile }, "no asset set");
    return localDisk(deps, missing);
  }
  return { text: deps.scripts.installer(deps.server, boot.node, set), plan: "installer", reason };
}

/** The set as it is on disk now, so that a newly deployed image is used by the next install. */
async function currentSet(deps: BootPlaneDeps, node: Node): Promise<AssetSet | undefined> {
  return (await deps.assets.reload()).sets.get(node.profile);
}

function localDisk(deps: BootPlaneDeps, reason: string): MadeScript {
  return { text: deps.scripts.localDisk(reason), plan: "local-disk", reason };
}

function reportScript(
  deps: BootPlaneDeps,
  request: FastifyRequest,
  mac: Mac,
  { plan, reason }: MadeScript,
): void {
  deps.onEvent({ kind: "boot-script-served", mac, client: request.ip, plan, reason });
}

function sendScript(reply: FastifyReply, text: string): FastifyReply {
  return reply.header("cache-control", "no-store").type("text/plain; charset=utf-8").send(text);
}
