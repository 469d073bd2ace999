// What the discovery image sends: the report on its machine, and that it still waits. The only requests with a body here. Taken
// where the site allows the image, from the address that the machine has by DHCP, and of machines in no inventory.

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { z } from "zod";
import type { Subject } from "../boot/decide.ts";
import { discoveryReportPath } from "../boot/machine-texts.ts";
import type { Mac } from "../net/mac.ts";
import { createPerSecond } from "../net/per-second.ts";
import { createRepeats } from "../net/repeats.ts";
import { machineReport, machineSignal, mostReportBytes } from "../nodes/machine-report.ts";
import type { BootPlaneDeps } from "./deps.ts";

/** The paths whose requests may carry a body. */
export const discoveryPaths = {
  report: discoveryReportPath,
  waiting: "/boot/discovery/alive",
} as const;

// The image reports twice for each boot, half a minute apart, and then says every half minute that it waits.
const repeatMs = 5_000;
const perSecond = { report: 10, waiting: 100 };

type Refuse = (reply: FastifyReply, status: number, error: string) => FastifyReply;
const refuse: Refuse = (reply, status, error) => reply.code(status).send({ error });

export function discoveryRoutes(app: FastifyInstance, deps: BootPlaneDeps): void {
  const isRepeat = createRepeats(deps.now);
  const mayTake = createPerSecond(perSecond);
  const isTooMuch = (kind: keyof typeof perSecond, mac: Mac) =>
    isRepeat(`${kind} ${mac}`, repeatMs) || !mayTake(kind, deps.now());

  app.post(discoveryPaths.report, { bodyLimit: mostReportBytes }, async (request, reply) => {
    const asked = readOwn(deps, request, machineReport);
    if ("status" in asked) return refuse(reply, asked.status, asked.error);
    const { bootMac: mac } = asked.value;
    const known = whyKnown(deps.subject(mac), deps.discovery.ownerOf(asked.value));
    if (known !== undefined) {
      if (!isTooMuch("report", mac))
        deps.logger.info({ mac, client: request.ip, reason: known }, "a report was refused");
      return refuse(reply, 409, known);
    }
    if (isTooMuch("report", mac)) return refuse(reply, 429, "too many reports");
    deps.discovery.report(request.ip, asked.value);
    deps.logger.info({ mac, client: request.ip }, "a machine in no inventory was looked at");
    return reply.send({ state: "waiting" });
  });

  app.post(discoveryPaths.waiting, { bodyLimit: 1024 }, async (request, reply) => {
    const asked = readOwn(deps, request, machineSignal);
    if ("status" in asked) return refuse(reply, asked.status, asked.error);
    const { bootMac: mac } = asked.value;
    if (isTooMuch("waiting", mac)) return refuse(reply, 429, "too many signals");
    const { node, cardOf, retired } = deps.subject(mac);
    if (retired !== undefined) return refuse(reply, 409, "this machine is retired");
    if (!deps.discovery.waiting(mac)) return refuse(reply, 409, "this machine has not reported");
    const name = (node ?? cardOf)?.name;
    return reply.send(
      name === undefined ? { state: "waiting" } : { state: "accepted", node: name },
    );
  });
}

/** Why a machine that reports is none to be found. `owner` is the node that has its serial number or UUID. */
function whyKnown(
  { node, cardOf, retired }: Subject,
  owner: string | undefined,
): string | undefined {
  if (node !== undefined) return "this machine is in the inventory";
  if (retired !== undefined) return "this machine is retired";
  if (cardOf !== undefined) return `this card is one of node ${cardOf.name}`;
  if (owner !== undefined) return `this serial number or UUID is that of node ${owner}`;
  return undefined;
}

type Own<T> = { readonly value: T } | { readonly status: number; readonly error: string };

/** The body, if it is what `schema` says and comes from the address of the machine that it names. */
function readOwn<S extends z.ZodType<{ readonly bootMac: Mac }>>(
  deps: BootPlaneDeps,
  request: FastifyRequest,
  schema: S,
): Own<z.output<S>> {
  if (!deps.discovery.allowed()) return { status: 404, error: "not found" };
  // Before the body is looked at: strangers to DHCP have nothing to say here.
  const standing = deps.addresses.standing(request.ip);
  if (standing.kind !== "given") return { status: 403, error: "this address has no lease" };
  const read = schema.safeParse(request.body);
  if (!read.success) return { status: 400, error: "this is no report of the discovery image" };
  if (read.data.bootMac !== standing.to)
    return { status: 403, error: "this address is another machine's" };
  return { value: read.data };
}
