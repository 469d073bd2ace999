// The real probes of a live cluster: HTTPS, TLS, DNS, and the cluster's drivers.

import { randomInt } from "node:crypto";
import { Resolver } from "node:dns/promises";
import { Agent } from "node:https";
import { createDriver, type Driver, layers } from "../cluster/driver.ts";
import { observe } from "../cluster/observe.ts";
import type { Inventory, Node } from "../inventory/schema.ts";
import type { ReadSecret } from "../inventory/secret.ts";
import { askService } from "./https.ts";
import type { Probes, Shell } from "./probes.ts";
import { shownCertificate } from "./shown.ts";

export interface SystemProbeTools {
  readonly inventory: Inventory;
  /** The cluster CA in PEM. */
  readonly ca: string;
  readonly shell: Shell;
  readonly roundTrip: Probes["roundTrip"];
  readonly issuedFingerprint: Probes["issuedFingerprint"];
  readonly readSecret: ReadSecret;
}

/** A member that takes longer than this for one answer is not healthy, whatever it says then. */
const observeMs = 4000;
const askMs = 5000;
const nameMs = 3000;

/** Good for one report; `close` gives the kept connections up. */
export function createSystemProbes(tools: SystemProbeTools): Probes & { close(): void } {
  const { inventory, ca, shell, roundTrip, issuedFingerprint, readSecret } = tools;
  const limits = { timeoutMs: observeMs, maxBodyBytes: 256 * 1024 };
  const drivers = new Map(layers.map((layer) => [layer, createDriver(layer, { ca, limits })]));
  const driverOf = (layer: Driver["layer"]) => drivers.get(layer) ?? createDriver(layer, { ca });
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  return {
    observe: async (signal) =>
      await Promise.all(
        [...drivers].map(async ([layer, driver]) => {
          const members = inventory.nodes.map(memberOf);
          return [layer, await observe(driver, members, signal)] as const;
        }),
      ),
    ask: (node, request, signal) => {
      const { productionAddress: address, fqdn: servername } = node;
      return askService({ address, servername, ca, agent, timeoutMs: askMs }, request, signal);
    },
    addressesOf: async (node, port, name) => {
      const resolver = new Resolver({ timeout: nameMs, tries: 1 });
      resolver.setServers([`${node.productionAddress}:${port}`]);
      return await resolver.resolve4(name);
    },
    handshake: ({ productionAddress: address, fqdn: servername }, port, signal) =>
      shownCertificate({ address, port, servername, ca, timeoutMs: askMs }, signal),
    shell,
    roundTrip,
    putKey: (layer, node, key, value, signal) =>
      driverOf(layer).putKey(memberOf(node), key, value, signal),
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

function memberOf({ name, fqdn, productionAddress: address }: Node) {
  return { name, fqdn, address };
}
