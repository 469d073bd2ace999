// Asks one member of one layer. Chainfire and FlareDB speak the same HTTP shapes on different ports
// (runbook 5.4-6.3), so one driver serves both. What the answers mean together is judged in judge.ts.

import { Agent } from "node:https";
import { z } from "zod";
import {
  type Answer,
  defaultLimits,
  exchangeJson,
  failure,
  type Limits,
  success,
} from "./client.ts";

/** The two Raft layers of a cluster and their API ports. */
export const layerPorts = { chainfire: 2379, flaredb: 2479 } as const;
export type Layer = keyof typeof layerPorts;
export const layers: readonly Layer[] = ["chainfire", "flaredb"];

/** A machine that is, or may become, a member. `address` is the one its API listens on. */
export interface ClusterNode {
  readonly name: string;
  readonly fqdn: string;
  readonly address: string;
}

// Lenient on keys that are added, strict on those that are judged: an unknown role must not count as a voter.
const memberShape = z.object({
  id: z.string().min(1),
  raft_addr: z.string(),
  status: z.string(),
  role: z.enum(["leader", "follower", "learner"]),
});
const membersShape = z.object({ members: z.array(memberShape).max(1000) });
const leaderShape = z.object({ id: z.string().nullish(), term: z.number().optional() });
const healthShape = z.object({
  status: z.string(),
  raft: z.string(),
  cluster_size: z.number().optional(),
  chainfire: z.string().optional(),
});
const keyShape = z.object({ key: z.string(), value: z.string() });

export interface Member {
  readonly id: string;
  readonly raftAddress: string;
  readonly status: string;
  readonly role: "leader" | "follower" | "learner";
}

/** Whom a member takes for the leader; `id` is undefined while there is none. */
export interface LeaderView {
  readonly id: string | undefined;
  readonly term: number | undefined;
}

export interface Health {
  readonly status: string;
  /** The member's own place in Raft: leader, follower, learner, or none before it is in a cluster. */
  readonly raft: string;
  readonly clusterSize: number | undefined;
  /** FlareDB only: whether it reaches Chainfire. */
  readonly chainfire: string | undefined;
}

export interface Driver {
  readonly layer: Layer;
  /** GET /admin/cluster/members */
  members(node: ClusterNode, signal: AbortSignal): Promise<Answer<readonly Member[]>>;
  /** GET /admin/cluster/leader */
  leader(node: ClusterNode, signal: AbortSignal): Promise<Answer<LeaderView>>;
  /** GET /health */
  health(node: ClusterNode, signal: AbortSignal): Promise<Answer<Health>>;
  /** PUT /v1/kv/KEY */
  putKey(
    node: ClusterNode,
    key: string,
    value: string,
    signal: AbortSignal,
  ): Promise<Answer<undefined>>;
  /** GET /v1/kv/KEY */
  getKey(node: ClusterNode, key: string, signal: AbortSignal): Promise<Answer<string>>;
}

export interface DriverOptions {
  readonly ca: string;
  readonly limits?: Limits;
  /** The layer's port unless given. */
  readonly port?: number;
}

// A handshake costs a small member more than the answer; a cluster that is watched is asked every few seconds.
// An idle connection is given up before servers do: a request on a closing one would look like a sick member.
const connections = { keepAlive: true, maxSockets: 3, timeout: 8000 };

export function createDriver(layer: Layer, options: DriverOptions): Driver {
  const { ca, limits = defaultLimits, port = layerPorts[layer] } = options;
  const agent = new Agent(connections);
  const ask = async <S extends z.ZodType>(
    node: ClusterNode,
    path: string,
    shape: S,
    signal: AbortSignal,
  ): Promise<Answer<z.output<S>>> => {
    const target = { address: node.address, port, servername: node.fqdn, ca, agent };
    const answer = await exchangeJson(target, { method: "GET", path }, limits, signal);
    if (!answer.ok) return answer;
    const parsed = shape.safeParse(answer.value);
    return parsed.success
      ? success(parsed.data)
      : failure(
          `${node.address}:${port}${path} answered another shape: ${issueText(parsed.error)}`,
        );
  };

  return {
    layer,
    members: async (node, signal) =>
      mapAnswer(await ask(node, "/admin/cluster/members", membersShape, signal), ({ members }) =>
        members.map(({ raft_addr, ...member }) => ({ ...member, raftAddress: raft_addr })),
      ),
    leader: async (node, signal) =>
      mapAnswer(await ask(node, "/admin/cluster/leader", leaderShape, signal), ({ id, term }) => ({
        id: id === null || id === "" ? undefined : id,
        term,
      })),
    health: async (node, signal) =>
      mapAnswer(await ask(node, "/health", healthShape, signal), (health) => ({
        status: health.status,
        raft: health.raft,
        clusterSize: health.cluster_size,
        chainfire: health.chainfire,
      })),
    putKey: async (node, key, value, signal) => {
      const target = { address: node.address, port, servername: node.fqdn, ca, agent };
      const put = { method: "PUT", path: keyPath(key), body: { value } } as const;
      return mapAnswer(await exchangeJson(target, put, limits, signal), () => undefined);
    },
    getKey: async (node, key, signal) => {
      const answer = await ask(node, keyPath(key), keyShape, signal);
      if (answer.ok && answer.value.key !== key)
        return failure(`${node.address}:${port} answered the key ${answer.value.key} for ${key}`);
      return mapAnswer(answer, ({ value }) => value);
    },
  };
}

function keyPath(key: string): string {
  return `/v1/kv/${encodeURIComponent(key)}`;
}

function mapAnswer<A, B>(answer: Answer<A>, map: (value: A) => B): Answer<B> {
  return answer.ok ? success(map(answer.value)) : answer;
}

function issueText(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue === undefined ? "unknown" : `${issue.path.join(".") || "body"}: ${issue.message}`;
}
