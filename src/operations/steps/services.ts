// Stops and starts a node's services in the order of their dependencies: FlareDB needs Chainfire, so it stops before it and
// starts after it (the runbook's 7.5 stops them the other way round: trap 12).

import { layersOf } from "../../inventory/peers.ts";
import type { Inventory, Node } from "../../inventory/schema.ts";
import type { ServiceName } from "../../inventory/services.ts";
import type { UnitName } from "../certificates/services.ts";
import type { ShellAnswer } from "../node-shell.ts";
import { done, failed, type Step, type StepResult, wait } from "../result.ts";
import type { Work } from "../verb.ts";

/** What needs another stands before it. */
const stopping: readonly ServiceName[] = [
  "k8shost",
  "plasmavmc",
  "prismnet",
  "fiberlb",
  "flashdns",
  "iam",
  "flaredb",
  "chainfire",
];

/** The units of a node, in the order in which they stop: its services, then its etcd where that is the cluster's layer. */
export function unitsOf(
  node: Pick<Node, "name" | "services">,
  inventory: Pick<Inventory, "cluster" | "nodes">,
): readonly UnitName[] {
  const own = stopping.filter((service) => node.services.includes(service));
  return layersOf(inventory, node).includes("etcd") ? [...own, "etcd"] : own;
}

export function stopServices(work: Work, node: Node): Step {
  return switchServices(work, node, "stop", unitsOf(node, work.inventory));
}

export function startServices(work: Work, node: Node): Step {
  return switchServices(work, node, "start", unitsOf(node, work.inventory).toReversed());
}

function switchServices(
  { shell, inventory }: Work,
  node: Node,
  verb: "stop" | "start",
  units: readonly string[],
): Step {
  const timeoutMs = inventory.timeouts.serviceSeconds * 1000;
  return {
    id: `${verb}-services-${node.name}`,
    title: `${verb} ${units.join(", ")}`,
    node: node.name,
    deadlineMs: (inventory.timeouts.budgetSeconds + inventory.timeouts.serviceSeconds) * 1000,
    next: `on node ${node.name} read: journalctl -n 100 ${units.map((unit) => `-u ${unit}`).join(" ")}`,
    run: async (_attempt, signal) => {
      if (units.length === 0) return done({ units });
      // One after the other, each waited for: systemctl ends when the unit has stopped or started.
      const command = units.map((unit) => `systemctl ${verb} ${unit}.service`).join(" && ");
      const answer = await shell.run(node, command, { timeoutMs }, signal);
      return answer.ok ? done({ units }) : shellFailure(node, answer);
    },
  };
}

/** What a step makes of a command that did not succeed: gone machines may come back, refused ones will not. */
export function shellFailure(
  node: Node,
  { kind, why }: Extract<ShellAnswer, { ok: false }>,
): StepResult {
  switch (kind) {
    case "refused":
    case "unreachable":
    case "timeout":
      return wait(3000, why);
    case "command":
      return failed(why, `on node ${node.name} read: journalctl -n 100`);
    case "authentication":
      return failed(
        why,
        `let the provisioning key in as root on node ${node.name}: install.sshKey, or ssh/id_ed25519.pub of the state directory`,
      );
    case "host-key-changed":
    case "unknown-key":
      return failed(
        why,
        `find out which machine answers at ${node.productionAddress}: rackstrap diagnose ${node.name}`,
      );
  }
}
