// The boot scripts: the first one, which is the same for all, and each machine's own.

import type { FastifyInstance, FastifyReply } from "fastify";
import { commonScript, type GivenScript, giveScript } from "../boot/machine-script.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import { parseMac } from "../net/mac.ts";
import type { BootPlaneDeps } from "./deps.ts";
import type { FaultLog } from "./fault-log.ts";

export function scriptRoutes(
  app: FastifyInstance,
  deps: BootPlaneDeps & { readonly tellFault: FaultLog },
): void {
  app.get("/boot/ipxe/boot.ipxe", async (request, reply) => {
    const { text, fault } = commonScript(deps.scripts, "menu", deps.server);
    if (fault !== undefined) deps.tellFault("the first script can't be made", fault);
    if (request.method === "GET") deps.onEvent({ kind: "boot-menu-served", client: request.ip });
    return sendScript(reply, text);
  });

  app.get<{ Params: { mac: string } }>("/boot/nodes/:mac/boot.ipxe", async (request, reply) => {
    const mac = parseMac(request.params.mac);
    if (mac === undefined) return reply.callNotFound();
    const { ip: client, method } = request;
    const given = await giveScript(deps, deps.scripts, mac, client as Ipv4);
    if (method === "GET") reportScript(deps, given, { client, asked: "boot.ipxe", stage: "boot" });
    return sendScript(reply, given.text);
  });
}

/** Tells what was given over: to the timeline, to the log where an operator has something to mend, and what the machine got last. */
export function reportScript(
  deps: Pick<BootPlaneDeps, "onEvent" | "onServed"> & { readonly tellFault: FaultLog },
  { machine, shown, plan, reason, fault, refused, isOwn }: GivenScript,
  { client, asked, stage }: ScriptRequest,
): void {
  const { mac, node } = machine;
  if (fault !== undefined) deps.tellFault("a machine was not given its script", fault, { mac });
  if (refused !== undefined)
    deps.onEvent({ kind: "boot-refused", mac, client, asked, reason: refused });
  else deps.onEvent({ kind: "boot-script-served", mac, client, plan, reason: fault ?? reason });
  // What a stranger got is not what the machine was given last.
  if (isOwn && node !== undefined) deps.onServed(node, stage, shown);
}

interface ScriptRequest {
  readonly client: string;
  /** As the timeline calls it. */
  readonly asked: string;
  /** As `rackstrap render` calls it. */
  readonly stage: string;
}

function sendScript(reply: FastifyReply, text: string): FastifyReply {
  return reply.header("cache-control", "no-store").type("text/plain; charset=utf-8").send(text);
}
