// Gathers what there is to know of a node, all of it at the same time and each item within a limit: one that hangs costs only itself.
// It draws no conclusion, and changes nothing.

import type { Judgement } from "../cluster/judge.ts";
import type { LiveInventory } from "../inventory/live.ts";
import { layersOf } from "../inventory/peers.ts";
import type { Node } from "../inventory/schema.ts";
import { messageOf } from "../net/error-text.ts";
import type { NodeStore, TimelineEvent } from "../nodes/ports.ts";
import { bootEvents, consoleFault, lastBootStage } from "../operations/boot-stage.ts";
import {
  type ClusterStore,
  mostLooked,
  type Operation,
  type OperationStore,
} from "../operations/operation.ts";
import type { Clock } from "../operations/runner.ts";
import type { CertificateStore } from "../pki/issued.ts";
import type { CheckLine } from "../preflight/line.ts";
import type {
  BmcLook,
  Evidence,
  HandshakeLook,
  InstallerLook,
  InstallLook,
  Known,
  PortLook,
  ServerLook,
  SystemLook,
} from "./evidence.ts";

/** What is asked about one node. Each ends at the signal, and may throw one sentence: nobody knows then. */
export interface Looks {
  server(node: Node): Promise<ServerLook>;
  /** This server's interface that the node boots through, and its firewall. */
  surroundings(node: Node): Promise<readonly CheckLine[]>;
  bmc(node: Node, signal: AbortSignal): Promise<BmcLook>;
  installer(
    node: Node,
    operation: Operation | undefined,
    signal: AbortSignal,
  ): Promise<InstallerLook>;
  install(operation: Operation | undefined, nowMs: number): Promise<InstallLook>;
  system(node: Node, signal: AbortSignal): Promise<SystemLook>;
  ports(node: Node, signal: AbortSignal): Promise<readonly PortLook[]>;
  /** `fingerprint`: of the certificate that was issued for the node last. */
  handshakes(
    node: Node,
    fingerprint: string,
    signal: AbortSignal,
  ): Promise<readonly HandshakeLook[]>;
  layers(signal: AbortSignal): Promise<readonly Judgement[]>;
}

export interface GatherTools {
  readonly inventory: LiveInventory;
  readonly nodes: Pick<NodeStore, "node" | "events">;
  readonly operations: Pick<OperationStore, "operation" | "outlines">;
  readonly clusters: Pick<ClusterStore, "claim">;
  readonly certificates: Pick<CertificateStore, "certificates">;
  readonly looks: Looks;
  readonly clock: Clock;
}

/** So that all of it is over within ten seconds, the answer included. */
const limitMs = 8500;

export async function gather(tools: GatherTools, node: Node): Promise<Evidence> {
  const { nodes, looks, clock, certificates, clusters, inventory } = tools;
  const nowMs = clock.now();
  const claim = clusters.claim(inventory().cluster.name);
  const operation = newestInstall(tools.operations, node);
  const events = eventsSince(nodes, node, operation);
  const issued = certificates.certificates().find((record) => record.node === node.name);
  const ask = <T>(look: (signal: AbortSignal) => Promise<T>) => within(clock, look);
  const noCertificate = async () => {
    throw new Error("no certificate was issued for it from here");
  };
  const [server, surroundings, bmc, installer, install, system, ports, handshakes, layers] =
    await Promise.all([
      ask(() => looks.server(node)),
      ask(() => looks.surroundings(node)),
      ask((signal) => looks.bmc(node, signal)),
      ask((signal) => looks.installer(node, operation, signal)),
      ask(() => looks.install(operation, nowMs)),
      ask((signal) => looks.system(node, signal)),
      ask((signal) => looks.ports(node, signal)),
      ask(
        issued === undefined
          ? noCertificate
          : (signal) => looks.handshakes(node, issued.fingerprint, signal),
      ),
      ask((signal) => looks.layers(signal)),
    ]);
  return {
    ...{ node, nowMs, operation, issued },
    ownLayers: layersOf(inventory(), node),
    state: nodes.node(node.name).state,
    boot: lastBootStage(events),
    declined: declinedAddress(events),
    consoleFault: consoleFault(events),
    consoleStage: consoleStage(events),
    founder: claim?.node,
    formed: claim?.initialisedAtMs !== undefined,
    ...{ server, surroundings, bmc, installer, install, system, ports, handshakes, layers },
  };
}

/** Resolves in time with what the look says, or with why it says nothing. */
async function within<T>(
  clock: Clock,
  look: (signal: AbortSignal) => Promise<T>,
): Promise<Known<T>> {
  const over = new AbortController();
  const late: Promise<Known<T>> = clock.sleep(limitMs, over.signal).then(() => ({
    known: false,
    why: `no answer within ${limitMs / 1000} s`,
  }));
  const stop = new AbortController();
  const answer: Promise<Known<T>> = look(stop.signal).then(
    (value) => ({ known: true, value }),
    (error: unknown) => ({ known: false, why: messageOf(error) }),
  );
  const first = await Promise.race([answer, late]);
  stop.abort();
  over.abort();
  return first;
}

/** Operations of other kinds do not tell how the machine got its system. */
function newestInstall(
  operations: GatherTools["operations"],
  { name }: Node,
): Operation | undefined {
  const newest = operations
    .outlines(mostLooked)
    .find(({ node, steps }) => node === name && steps.some(({ id }) => id === "install"));
  return newest && operations.operation(newest.id);
}

const newestEvents = 200;

/** What the machine did since its newest install began, else what is known of it. */
function eventsSince(
  nodes: Pick<NodeStore, "events">,
  { name }: Node,
  operation: Operation | undefined,
): readonly TimelineEvent[] {
  if (operation === undefined) return nodes.events({ node: name, limit: newestEvents });
  // The restart into its own disk is another boot than the one that is looked at.
  return bootEvents(nodes, operation);
}

function consoleStage(events: readonly TimelineEvent[]): string | undefined {
  const last = events.findLast(({ kind }) => kind === "console-stage-reached");
  return last === undefined ? undefined : String(last.detail["stage"]);
}

function declinedAddress(events: readonly TimelineEvent[]): string | undefined {
  const last = events.findLast(({ kind }) => kind.startsWith("dhcp-"));
  return last?.kind === "dhcp-declined" ? String(last.detail["address"]) : undefined;
}
