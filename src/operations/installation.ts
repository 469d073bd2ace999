// One operation's installation, made of the install room's parts: the run directory below the state
// directory holds all there is to know, so that it can be picked up again after a crash.

import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { clusterConfig } from "../boot/cluster-config.ts";
import { installArgv } from "../install/argv.ts";
import { explainFailure } from "../install/explain.ts";
import { extraFilesDirectory, writeExtraFiles } from "../install/extra-files.ts";
import { loadOrCreateHostKey } from "../install/host-key.ts";
import { type Identification, identifyInstaller } from "../install/identify.ts";
import { stepTitle } from "../install/phases.ts";
import { type InstallRun, openRun, type RunView as RunState } from "../install/run.ts";
import { checkHostKey } from "../install/ssh.ts";
import type { Inventory, Node } from "../inventory/schema.ts";
import { type Ca, issueNodeCertificate } from "../pki/ca.ts";
import type { Installation, InstallerSighting, RunView } from "./provision.ts";

export interface InstallationTools {
  readonly inventory: Inventory;
  readonly ca: Ca;
  /** Private SSH key that the installer accepts. */
  readonly sshKeyFile: string;
  readonly home: string;
  readonly path: string;
  readonly now: () => number;
}

const sshPort = 22;

export function createInstallation(
  tools: InstallationTools,
  node: Node,
  operationId: string,
): Installation {
  const directory = join(tools.inventory.server.stateDirectory, "runs", operationId);
  const run = openRun(directory);
  const hostKeyFile = join(directory, "host-key");
  const target = { port: sshPort, keyFile: tools.sshKeyFile };

  return {
    find: async (signal) => {
      await run.prepare();
      const query = {
        ...target,
        address: node.provisioningAddress,
        knownHostsFile: join(directory, "known_hosts"),
        expectedMac: node.mac,
        expectedDisk: node.disk,
      };
      return sighting(node, await identifyInstaller(query, signal));
    },
    prepare: async (membership) => {
      const { signal } = new AbortController();
      const hostKey = await loadOrCreateHostKey(hostKeyFile, node.fqdn, signal);
      const certificate = await issueNodeCertificate(tools.ca, {
        name: node.name,
        fqdn: node.fqdn,
        addresses: [node.productionAddress, node.provisioningAddress],
        nowMs: tools.now(),
      });
      const clusterName = tools.inventory.cluster.name;
      await writeExtraFiles(directory, {
        node: node.name,
        clusterConfig: clusterConfig({ node, clusterName, membership }),
        caCertPem: tools.ca.certPem,
        ...certificate,
        hostKey,
      });
    },
    start: async () => await run.start(command(tools, node, directory)),
    view: async (nowMs) => runView(await run.inspect(nowMs)),
    stop: async () => await removeSecrets(run, hostKeyFile),
    bootedFromDisk: async (signal) => {
      // Only the public half outlives the install here.
      const publicKey = await readFile(`${hostKeyFile}.pub`, "utf8");
      const knownHostsFile = join(directory, "installed_known_hosts");
      const address = node.productionAddress;
      const answer = await checkHostKey(
        { ...target, address, user: "root", knownHostsFile },
        publicKey,
        signal,
      );
      if (answer === "matches") return { booted: true };
      return {
        booted: false,
        why:
          answer === "differs"
            ? `${address} answers with another host key than the one it was installed with`
            : `${address} does not answer SSH yet`,
      };
    },
  };
}

function command(tools: InstallationTools, node: Node, directory: string) {
  const { install } = tools.inventory;
  return {
    argv: installArgv({
      command: install.command,
      flake: install.flake,
      node: node.name,
      extraFiles: extraFilesDirectory(directory),
      keyFile: tools.sshKeyFile,
      address: node.provisioningAddress,
      port: sshPort,
      offline: install.offline,
    }),
    home: tools.home,
    path: tools.path,
  };
}

/** The private host key is the node's alone once it is installed. */
async function removeSecrets(run: InstallRun, hostKeyFile: string): Promise<void> {
  try {
    await run.stop();
  } finally {
    await rm(hostKeyFile, { force: true });
  }
}

function sighting(node: Node, seen: Identification): InstallerSighting {
  switch (seen.kind) {
    case "installer":
      return seen.facts.firmware === node.firmware
        ? { kind: "found", facts: { ...seen.facts } }
        : {
            kind: "refused",
            reason: `node ${node.name} is declared as ${node.firmware} and its installer was booted by ${seen.facts.firmware}: the installed system would not boot`,
            next: `correct the firmware of node ${node.name} in the inventory, or its boot mode in the firmware setup`,
          };
    case "not-reachable":
    // A system that was there before may answer until the machine has restarted into the installer.
    case "no-access":
    case "not-installer":
      return { kind: "absent", why: seen.why };
    case "host-key-changed":
    case "other-machine":
      return {
        kind: "refused",
        reason: seen.why,
        next: `find out which machine has the address ${node.provisioningAddress} of node ${node.name}, then provision again`,
      };
    case "disk-absent":
      return {
        kind: "refused",
        reason: seen.why,
        next: `correct the disk of node ${node.name} in the inventory, then provision again`,
      };
  }
}

function runView(state: RunState): RunView {
  const { progress } = state;
  switch (state.kind) {
    case "not-started":
      return { kind: "absent" };
    case "running": {
      const where = stepTitle(progress.step);
      const said = progress.lastLine ?? where;
      const line = said === where ? where : `${where}: ${said}`;
      if (state.overdue === undefined) return { kind: "running", line };
      return {
        kind: "failed",
        ...explainFailure({ kind: "overdue", why: state.overdue }, progress),
      };
    }
    case "ended":
      return state.exitCode === 0
        ? { kind: "succeeded" }
        : { kind: "failed", ...explainFailure(state, progress) };
    case "vanished":
      return { kind: "failed", ...explainFailure(state, progress) };
    case "cancelled":
      return {
        kind: "failed",
        reason:
          "the install was cancelled and its processes ended; the disk counts as half written",
        next: "start a new install when ready",
      };
  }
}
