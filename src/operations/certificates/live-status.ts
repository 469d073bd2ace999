// Asks the services of nodes which certificates they show. Changes nothing.

import type { Inventory, Node } from "../../inventory/schema.ts";
import { messageOf } from "../../net/error-text.ts";
import type { Ca } from "../../pki/ca.ts";
import { type ShownQuery, shownCertificate } from "../../pki/handshake.ts";
import { subjectNames } from "../../pki/issue.ts";
import type { IssuedRecord } from "../../pki/issued.ts";
import { readCertificate } from "../../pki/reading.ts";
import { certificateAddresses } from "../certificate-addresses.ts";
import { showing } from "./services.ts";
import type { NodeReading, PortReading } from "./status.ts";

/** Of a hundred nodes that are all off, the last is known after four of these. */
const timeoutMs = 5000;
const atOnce = 32;

interface ReadingTools {
  readonly inventory: Inventory;
  readonly ca: Ca;
  /** Newest first. */
  readonly issued: readonly IssuedRecord[];
}

/** What each of `nodes` was given and shows now. Never rejects for what a node does. */
export async function readNodes(
  tools: ReadingTools,
  nodes: readonly Node[],
  signal: AbortSignal,
): Promise<NodeReading[]> {
  const readings: NodeReading[] = [];
  for (let index = 0; index < nodes.length; index += atOnce) {
    const group = nodes.slice(index, index + atOnce);
    readings.push(...(await Promise.all(group.map((node) => readNode(tools, node, signal)))));
  }
  return readings;
}

async function readNode(
  { inventory, ca, issued }: ReadingTools,
  node: Node,
  signal: AbortSignal,
): Promise<NodeReading> {
  const { name, fqdn, productionAddress: address } = node;
  const { dns, ip } = subjectNames({
    ...{ name, fqdn, addresses: certificateAddresses(node, inventory) },
  });
  const ports = showing(node).map(async (service): Promise<PortReading> => {
    const { port } = inventory.services[service];
    const query = { address, port, servername: fqdn, ca: ca.certPem, timeoutMs };
    return { service, port, answer: await readPort(query, ca, signal) };
  });
  return {
    ...{ node, wanted: [...dns, ...ip], ports: await Promise.all(ports) },
    issued: issued.find((record) => record.node === name),
  };
}

async function readPort(
  query: ShownQuery,
  ca: Ca,
  signal: AbortSignal,
): Promise<PortReading["answer"]> {
  const shown = await shownCertificate(query, signal);
  if (shown.kind === "silent") return shown;
  const { der, untrusted } = shown;
  if (der === undefined) return { kind: "silent", why: "it shows none" };
  try {
    return { kind: "shown", certificate: await readCertificate(der, ca), untrusted };
  } catch (error) {
    return { kind: "silent", why: `what it shows can't be read: ${messageOf(error)}` };
  }
}
