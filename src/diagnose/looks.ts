// The looks at a machine itself: its BMC, its installer, its install's run directory, its installed system. Each only reads.

import { access } from "node:fs/promises";
import { join } from "node:path";
import { type Bmc, BmcError } from "../bmc/bmc.ts";
import { explainFailure } from "../install/explain.ts";
import { identifyInstaller } from "../install/identify.ts";
import { stepTitle } from "../install/phases.ts";
import { openRun } from "../install/run.ts";
import { clusterPeers, layersOf } from "../inventory/peers.ts";
import type { Inventory, Node } from "../inventory/schema.ts";
import { resolveDisks } from "../nodes/resolve-disk.ts";
import { diskSelectors, runDirectory } from "../operations/installation.ts";
import type { NodeShell } from "../operations/node-shell.ts";
import type { Operation } from "../operations/operation.ts";
import type { BmcLook, InstallerLook, InstallLook, SystemLook } from "./evidence.ts";
import { parseReport, reportCommand } from "./node-report.ts";

const sshPort = 22;
const bmcMs = 7500;
const shellMs = 8000;
/** Peers that the node is asked to try: enough to tell one that is down from a network that is. */
const mostPeers = 5;

/** Its power, or in which way the BMC failed; one that is still silent after eight seconds has timed out. */
export async function lookAtBmc(
  bmc: Pick<Bmc, "powerState">,
  signal: AbortSignal,
  limitMs = bmcMs,
): Promise<BmcLook> {
  const limit = AbortSignal.timeout(limitMs);
  const late = new Promise<BmcLook>((resolve) => {
    limit.addEventListener("abort", () =>
      resolve({
        kind: "failed",
        failure: "timeout",
        why: `its BMC did not answer within ${limitMs / 1000} s`,
      }),
    );
  });
  return await Promise.race([askBmc(bmc, AbortSignal.any([signal, limit])), late]);
}

async function askBmc(bmc: Pick<Bmc, "powerState">, signal: AbortSignal): Promise<BmcLook> {
  try {
    return { kind: "answers", power: await bmc.powerState(signal) };
  } catch (error) {
    if (!(error instanceof BmcError)) throw error;
    return { kind: "failed", failure: error.kind, why: error.message };
  }
}

/**
 * Who answers at the provisioning address of an install that has not ended. Only where the run has pinned the installer's host key:
 * a first contact is for the install to make, which writes the key down.
 */
export async function lookAtInstaller(
  {
    inventory,
    sshKeyFile,
    port = sshPort,
  }: { inventory: Inventory; sshKeyFile: string; port?: number },
  node: Node,
  operation: Operation | undefined,
  signal: AbortSignal,
): Promise<InstallerLook> {
  if (operation === undefined) throw new Error("no install was begun from here");
  if (operation.steps.some(({ id, status }) => id === "install" && status === "done"))
    throw new Error(`the install of operation ${operation.id} has ended`);
  const knownHostsFile = join(runDirectory(inventory, operation.id), "known_hosts");
  await access(knownHostsFile).catch((cause: unknown) => {
    throw new Error(`the installer of operation ${operation.id} has not been met yet`, { cause });
  });
  const query = {
    ...{ address: node.provisioningAddress, port, keyFile: sshKeyFile, knownHostsFile },
    ...{ expectedMac: node.mac, expectedSerial: node.serial, expectedUuid: node.uuid },
  };
  const identification = await identifyInstaller(query, signal);
  if (identification.kind !== "installer") return { identification, diskProblem: undefined };
  const resolved = resolveDisks(diskSelectors(node), identification.facts.disks);
  return { identification, diskProblem: "why" in resolved ? resolved.why : undefined };
}

/** How the install stands: by the operation while it runs, else by what its run has left behind. */
export async function lookAtInstall(
  inventory: Inventory,
  operation: Operation | undefined,
  nowMs: number,
): Promise<InstallLook> {
  if (operation === undefined) return { kind: "absent" };
  const step = operation.steps.find(({ id }) => id === "install");
  // The runner reads the log as it grows, and its own reading notes when each step began.
  if (operation.status === "running")
    return step === undefined || step.startedAtMs === undefined
      ? { kind: "absent" }
      : { kind: "running", line: step.lastLine ?? step.title };
  const view = await openRun(runDirectory(inventory, operation.id)).inspect(nowMs);
  const { progress } = view;
  switch (view.kind) {
    case "not-started":
      return { kind: "absent" };
    case "running":
      return { kind: "running", line: progress.lastLine ?? stepTitle(progress.step) };
    case "ended":
      if (view.exitCode === 0) return { kind: "succeeded" };
      return { kind: "failed", ...explainFailure(view, progress) };
    case "vanished":
      return { kind: "failed", ...explainFailure(view, progress) };
    case "cancelled": {
      // One that was given up was ended by the server itself, which then said why.
      if (operation.failure?.stage !== "install") return { kind: "cancelled" };
      const { reason, next } = operation.failure;
      return {
        kind: "failed",
        fault: explainFailure({ kind: "vanished" }, progress).fault,
        reason,
        next,
      };
    }
  }
}

/** The installed system's own report, by one command that only reads. `authority`: the cluster's CA in PEM. */
export async function lookAtSystem(
  { inventory, shell, authority }: { inventory: Inventory; shell: NodeShell; authority: string },
  node: Node,
  signal: AbortSignal,
): Promise<SystemLook> {
  const { port } = inventory.services.chainfire;
  const peers = clusterPeers(inventory)
    .filter(({ name }) => name !== node.name)
    .slice(0, mostPeers)
    .map(({ fqdn }) => ({ fqdn, port }));
  const command = reportCommand(node, layersOf(inventory, node), peers);
  const answer = await shell.run(node, command, { timeoutMs: shellMs }, signal);
  if (!answer.ok) return { kind: answer.kind, why: answer.why };
  return { kind: "answers", report: parseReport(answer.stdout, node, authority) };
}
