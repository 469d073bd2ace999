// A machine that was a member is switched off and seen off: with its id in new hands it must not vote once more. What nobody saw is not
// assumed (reliability F7).

import { BmcError } from "../../bmc/bmc.ts";
import { ensurePower } from "../../bmc/power.ts";
import type { Node } from "../../inventory/schema.ts";
import { changesSinceInstall, formerMachineRefusals } from "../former-machine.ts";
import { type Attempt, done, failed, type Step, type StepResult, wait } from "../result.ts";
import type { Work } from "../verb.ts";
import { spent } from "../window.ts";

export interface FenceOptions {
  /** Its name was typed: the machine is gone, and its BMC need not answer. */
  readonly gone: boolean;
  /** Where its BMC does not answer, the system on it is asked to power off. */
  readonly overSsh: boolean;
}

// ≤60 s for each action at a BMC (reliability F7).
const bmcMs = 60_000;
const sshMs = 30_000;

export function fence(work: Work, node: Node, options: FenceOptions): Step {
  return {
    id: "fence",
    title: options.gone ? "the former machine is said to be gone" : "switch it off and see it off",
    node: node.name,
    // Over SSH: until it is down, and then as many looks, its BMC first, as show its silence, with one to spare.
    deadlineMs: work.inventory.power.softOffSeconds * 1000 + 4 * (bmcMs + sshMs),
    next: remedy(work, node),
    run: async (attempt, signal) => {
      const confirmed = `--gone ${node.name}`;
      const belonging = await membership(work, node);
      if (belonging !== undefined) return belonging;
      // The declared BMC is not that of a machine that was another.
      if (changesSinceInstall(work.nodes, node).length > 0)
        return options.gone ? done({ confirmed }) : unproven(work, node);
      // A machine whose BMC answers is not gone, whatever was typed.
      const why = await switchOff(work, node, signal);
      if (why === undefined) return done({ power: "off", seenBy: `BMC ${node.bmc.address}` });
      if (options.gone) return done({ confirmed, bmc: why });
      return options.overSsh
        ? await powerOffOverSsh(work, node, why, attempt, signal)
        : failed(`${why}: it is not known to be off`, remedy(work, node));
    },
  };
}

/** Why a node is left on that the others count as a member, as after an order that has added it again since; undefined for one that left. */
async function membership({ cluster }: Work, { name }: Node): Promise<StepResult | undefined> {
  const views = await cluster.fresh();
  const listing = views.filter(({ members }) => members.some(({ id }) => id === name));
  if (listing.length === 0) return undefined;
  const why = `node ${name} is a member of ${listing.map(({ layer }) => layer).join(" and ")}: it is not switched off`;
  const isAgreed = listing.some(
    ({ verdict, disagreement, leader }) =>
      verdict !== "no-quorum" && disagreement === undefined && leader !== undefined,
  );
  if (!isAgreed) return wait(3000, why);
  return failed(
    why,
    `look at the members (rackstrap cluster status), and order anew what is left to do`,
  );
}

/** The entry was changed before the machine that left was seen off. */
function unproven({ nodes, operation }: Work, node: Node): StepResult {
  const [refusal] = formerMachineRefusals(nodes, node, []);
  const { reason = "", next = "" } = refusal ?? {};
  const replace = `put the new machine in its place: rackstrap replace ${node.name}`;
  return failed(reason, operation.kind === "reprovision" ? replace : next);
}

/** Why it was not seen off; undefined when it was. */
async function switchOff(
  { bmc, powerAsked, operation, clock }: Work,
  node: Node,
  signal: AbortSignal,
): Promise<string | undefined> {
  powerAsked(node, "off", { operation: operation.id });
  const subject = `node ${node.name} (BMC ${node.bmc.address})`;
  try {
    await ensurePower(bmc(node), "off", { subject, deadlineMs: bmcMs, clock }, signal);
    return undefined;
  } catch (error) {
    if (!(error instanceof BmcError)) throw error;
    return error.message;
  }
}

// Later than the answer to it: who is cut off by the power is not known to have heard it.
const powerOff = "nohup sh -c 'sleep 2; systemctl poweroff' > /dev/null 2>&1 &";
const silentMs = 60_000;
// However long it took to ask, and whatever the clock was set to, it takes two looks after the first silent one.
const mostBetweenLooksMs = silentMs / 2;

/** Off is one that was told to power off, and then answers no more for a minute. */
async function powerOffOverSsh(
  work: Work,
  node: Node,
  bmcWhy: string,
  { operation, evidence, nowMs }: Attempt,
  signal: AbortSignal,
): Promise<StepResult> {
  // What it was told before this operation stopped and was resumed may be days ago.
  const begunAtMs = operation.steps.find(({ id }) => id === "fence")?.startedAtMs;
  const wasTold = begunAtMs !== undefined && Number(evidence["toldAtMs"]) >= begunAtMs;
  const answer = await work.shell.run(node, powerOff, { timeoutMs: sshMs }, signal);
  if (answer.ok)
    return wait(5000, `${bmcWhy}; told over SSH to power off`, {
      ...{ told: true, toldAtMs: nowMs, spentMs: undefined, timedAtMs: undefined },
    });
  const isSilent = answer.kind === "unreachable" || answer.kind === "timeout";
  if (!wasTold || !isSilent)
    return failed(
      `${bmcWhy}; over SSH: ${answer.why}: it is not known to be off`,
      remedy(work, node),
    );
  const silence = spent(evidence, nowMs, mostBetweenLooksMs);
  if (silence.spentMs < silentMs)
    return wait(5000, `${bmcWhy}; told to power off, and answers no more`, { ...silence });
  return done({ power: "off", seenBy: "it answers SSH no more", bmc: bmcWhy });
}

function remedy({ operation: { kind } }: Work, { name, bmc }: Node): string {
  const check = `check the BMC ${bmc.address} (rackstrap power status ${name})`;
  // What is about to be installed is there.
  if (kind === "reprovision") return check;
  return `${check}; or pull the machine's power, and order it anew, saying so: rackstrap ${kind} ${name} --gone ${name} --execute`;
}
