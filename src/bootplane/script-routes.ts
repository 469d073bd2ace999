// The boot scripts: the first one, which is the same for all, and each machine's own.

import type { FastifyInstance, FastifyReply } from "fastify";
import { wrongAddress } from "../boot/access.ts";
import { type Decision, decide, type Subject } from "../boot/decide.ts";
import {
  localDisk,
  type MachineScript,
  machineScript,
  menuScript,
} from "../boot/machine-script.ts";
import { installNonce, shownNonce } from "../boot/nonce.ts";
import { type Mac, parseMac } from "../net/mac.ts";
import type { BootPlaneDeps } from "./deps.ts";

/** What is said to whoever asks in the name of an armed machine from another address. */
const notYours = "an install is not given to this address";

export function scriptRoutes(app: FastifyInstance, deps: BootPlaneDeps): void {
  app.get("/boot/ipxe/boot.ipxe", async (request, reply) => {
    const { text, fault } = menuScript(deps.scripts, deps.server);
    if (fault !== undefined) deps.logger.error({ fault }, "the first script can't be made");
    if (request.method === "GET") deps.onEvent({ kind: "boot-menu-served", client: request.ip });
    return sendScript(reply, text);
  });

  app.get<{ Params: { mac: string } }>("/boot/nodes/:mac/boot.ipxe", async (request, reply) => {
    const mac = parseMac(request.params.mac);
    if (mac === undefined) return reply.callNotFound();
    const { ip: client, method } = request;
    const subject = deps.subject(mac);
    const decision = decide(subject, deps.now());
    const intentId = decision.boot.kind === "installer" ? decision.boot.intentId : undefined;
    const standing = deps.addresses.standing(client);
    const wrong = wrongAddress({ mac, address: client, standing });
    if (intentId !== undefined && wrong !== undefined) {
      if (method === "GET")
        deps.onEvent({ kind: "boot-refused", mac, client, asked: "boot.ipxe", reason: wrong });
      return sendScript(reply, localDisk(deps.scripts, subject.node, notYours).text);
    }
    const script = await ownScript(deps, subject, decision);
    if (method === "GET") {
      report(deps, mac, client, script);
      // What a stranger got is not what the machine was given last.
      if (wrong === undefined) keep(deps, subject, intentId, script);
    }
    return sendScript(reply, script.text);
  });
}

async function ownScript(
  deps: BootPlaneDeps,
  { node }: Subject,
  decision: Decision,
): Promise<MachineScript> {
  // The sets as they are on disk now, so that a newly deployed image is used by the next install.
  const { sets } =
    decision.boot.kind === "installer" ? await deps.assets.recent() : deps.assets.current();
  const tools = {
    scripts: deps.scripts,
    server: deps.server,
    set: (profile: string) => sets.get(profile),
    nonce: (intentId: string) => installNonce(deps.nonceKey, intentId),
  };
  return machineScript(tools, node, decision);
}

function report(
  deps: BootPlaneDeps,
  mac: Mac,
  client: string,
  { plan, reason, fault }: MachineScript,
): void {
  if (fault !== undefined) deps.logger.error({ mac, fault }, "a machine was not given its script");
  deps.onEvent({ kind: "boot-script-served", mac, client, plan, reason: fault ?? reason });
}

function keep(
  deps: BootPlaneDeps,
  { node }: Subject,
  intentId: string | undefined,
  { text }: MachineScript,
): void {
  if (node === undefined) return;
  const nonce = intentId === undefined ? undefined : installNonce(deps.nonceKey, intentId);
  deps.onServed(node, nonce === undefined ? text : text.replaceAll(nonce, shownNonce));
}

function sendScript(reply: FastifyReply, text: string): FastifyReply {
  return reply.header("cache-control", "no-store").type("text/plain; charset=utf-8").send(text);
}
