// The real probes of a live cluster: HTTPS, TLS, DNS, and the drivers of its layers.

import { randomInt } from "node:crypto";
import { Resolver } from "node:dns/promises";
import { Agent } from "node:https";
import { exchangeJson, type Limits } from "../cluster/client.ts";
import type { Driver, Layer } from "../cluster/driver.ts";
import { observe } from "../cluster/observe.ts";
import type { Inventory, Node } from "../inventory/schema.ts";
import type { ReadSecret } from "../inventory/secret.ts";
import type { Probes, ServiceAnswer, ServiceRequest, Shell } from "./probes.ts";
import { judgeShown } from "./shown.ts";

export interface SystemProbeTools {
  readonly inventory: Inventory;
  /** The cluster CA in PEM. */
  readonly ca: string;
  /** With `observeLimits`. */
  readonly driver: (layer: Layer) => Driver;
  readonly shell: Shell;
  readonly roundTrip: Probes["roundTrip"];
  readonly issuedFingerprint: Probes["issuedFingerprint"];
  readonly readSecret: ReadSecret;
}

/** A member that takes longer than this for one answer is not healthy, whatever it says then. */
export const observeLimits: Limits = { timeoutMs: 4000, maxBodyBytes: 256 * 1024 };
const askLimits: Limits = { timeoutMs: 5000, maxBodyBytes: 1024 * 1024 };
const handshakeMs = 5000;
const nameMs = 3000;

/** Good for one report; `close` gives the kept connections up. */
export function createSystemProbes(tools: SystemProbeTools): Probes & { close(): void } {
  const { inventory, ca, driver, shell, roundTrip, issuedFingerprint, readSecret } = tools;
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  return {
    observe: async (signal) =>
      await Promise.all(
        inventory.cluster.layers.map(async (layer) => {
          const members = inventory.nodes.map(memberOf);
          return [layer, await observe(driver(layer), members, signal)] as const;
        }),
      ),
    ask: async (node, request, signal) => await ask(node, request, { ca, agent }, signal),
    addressesOf: async (node, port, name) => {
      const resolver = new Resolver({ timeout: nameMs, tries: 1 });
      resolver.setServers([`${node.productionAddress}:${port}`]);
      return await resolver.resolve4(name);
    },
    handshake: ({ productionAddress: address, fqdn: servername }, port, signal) =>
      judgeShown({ address, port, servername, ca, timeoutMs: handshakeMs }, signal),
    shell,
    roundTrip,
    putKey: async (layer, node, key, value, signal) =>
      await driver(layer).putKey(memberOf(node), key, value, signal),
    iamToken: () => {
      const { iamToken } = inventory.verify;
      return iamToken && readSecret(iamToken);
    },
    issuedFingerprint,
    now: () => Date.now(),
    elapsed: () => performance.now(),
    mark: () => randomInt(1, 2 ** 31),
    close: () => agent.destroy(),
  };
}

async function ask(
  { productionAddress: address, fqdn: servername }: Node,
  { port, method, path, body, bearer }: ServiceRequest,
  trust: { readonly ca: string; readonly agent: Agent },
  signal: AbortSignal,
): Promise<ServiceAnswer> {
  const headers = bearer === undefined ? {} : { authorization: `Bearer ${bearer.reveal()}` };
  const exchange = { method, path, headers, ...(body !== undefined && { body }) };
  const beganMs = performance.now();
  const answer = await exchangeJson(
    { address, port, servername, ...trust },
    exchange,
    askLimits,
    signal,
  );
  const tookMs = performance.now() - beganMs;
  if (answer.ok) return { kind: "answered", status: 200, body: answer.value, tookMs };
  if (answer.refusal === undefined) return { kind: "failed", why: answer.failed };
  const { status, text } = answer.refusal;
  return { kind: "answered", status, body: parseJson(text), tookMs };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function memberOf({ name, fqdn, productionAddress: address }: Node) {
  return { name, fqdn, address };
}
