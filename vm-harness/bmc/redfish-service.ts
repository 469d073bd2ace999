// A simulated Redfish service without sockets: a request in, an answer out (DSP0266).

import { createHash } from "node:crypto";
import type { SimulatedMachine } from "./machine.ts";
import { type Answer, type Asked, type Body, done, objectOf, refuse } from "./redfish-answer.ts";
import { meets, type RedfishFaults } from "./redfish-faults.ts";
import type { Maker } from "./redfish-makers.ts";
import { pathsOf, rootPath } from "./redfish-resources.ts";
import { createSessions, type Sessions, sessionsPath } from "./redfish-sessions.ts";
import { createTree, type Member, type Resource } from "./redfish-tree.ts";

export interface RedfishService {
  answer(asked: Asked): Promise<Answer>;
  readonly sessions: Sessions;
}

const pageSize = 50;

/** `now` in milliseconds since the epoch. */
export function createService(
  machine: SimulatedMachine,
  maker: Maker,
  faults: RedfishFaults,
  { maxSessions, now }: { readonly maxSessions: number; now(): number },
): RedfishService {
  const sessions = createSessions(machine, maxSessions);
  const paths = pathsOf(maker);
  let lie: { readonly power: "on" | "off"; readonly untilMs: number } | undefined;
  const tree = createTree({
    machine,
    maker,
    paths,
    sessions,
    now,
    forgetsBoot: () => faults.forgetBoot,
    powerState: () => {
      const told = lie !== undefined && now() < lie.untilMs ? lie.power : machine.power();
      return told === "on" ? "On" : "Off";
    },
    reset: async (action) => {
      if (faults.ignoreReset) return done;
      lie = { power: machine.power(), untilMs: now() + faults.lieAboutPowerMs };
      await machine.act(action);
      return done;
    },
  });

  const answer = async (asked: Asked): Promise<Answer> => {
    const request = `${asked.method} ${asked.path}`;
    if (meets(faults, "forgetSessions", request)) sessions.forget();
    if (meets(faults, "unavailable", request)) return unavailable(faults);
    const path = asked.path.replace(/\/+$/, "");
    if (path === "/redfish") return { status: 200, body: { v1: `${rootPath}/` } };
    if (path === sessionsPath && asked.method === "POST")
      return sessions.open(asked, faults.sessionsFull);
    const isRefused = meets(faults, "refusals", request);
    if (path !== rootPath && (isRefused || !sessions.isKnown(asked)))
      return refuse(401, "NoValidSession", "There is no valid session with this request.");
    if (asked.method === "DELETE" && path.startsWith(`${sessionsPath}/`))
      return sessions.end(path.slice(sessionsPath.length + 1));
    const resource = tree.get(path);
    if (resource === undefined)
      return refuse(404, "ResourceMissingAtURI", `The resource at the URI ${path} was not found.`);
    const answered = await answerFrom(resource, path, asked);
    const { body } = answered;
    return faults.garble && typeof body === "object"
      ? { ...answered, body: faults.garble(body) }
      : answered;
  };

  const answerFrom = async (resource: Resource, path: string, asked: Asked): Promise<Answer> => {
    if (asked.method === "GET" && (resource.read || resource.members))
      return shown(contentOf(resource, path, asked.query));
    if (asked.method === "POST" && resource.post) return await resource.post(asked.body);
    if (asked.method !== "PATCH" || !resource.patch)
      return refuse(405, "OperationNotAllowed", "The method is not allowed on this resource.");
    const condition = asked.headers["if-match"];
    if (condition === undefined && maker.needsIfMatch)
      return refuse(428, "PreconditionRequired", "The request did not provide If-Match.");
    const isStale = meets(faults, "staleEtags", `PATCH ${asked.path}`);
    const current = etagOf(contentOf(resource, path, ""));
    if (condition !== undefined && (isStale || condition !== current))
      return refuse(412, "PreconditionFailed", "The ETag supplied did not match.");
    return resource.patch(objectOf(asked.body));
  };

  const shown = (content: Body): Answer => {
    const etag = etagOf(content);
    const body = maker.etagIn === "body" ? { ...content, "@odata.etag": etag } : content;
    return { status: 200, body, ...(maker.etagIn === "header" ? { headers: { etag } } : {}) };
  };
  const contentOf = (resource: Resource, path: string, query: string): Body => {
    const id = path.slice(path.lastIndexOf("/") + 1);
    const self = { ...paths.link(path), Id: id, Name: id };
    if (resource.members === undefined) return { ...self, ...resource.read?.() };
    const expands = maker.expands && query.includes("$expand");
    const content = ({ path: one, body }: Member) => ({
      ...paths.link(one),
      ...(body ?? (expands ? tree.get(one)?.read?.() : {})),
    });
    return collectionBody(self, resource.members(), content, query);
  };
  return { answer, sessions };
}

function collectionBody(
  self: Body,
  all: readonly Member[],
  content: (member: Member) => Body,
  query: string,
): Body {
  const skip = Number(/\$skip=(\d+)/.exec(query)?.[1] ?? 0);
  const next = skip + pageSize;
  return {
    ...self,
    Members: all.slice(skip, next).map(content),
    "Members@odata.count": all.length,
    ...(next < all.length
      ? { "Members@odata.nextLink": `${self["@odata.id"]}?$skip=${next}` }
      : {}),
  };
}

function etagOf(content: Body): string {
  return `"${createHash("sha1").update(JSON.stringify(content)).digest("hex").slice(0, 12)}"`;
}

function unavailable({ retryAfterSeconds }: RedfishFaults): Answer {
  const refusal = refuse(503, "ServiceTemporarilyUnavailable", "The service is at work.");
  return retryAfterSeconds === undefined
    ? refusal
    : { ...refusal, headers: { "retry-after": `${retryAfterSeconds}` } };
}
