// What is sent to a node goes elsewhere before it stops, and comes back after: the backends of the balancers (requirement D20)
// and virtual machines (D19). Nodes that do not run such a service are not asked.

import { z } from "zod";
import type { BackendStatus } from "../../cluster/workload-api.ts";
import type { Node } from "../../inventory/schema.ts";
import { done, failed, type Step, type StepResult, wait } from "../result.ts";
import type { Work } from "../verb.ts";
import { shellFailure } from "./services.ts";

/** Tells every balancer in service whether to send anything to the node; no step where none is declared. */
export function balance(work: Work, node: Node, status: BackendStatus): readonly Step[] {
  const { inventory, nodes, workload } = work;
  const declared = inventory.nodes.filter(({ services }) => services.includes("fiberlb"));
  if (declared.length === 0) return [];
  return [
    {
      id: `balance-${status}-${node.name}`,
      title: status === "drain" ? "have the balancers spare it" : "have the balancers use it",
      node: node.name,
      deadlineMs: inventory.timeouts.serviceSeconds * 1000,
      next: `look at fiberlb on ${declared.map(({ name }) => name).join(", ")}: systemctl status fiberlb`,
      run: async (_attempt, signal) => {
        // One whose services are stopped balances nothing; it learns of its backends when it is put back.
        const balancers = declared.filter(
          ({ name }) => name === node.name || nodes.node(name).state === "active",
        );
        const tellings = [
          // First, for it balances already.
          ...(status === "active" ? missedBy(work, node) : []),
          ...balancers.map((balancer) => ({ balancer, backend: node.name, status })),
        ];
        for (const { balancer, backend, status: told } of tellings) {
          const answer = await workload.setBackend(balancer, backend, told, signal);
          // It spares no node that it does not know. One that is about to stop it may know by another name, and send it more.
          const isNoBackend = !answer.ok && answer.refusal?.status === 404;
          if (isNoBackend && !(backend === node.name && told === "drain")) continue;
          if (!answer.ok) return wait(3000, `fiberlb on ${balancer.name}: ${answer.failed}`);
        }
        return done({ balancers: balancers.map(({ name }) => name) });
      },
    },
  ];
}

interface Telling {
  readonly balancer: Node;
  readonly backend: string;
  readonly status: BackendStatus;
}

/** What the other balancers were told while this node was out of service, where it runs one: of each other node whether it is spared. */
function missedBy({ inventory, nodes }: Work, balancer: Node): readonly Telling[] {
  if (!balancer.services.includes("fiberlb")) return [];
  return inventory.nodes
    .filter(({ name }) => name !== balancer.name)
    .flatMap(({ name: backend }): Telling[] => {
      const { state } = nodes.node(backend);
      // Of a node that is neither, nobody was told.
      if (state !== "active" && state !== "drained") return [];
      return [{ balancer, backend, status: state === "active" ? "active" : "drain" }];
    });
}

/** Moves the virtual machines off the node and waits until none is left; no step where it runs none. */
export function migrateMachines(work: Work, node: Node): readonly Step[] {
  const { inventory } = work;
  if (!node.services.includes("plasmavmc")) return [];
  return [
    {
      id: `migrate-${node.name}`,
      title: "move its virtual machines to other nodes",
      node: node.name,
      deadlineMs: inventory.timeouts.migrateSeconds * 1000,
      next: `on node ${node.name} read: journalctl -n 100 -u plasmavmc; or move what is left by hand, then: rackstrap drain ${node.name} --execute`,
      run: async ({ evidence, nowMs }, signal) =>
        await moveMachines(work, node, asked.parse(evidence["asked"] ?? {}), nowMs, signal),
    },
  ];
}

const askedShape = z.object({ target: z.string(), atMs: z.number() });

type Asked = Readonly<z.output<typeof askedShape>>;

/** Where each machine was asked to go, and when. */
const asked = z.record(
  z.string(),
  // An operation may be older than this program: such a one knows the target alone, and asks again at once.
  z.union([askedShape, z.string().transform((target) => ({ target, atMs: 0 }))]),
);

const askAgainMs = 60_000;

// Which machines are on a node only the node itself says: PlasmaVMC's list is of the whole cluster.
const listCommand =
  "systemctl list-units --plain --no-legend --state=active,activating,reloading,deactivating 'plasmavmc-vm@*.service'";

async function moveMachines(
  work: Work,
  node: Node,
  before: Readonly<Record<string, Asked>>,
  nowMs: number,
  signal: AbortSignal,
): Promise<StepResult> {
  const { shell, workload } = work;
  const answer = await shell.run(node, listCommand, { timeoutMs: 30_000 }, signal);
  if (!answer.ok) return shellFailure(node, answer);
  const left = [...answer.stdout.matchAll(/^plasmavmc-vm@(\S+)\.service\s/gm)].map(
    ([, machine = ""]) => machine,
  );
  if (left.length === 0) return done({ asked: before });
  const now = { ...before };
  const able = await ableHosts(work, node, signal);
  for (const [index, machine] of left.entries()) {
    const last = now[machine];
    if (last !== undefined && isRecent(last, nowMs)) continue;
    const target = able.find(({ name }) => name === last?.target) ?? able[index % able.length];
    // One that was asked for may be on its way, whatever its host says of itself at this moment.
    if (target === undefined && last !== undefined) continue;
    if (target === undefined)
      return failed(
        `${left.join(", ")} run on node ${node.name}, and no other node that runs plasmavmc is active and healthy`,
        "stop the machines, or bring another host of machines back, then drain again",
      );
    const begun = await workload.migrate(node, machine, target.name, signal);
    if (!begun.ok) return wait(3000, `${machine}: ${begun.failed}`, { asked: now });
    now[machine] = { target: target.name, atMs: nowMs };
  }
  const noHost =
    able.length > 0 ? "" : "; no other node that runs plasmavmc is active and healthy now";
  return wait(3000, `on their way: ${left.join(", ")}${noHost}`, { asked: now });
}

/** The API does not tell what becomes of a migration: a machine that is still there after a while is asked for again. */
function isRecent({ atMs }: Asked, nowMs: number): boolean {
  const agoMs = nowMs - atMs;
  // A clock that was set back must not make it recent for hours.
  return agoMs >= 0 && agoMs < askAgainMs;
}

/** The other nodes that take machines now. */
async function ableHosts(
  { workload, inventory, nodes }: Work,
  node: Node,
  signal: AbortSignal,
): Promise<readonly Node[]> {
  const hosts = inventory.nodes.filter(
    ({ name, services }) =>
      name !== node.name && services.includes("plasmavmc") && nodes.node(name).state === "active",
  );
  const able: Node[] = [];
  for (const host of hosts) {
    const healthy = await workload.takesMachines(host, signal);
    if (healthy.ok && healthy.value) able.push(host);
  }
  return able;
}
