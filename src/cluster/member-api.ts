// One layer's API as its members serve it: sends requests to a node and reads their answers by shape.
// It knows no path and no shape; the drivers do.

import { Agent } from "node:https";
import type { z } from "zod";
import { messageOf } from "../net/error-text.ts";
import {
  type Answer,
  type BodyStream,
  defaultLimits,
  type Exchange,
  exchangeJson,
  exchangeStream,
  failure,
  type StreamLimits,
  success,
  type Target,
} from "./client.ts";
import type { ClusterNode, DriverOptions } from "./driver.ts";

export interface MemberApi {
  /** The answer's JSON, read by `shape`; another shape is a failed answer that names the place. */
  ask<S extends z.ZodType>(
    node: ClusterNode,
    exchange: Exchange,
    shape: S,
    signal: AbortSignal,
  ): Promise<Answer<z.output<S>>>;
  stream<T>(
    node: ClusterNode,
    exchange: Exchange,
    read: (body: BodyStream) => Promise<Answer<T>>,
    signal: AbortSignal,
  ): Promise<Answer<T>>;
}

// A handshake costs a small member more than the answer; a cluster that is watched is asked every few seconds.
// An idle connection is given up before servers do: a request on a closing one would look like a sick member.
const connections = { keepAlive: true, maxSockets: 3, timeout: 8000 };

// A member may have to write its snapshot down before its first octet leaves.
const streamLimits: StreamLimits = { idleMs: 60_000, maxBytes: 16 * 1024 ** 3 };

export function memberApi(port: number, options: DriverOptions): MemberApi {
  const { ca, identity, limits = defaultLimits } = options;
  const agent = new Agent(connections);
  const targetOf = async ({ address, fqdn }: ClusterNode): Promise<Answer<Target>> => {
    try {
      const shown = await identity?.();
      return success({ address, port, servername: fqdn, ca: ca(), agent, identity: shown });
    } catch (error) {
      return failure(
        `${address}:${port} was not asked: no certificate to show: ${messageOf(error)}`,
      );
    }
  };
  return {
    ask: async (node, exchange, shape, signal) => {
      const target = await targetOf(node);
      if (!target.ok) return target;
      const answer = await exchangeJson(target.value, exchange, limits, signal);
      if (!answer.ok) return answer;
      const parsed = shape.safeParse(answer.value);
      return parsed.success
        ? success(parsed.data)
        : failure(
            `${node.address}:${port}${exchange.path} answered another shape: ${issueText(parsed.error)}`,
          );
    },
    stream: async (node, exchange, read, signal) => {
      const target = await targetOf(node);
      return target.ok
        ? await exchangeStream(target.value, exchange, streamLimits, read, signal)
        : target;
    },
  };
}

export function mapAnswer<A, B>(answer: Answer<A>, map: (value: A) => B): Answer<B> {
  return answer.ok ? success(map(answer.value)) : answer;
}

function issueText(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue === undefined ? "unknown" : `${issue.path.join(".") || "body"}: ${issue.message}`;
}
