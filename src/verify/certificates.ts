// Is the certificate that each port shows in date, of the cluster CA, and for its node (runbook §6.4, requirement D22)?

import type { Inventory, Node } from "../inventory/schema.ts";
import { error, ok, warning } from "../preflight/line.ts";
import type { VerifyLine } from "./line.ts";
import type { Probes, Shown } from "./probes.ts";
import { portsOf, type Scope } from "./scope.ts";
import { flashdnsHealthPort } from "./services.ts";

const dayMs = 24 * 60 * 60 * 1000;
const leastDays = 30;

export async function checkCertificates(
  { nodes, inventory }: Scope,
  probes: Pick<Probes, "handshake" | "issuedFingerprint" | "now">,
  signal: AbortSignal,
): Promise<readonly VerifyLine[]> {
  const places = nodes.flatMap((node) => placesOf(inventory, node));
  const lines = places.map(async (place) => {
    const certificate = await probes.handshake(place.node, place.port, signal);
    const issued = probes.issuedFingerprint(place.node.name);
    return certificateLine(place, certificate, issued, probes.now());
  });
  return await Promise.all(lines);
}

function placesOf(inventory: Inventory, node: Node): readonly Place[] {
  const etcd = portsOf(inventory, node, "etcd");
  const services = node.services.flatMap((service): Place[] => {
    if (service === "flashdns") return [{ node, service, port: flashdnsHealthPort }];
    // A kubelet has certificates of its own cluster's CA.
    return service === "k8shost" ? [] : [{ node, service, port: inventory.services[service].port }];
  });
  return [...services, ...(etcd === undefined ? [] : [{ node, service: "etcd", port: etcd.port }])];
}

interface Place {
  readonly node: Node;
  readonly service: string;
  readonly port: number;
}

/** `issued` is the fingerprint of the node's last certificate from here, where there is one. */
export function certificateLine(
  { node, service, port }: Place,
  shown: Shown,
  issued: string | undefined,
  nowMs: number,
): VerifyLine {
  const subject = { area: "certificates", title: `${node.name} ${service} ${port}` } as const;
  const renew = `give ${node.name} a new one: rackstrap certs rotate ${node.name}`;
  if (shown.kind === "silent")
    return error(subject, shown.why, `on ${node.name}: systemctl status ${service}`);
  const { notBeforeMs, notAfterMs, chainFault, namesNode, names, fingerprint } = shown;
  const end = day(notAfterMs);
  if (nowMs >= notAfterMs) return error(subject, `ended ${end}`, renew);
  if (nowMs < notBeforeMs)
    return error(
      subject,
      `is not valid before ${day(notBeforeMs)}`,
      `compare the clocks of ${node.name} and of this server`,
    );
  if (chainFault !== undefined)
    return error(subject, `does not chain to the cluster CA (${chainFault})`, renew);
  if (!namesNode)
    return error(subject, `is for ${names || "no name"}, and not for ${node.fqdn}`, renew);
  const days = Math.floor((notAfterMs - nowMs) / dayMs);
  const dates = `ends ${end}, in ${days} days`;
  if (days < leastDays) return warning(subject, dates, renew);
  if (issued !== undefined && issued !== fingerprint)
    return warning(
      subject,
      `${dates}, and is not the one issued last`,
      `restart ${service} on ${node.name} if it got a new one since; rackstrap certs list has what was issued`,
    );
  return ok(subject, `${dates}; of the cluster CA, for ${node.fqdn}`);
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
