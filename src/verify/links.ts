// Does every node reach every other one at its cluster ports, and how fast (runbook §6.5, requirements D23, A24)? Asked on the nodes themselves.

import { layers } from "../cluster/driver.ts";
import type { Inventory, Node } from "../inventory/schema.ts";
import { error, ok, warning } from "../preflight/line.ts";
import type { VerifyLine } from "./line.ts";
import type { Probes } from "./probes.ts";
import { portsOf, type Scope } from "./scope.ts";
import { unknownKeyNext } from "./services.ts";

/** Runbook §3.6: below the first is ideal, the second is the limit. */
const idealMs = 1;
const limitMs = 5;
const connectSeconds = 2;
/** Peers that one node tries at a time, and nodes that are logged in to at a time. */
const atOnce = 16;
const loginMs = 5000;

export async function checkLinks(
  { inventory, nodes }: Scope,
  { shell }: Pick<Probes, "shell">,
  signal: AbortSignal,
): Promise<readonly VerifyLine[]> {
  if (nodes.length < 2)
    return [ok({ area: "links", title: "nodes" }, `${nodes.length} node, so no links`)];
  const lines: VerifyLine[] = [];
  for (let from = 0; from < nodes.length; from += atOnce) {
    const batch = nodes.slice(from, from + atOnce);
    const found = batch.map((node) => checkLinksOf(inventory, node, nodes, shell, signal));
    lines.push(...(await Promise.all(found)).flat());
  }
  return lines;
}

async function checkLinksOf(
  inventory: Inventory,
  node: Node,
  nodes: readonly Node[],
  shell: Probes["shell"],
  signal: AbortSignal,
): Promise<readonly VerifyLine[]> {
  const peers = nodes
    .filter(({ name }) => name !== node.name)
    .map((peer) => ({ node: peer, ports: clusterPorts(inventory, peer) }));
  const rounds = Math.ceil(peers.length / atOnce);
  const timeoutMs = loginMs + rounds * (connectSeconds + 1.6) * 1000;
  const options = { timeoutMs, input: linkScript(peers) };
  const answer = await shell.run(node, "bash -s", options, signal);
  if (answer.ok) return linkLines(node, peers, answer.stdout);
  const subject = { area: "links", title: `from ${node.name}` } as const;
  if (answer.kind === "unknown-key")
    return [warning(subject, `not tried: ${answer.why}`, unknownKeyNext(node))];
  return [error(subject, `not tried: ${answer.why}`, `ssh root@${node.fqdn} must work from here`)];
}

export interface Peer {
  readonly node: Node;
  readonly ports: readonly number[];
}

/** Where other members come to: the API and Raft ports of the layers. */
function clusterPorts(inventory: Inventory, node: Node): readonly number[] {
  return layers.flatMap((layer) => {
    const ports = portsOf(inventory, node, layer);
    return ports === undefined ? [] : [ports.port, ports.raftPort];
  });
}

/**
 * A bash script that prints `tcp ADDRESS PORT open|refused|silent` for each port and `ping ADDRESS LINE` with the last line of ping. It
 * needs bash, timeout (that of BusyBox ends with 143) and ping, and changes nothing. Its words are addresses and numbers, so nothing is quoted.
 */
export function linkScript(peers: readonly Peer[]): string {
  const calls = peers.map(
    ({ node, ports }) =>
      `(${ports.map((port) => `try ${node.productionAddress} ${port}`).join("; ")}${
        ports.length === 0 ? "" : "; wait; "
      }round_trip ${node.productionAddress}) &`,
  );
  const rounds = calls.map((call, index) =>
    index % atOnce === atOnce - 1 ? `${call}\nwait` : call,
  );
  return `export LC_ALL=C
try() {
  (
    timeout ${connectSeconds} bash -c ": </dev/tcp/$1/$2" 2>/dev/null
    case $? in 0) echo "tcp $1 $2 open" ;; 124 | 143) echo "tcp $1 $2 silent" ;; *) echo "tcp $1 $2 refused" ;; esac
  ) &
}
round_trip() { echo "ping $1 $(ping -n -q -c 3 -i 0.2 -W 1 "$1" 2>&1 | tail -n 1)"; }
${rounds.join("\n")}
wait
`;
}

