// The looks at a node's services from outside: their ports, the certificates they show, and the clusters they say they are in.

import { connect } from "node:net";
import type { Driver, Layer } from "../cluster/driver.ts";
import { type Judgement, judge } from "../cluster/judge.ts";
import { observe } from "../cluster/observe.ts";
import type { Inventory, Node } from "../inventory/schema.ts";
import { presentedCertificate } from "../pki/handshake.ts";
import type { HandshakeLook, PortLook } from "./evidence.ts";

const portMs = 3000;
const handshakeMs = 4000;

/** Tries the TCP port of each of the node's services, all at once. */
export async function lookAtPorts(
  inventory: Inventory,
  node: Node,
  signal: AbortSignal,
): Promise<PortLook[]> {
  return await Promise.all(
    node.services.map(async (service): Promise<PortLook> => {
      const { port } = inventory.services[service];
      return { service, port, state: await tryPort(node.productionAddress, port, signal) };
    }),
  );
}

function tryPort(host: string, port: number, signal: AbortSignal): Promise<PortLook["state"]> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (state: PortLook["state"]) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      socket.destroy();
      resolve(state);
    };
    const onAbort = () => end("silent");
    const timer = setTimeout(end, portMs, "silent");
    signal.addEventListener("abort", onAbort);
    socket.once("connect", () => end("open"));
    socket.once("error", (error: NodeJS.ErrnoException) =>
      end(error.code === "ECONNREFUSED" ? "refused" : "silent"),
    );
    if (signal.aborted) onAbort();
  });
}

/** Services that show the node's certificate to whoever connects. */
const showing = ["chainfire", "flaredb", "iam"] as const;

/** Shakes hands with each service that shows the node's certificate. `authority`: the cluster's CA in PEM. */
export async function lookAtHandshakes(
  { inventory, authority }: { inventory: Inventory; authority: string },
  node: Node,
  fingerprint: string,
  signal: AbortSignal,
): Promise<HandshakeLook[]> {
  const shown = showing.filter((service) => node.services.includes(service));
  return await Promise.all(
    shown.map(async (service): Promise<HandshakeLook> => {
      const target = { address: node.productionAddress, port: inventory.services[service].port };
      const trust = { servername: node.fqdn, ca: authority, fingerprint, timeoutMs: handshakeMs };
      return { service, presented: await presentedCertificate({ ...target, ...trust }, signal) };
    }),
  );
}

/** Shorter than what operations allow: one machine that is off must not keep the others from being seen. */
export const layerLimits = { timeoutMs: 7000, maxBodyBytes: 256 * 1024 };

/** A look at all members of each layer, judged together. */
export async function lookAtLayers(
  { nodes, cluster }: Inventory,
  driver: (layer: Layer) => Driver,
  signal: AbortSignal,
): Promise<readonly Judgement[]> {
  const members = nodes.map(({ name, fqdn, productionAddress: address }) => ({
    ...{ name, fqdn, address },
  }));
  return await Promise.all(
    cluster.layers.map(async (layer) =>
      judge({ layer, observations: await observe(driver(layer), members, signal) }),
    ),
  );
}
