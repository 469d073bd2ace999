// Before anything is touched: is all there that the install needs, and is the node free to be installed?

import { BmcError, mayPass } from "../../bmc/bmc.ts";
import { refuseKeyOwner } from "../../install/key-owner.ts";
import { declaredIdentity } from "../../inventory/find.ts";
import type { Node } from "../../inventory/schema.ts";
import { nextState } from "../../nodes/state.ts";
import { refuseLayout } from "../disk-guard.ts";
import type { StepContext } from "../provision.ts";
import { done, failed, type Step, type StepResult, wait } from "../result.ts";

export function checkNode(context: StepContext): Step {
  const { node } = context;
  return {
    id: "check",
    title: "check assets, BMC and cluster",
    deadlineMs: 60_000,
    next: `ask the BMC by hand: rackstrap power status ${node.name}`,
    run: async (attempt, signal) => {
      if (node.protected)
        return failed(
          `node ${node.name} is protected: it is never installed over`,
          `make sure that nothing on it is needed, take "protected" out of its inventory entry, then provision it`,
        );
      const unfit = refuseLayout(node) ?? refuseKeyOwner(node.name, context.inventory.pki.keyOwner);
      if (unfit !== undefined) return failed(unfit.reason, unfit.next);
      const { state } = context.nodes.node(node.name);
      if (nextState(state, "install-armed") === undefined)
        return failed(
          `node ${node.name} is ${state}: an install would destroy it`,
          `look at it first: rackstrap explain ${node.name}`,
        );
      const missing = await context.missingAssets(node);
      if (missing.length > 0)
        return failed(missing.join("; "), "add the files and run: rackstrap check");
      const member = await memberOf(context);
      if (member !== undefined)
        return failed(
          `node ${node.name} is a member of ${member}: wiping it would take a voter from a living cluster`,
          `to wipe it all the same and let it join again: rackstrap reprovision ${node.name}`,
        );
      const answer = await askBmc(context, attempt.evidence, signal);
      if (answer.kind !== "done" || answer.evidence?.["power"] !== "on") return answer;
      // One that was installed is declared, and does not wait there: a report is of before its install.
      if (context.nodes.lastInstall(node.name)?.mac === node.mac)
        return (await isClusterOutOfSight(context)) ? perhapsVoter(context) : answer;
      // It was looked at there, before it was accepted, and nothing was written to it since.
      const waiting = waitsInDiscovery(context);
      return waiting === "it" ? answer : runningStranger(node, waiting);
    },
  };
}

/** A machine that is on and was never installed from here may hold someone's work; switching it off is for a person to say. */
function runningStranger(node: Node, waiting: Exclude<Waiting, "it">): StepResult {
  const { also, remedy } = strangerWords[waiting](node);
  return failed(
    `node ${node.name} (${node.mac}) is powered on and was never installed from here: it may be in use${also}`,
    `make sure that nothing on it is needed, switch it off (rackstrap power off ${node.name}), then provision it${remedy}`,
  );
}

/**
 * Who is heard from the discovery image by the node's MAC: nobody, the declared machine, another one, or one that the entry knows
 * by its MAC alone.
 */
type Waiting = "nobody" | "it" | "another" | "unknown";

const strangerWords: Readonly<
  Record<Exclude<Waiting, "it">, (node: Node) => { readonly also: string; readonly remedy: string }>
> = {
  nobody: () => ({ also: "", remedy: "" }),
  another: ({ mac }) => ({
    also: `; the discovery image that is heard by its MAC ${mac} reported another serial number or UUID than its entry has`,
    remedy: `; or correct serial and uuid of its entry, if rackstrap discovered ${mac} shows this machine's`,
  }),
  unknown: ({ mac }) => ({
    also: `; the discovery image is heard by its MAC ${mac}, which anybody can set`,
    remedy: `; or write the machine's serial number or UUID into its entry (serial, uuid), as rackstrap discovered ${mac} shows it`,
  }),
};

// The image says every half minute that it waits. A machine that was restarted since is soon not heard any more.
const discoverySilenceMs = 120_000;
// It reports in its first minute and switches the machine off after an hour: whoever still waits then is not it.
const reportHoldsMs = 65 * 60_000;

/**
 * A MAC can be set by anybody, and so can the signals in its name be sent. The report came before the machine was declared, for later
 * ones are refused: what it says has to be what the operator then wrote down.
 */
function waitsInDiscovery({ node, nodes, clock }: StepContext): Waiting {
  const { report, waitingMs } = nodes.discovery(node.mac) ?? {};
  if (report === undefined || waitingMs === undefined) return "nobody";
  const nowMs = clock.now();
  const isHeard = waitingMs > report.atMs && nowMs - waitingMs < discoverySilenceMs;
  if (!isHeard || nowMs - report.atMs >= reportHoldsMs) return "nobody";
  const declared = declaredIdentity(node);
  if (declared.serial === undefined && declared.uuid === undefined) return "unknown";
  const { serial, uuid } = report.machine.system;
  const isIt =
    (declared.serial === undefined || declared.serial === serial) &&
    (declared.uuid === undefined || declared.uuid === uuid?.toLowerCase());
  return isIt ? "it" : "another";
}

/** True when there is a cluster, and no member of it answers. */
async function isClusterOutOfSight(context: StepContext): Promise<boolean> {
  const { cluster, clusters, inventory } = context;
  if (clusters.claim(inventory.cluster.name)?.initialisedAtMs === undefined) return false;
  return (await cluster.views()).every(({ verdict }) => verdict === "no-cluster");
}

/** Switching off a voter of a cluster that this server can't reach may cost that its majority. */
function perhapsVoter({ node, inventory }: StepContext): StepResult {
  const { name } = inventory.cluster;
  return failed(
    `node ${node.name} is powered on, and no member of cluster ${name} answers: it may be a voter that this server cannot reach`,
    `see to the network to the production addresses (rackstrap cluster status); if the cluster is really gone, switch the node off: rackstrap power off ${node.name}`,
  );
}

async function memberOf(context: StepContext): Promise<string | undefined> {
  const views = await context.cluster.views();
  return views.find((view) => view.members.some((member) => member.id === context.node.name))
    ?.layer;
}

async function askBmc(
  context: StepContext,
  evidence: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<StepResult> {
  const { node, controller } = context;
  try {
    return done({ power: await controller.powerState(signal) });
  } catch (error) {
    if (!(error instanceof BmcError)) throw error;
    const tries = Number(evidence["bmcTries"] ?? 0) + 1;
    // Three tries, then the truth: a BMC that is slow to wake is common, one that needs longer is not.
    if (mayPass(error) && tries < 3) return wait(5000, error.message, { bmcTries: tries });
    return failed(
      error.message,
      error.kind === "authentication"
        ? `correct the user or password of node ${node.name}'s BMC ${node.bmc.address} in the inventory's secret, then run: rackstrap power status ${node.name}`
        : `check the BMC ${node.bmc.address} and its network, then run: rackstrap power status ${node.name}`,
    );
  }
}