/** What the script printed on `node`, as two lines: its connections, and its round trips. */
export function linkLines(node: Node, peers: readonly Peer[], output: string): VerifyLine[] {
  const said = new Map<string, string>();
  for (const line of output.split("\n")) {
    const found = /^(tcp \S+ \d+|ping \S+) ?(.*)$/.exec(line);
    if (found !== null) said.set(found[1] ?? "", found[2] ?? "");
  }
  return [connectionLine(node, peers, said), roundTripLine(node, peers, said)];
}

type Said = ReadonlyMap<string, string>;

function connectionLine(node: Node, peers: readonly Peer[], said: Said): VerifyLine {
  const subject = { area: "links", title: `from ${node.name}, connections` } as const;
  const faults = peers.flatMap(({ node: peer, ports }) => {
    const closed = ports.flatMap((port) => {
      const what = said.get(`tcp ${peer.productionAddress} ${port}`) ?? "not tried";
      return what === "open" ? [] : [`${port} ${what}`];
    });
    return closed.length === 0 ? [] : [`${peer.name}: ${closed.join(", ")}`];
  });
  const ports = [...new Set(peers.flatMap((peer) => peer.ports))].join(", ");
  if (faults.length === 0) return ok(subject, `${names(peers)}: ${ports} open`);
  return error(
    subject,
    faults.join("; "),
    "refused: the service is down there; silent: see to routes and to the firewalls of both nodes",
  );
}

function roundTripLine(node: Node, peers: readonly Peer[], said: Said): VerifyLine {
  const subject = { area: "links", title: `from ${node.name}, round trip` } as const;
  const trips = peers.map(({ node: peer }) => {
    const line = said.get(`ping ${peer.productionAddress}`) ?? "";
    // rtt min/avg/max/mdev = 0.041/0.052/0.071/0.012 ms; BusyBox writes it with three figures.
    const average = /= [\d.]+\/([\d.]+)\//.exec(line)?.[1];
    return { peer: peer.name, line, ms: average === undefined ? undefined : Number(average) };
  });
  const measured = trips.flatMap(({ peer, ms }) => (ms === undefined ? [] : [{ peer, ms }]));
  const shown = (some: typeof measured) =>
    some.map(({ peer, ms }) => `${peer} ${ms.toFixed(2)} ms`).join(", ");
  const links = "look at what lies between them: cables, duplex, load, a switch too many";
  const slow = measured.filter(({ ms }) => ms >= limitMs);
  if (slow.length > 0) return error(subject, `${shown(slow)}; ${limitMs} ms is the limit`, links);
  const silent = trips.find(({ ms }) => ms === undefined);
  if (silent !== undefined) {
    const others = trips.filter(({ ms }) => ms === undefined).map(({ peer }) => peer);
    const why = silent.line === "" ? "nothing" : silent.line;
    return warning(
      subject,
      `no round trip to ${others.join(", ")} (ping said: ${why})`,
      `on ${node.name}: ping -c 3 ${others[0]}`,
    );
  }
  const late = measured.filter(({ ms }) => ms >= idealMs);
  if (late.length > 0)
    return warning(subject, `${shown(late)}; below ${idealMs} ms is ideal`, links);
  if (measured.length <= 4) return ok(subject, shown(measured));
  const all = measured.map(({ ms }) => ms);
  const [least, most] = [Math.min(...all), Math.max(...all)];
  return ok(subject, `${all.length} nodes, ${least.toFixed(2)} to ${most.toFixed(2)} ms`);
}

function names(peers: readonly Peer[]): string {
  if (peers.length > 4) return `${peers.length} nodes`;
  return peers.map(({ node }) => node.name).join(", ");
}
