// One operation's installation, made of the install room's parts: the run directory below the state
// directory holds all there is to know, so that it can be picked up again after a crash.

import { readdir, readFile, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type ClusterMembership, clusterConfig } from "../boot/cluster-config.ts";
import { installArgv } from "../install/argv.ts";
import { carrySnapshots } from "../install/carried-snapshots.ts";
import { correctClock } from "../install/clock.ts";
import { explainFailure } from "../install/explain.ts";
import { extraFilesDirectory } from "../install/extra-files.ts";
import { compareFlakeDisks, type FlakeQuestion } from "../install/flake-disks.ts";
import { findHostKey, type HostKey, loadOrCreateHostKey } from "../install/host-key.ts";
import { type Identification, identifyInstaller, nameDisks } from "../install/identify.ts";
import { keepJournal } from "../install/journal.ts";
import { keyOwners } from "../install/key-owner.ts";
import type { MachineFacts } from "../install/machine-facts.ts";
import { nixConfig } from "../install/nix-features.ts";
import { stepTitle } from "../install/phases.ts";
import {
  type InstallRun,
  openRun,
  type RunView as RunState,
  secretDirectories,
} from "../install/run.ts";
import { checkHostKey, pinHostKey } from "../install/ssh.ts";
import { type DiskSelector, installDevice, installLink, secondLink } from "../inventory/disk.ts";
import type { Inventory, Node } from "../inventory/schema.ts";
import { resolveDisks } from "../nodes/resolve-disk.ts";
import type { Ca } from "../pki/ca.ts";
import type { CertificateStore } from "../pki/issued.ts";
import { issueFiles, lookAtFiles } from "./issued-files.ts";
import { keepNodeKey } from "./node-shell.ts";
import type { Installation, InstallerSighting, RunView } from "./provision.ts";

export interface InstallationTools {
  readonly inventory: Inventory;
  readonly ca: () => Ca;
  readonly certificates: CertificateStore;
  /** Private SSH key that the installer accepts. */
  readonly sshKeyFile: string;
  readonly home: string;
  readonly path: string;
  readonly now: () => number;
}

const sshPort = 22;
/** For the flake to be read: nix may have to fetch its inputs first. */
export const flakeMs = 600_000;

/** Where everything about an operation's install is. */
export function runDirectory(inventory: Inventory, operationId: string): string {
  return join(inventory.server.stateDirectory, "runs", operationId);
}

function installerKeyFile(directory: string): string {
  return join(directory, "installer-host-key");
}

/** Names the host key that the installed system was given, and no other. */
function installedKnownHosts(directory: string): string {
  return join(directory, "installed_known_hosts");
}

/** The host key that the installer of an operation is given; undefined when it has none, or is over. */
export async function installerHostKey(
  inventory: Inventory,
  operationId: string,
): Promise<HostKey | undefined> {
  return await findHostKey(installerKeyFile(runDirectory(inventory, operationId)));
}

/** Ends an operation's install, if it still runs, and removes the secrets it was given, knowing no more than its id. May be repeated. */
export async function stopInstallation(inventory: Inventory, operationId: string): Promise<void> {
  const directory = runDirectory(inventory, operationId);
  await removeSecrets(openRun(directory), secretKeyFiles(directory));
}

/** Operations whose run directories still have secrets, by id: those that run, and those that could not be ended as they should. */
export async function operationsWithSecrets(inventory: Inventory): Promise<readonly string[]> {
  const runs = await readdir(dirname(runDirectory(inventory, "any"))).catch(whenMissing([]));
  const found: string[] = [];
  for (const id of runs) {
    const directory = runDirectory(inventory, id);
    const secrets = [...secretKeyFiles(directory), ...secretDirectories(directory)];
    const present = await Promise.all(secrets.map((path) => stat(path).catch(whenMissing(false))));
    if (present.some((entry) => entry !== false)) found.push(id);
  }
  return found;
}

function whenMissing<T>(instead: T): (error: unknown) => T {
  return (error) => {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return instead;
    throw error;
  };
}

function secretKeyFiles(directory: string): readonly string[] {
  return [join(directory, "host-key"), installerKeyFile(directory)];
}

export function createInstallation(
  tools: InstallationTools,
  node: Node,
  operationId: string,
): Installation {
  const directory = runDirectory(tools.inventory, operationId);
  const run = openRun(directory, tools.inventory.timeouts.installSeconds * 1000);
  const hostKeyFile = join(directory, "host-key");
  const target = { port: sshPort, keyFile: tools.sshKeyFile };
  const installer = {
    ...target,
    address: node.provisioningAddress,
    knownHostsFile: join(directory, "known_hosts"),
  };
  const query = {
    ...installer,
    expectedMac: node.mac,
    expectedSerial: node.serial,
    expectedUuid: node.uuid,
  };
  const pinned = tools.inventory.install.hostKey === "pinned";

  const prepareInstaller = async () => {
    await run.prepare();
    if (!pinned) return;
    const { signal } = new AbortController();
    const keyFile = installerKeyFile(directory);
    const { publicKey } = await loadOrCreateHostKey(keyFile, `installer ${node.name}`, signal);
    await pinHostKey(installer, publicKey);
  };

  return {
    prepareInstaller,
    find: async (signal) => {
      await prepareInstaller();
      return sighting(node, pinned, await identifyInstaller(query, signal));
    },
    flakeDisks: async (signal) => {
      await run.prepare();
      return await compareFlakeDisks(flakeQuestion(tools, node, directory), signal);
    },
    nameDisks: async (disks, signal) => {
      const names = deviceNames(node).map((name, index) => ({
        ...name,
        device: disks[index]?.name ?? "none",
      }));
      return await nameDisks(query, names, signal);
    },
    correctClock: async (signal) =>
      await correctClock({ ...installer, user: "root" }, tools.now(), signal),
    prepare: async (membership, snapshots = []) => {
      const { signal } = new AbortController();
      const hostKey = await loadOrCreateHostKey(hostKeyFile, node.fqdn, signal);
      const config = configOf(tools, node, membership);
      await issueFiles(tools, { node, operationId, directory, hostKey, clusterConfig: config });
      await carrySnapshots(directory, snapshots);
    },
    start: async () => await run.start(command(tools, node, directory)),
    view: async (nowMs) => runView(await run.inspect(nowMs)),
    keepJournal: async (signal) => {
      const file = join(directory, "installer-journal.log");
      return (await keepJournal({ ...installer, user: "root" }, file, signal)) ? file : undefined;
    },
    stop: async () => {
      await removeSecrets(run, secretKeyFiles(directory));
      const { progress } = await run.inspect(tools.now());
      // Told to restart, the machine comes up with its new system, though nobody may wait for it any more.
      if (!progress.entered.includes("reboot")) return;
      const publicKey = await readFile(`${hostKeyFile}.pub`, "utf8");
      await keepNodeKey(tools.inventory.server.stateDirectory, node, publicKey);
    },
    verifyFiles: async (signal) => {
      const installed = { ...target, address: node.productionAddress, user: "root" };
      const knownHostsFile = installedKnownHosts(directory);
      return await lookAtFiles(
        tools,
        { node, operationId, directory, target: { ...installed, knownHostsFile } },
        signal,
      );
    },
    bootedFromDisk: async (signal) =>
      await bootedFromDisk(tools, node, { directory, keyFile: hostKeyFile }, signal),
  };
}

/** `keyFile`: the host key that it was installed with. */
async function bootedFromDisk(
  tools: InstallationTools,
  node: Node,
  { directory, keyFile }: { readonly directory: string; readonly keyFile: string },
  signal: AbortSignal,
): ReturnType<Installation["bootedFromDisk"]> {
  // Only the public half outlives the install here.
  const publicKey = await readFile(`${keyFile}.pub`, "utf8");
  const knownHostsFile = installedKnownHosts(directory);
  const address = node.productionAddress;
  const answer = await checkHostKey(
    { port: sshPort, keyFile: tools.sshKeyFile, address, user: "root", knownHostsFile },
    publicKey,
    signal,
  );
  if (answer === "matches") {
    await keepNodeKey(tools.inventory.server.stateDirectory, node, publicKey);
    return { booted: true };
  }
  return {
    booted: false,
    why:
      answer === "differs"
        ? `${address} answers with another host key than the one it was installed with`
        : `${address} does not answer SSH yet`,
  };
}

function configOf({ inventory }: InstallationTools, node: Node, membership: ClusterMembership) {
  return clusterConfig({ node, membership, inventory });
}

function command(tools: InstallationTools, node: Node, directory: string) {
  const { install, pki } = tools.inventory;
  return {
    argv: installArgv({
      owners: keyOwners(node.name, pki.keyOwner),
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
    // `nix run` that starts nixos-anywhere needs them before nixos-anywhere can ask for them itself.
    nixConfig,
  };
}

/** A private host key is the node's alone once it is installed, and the installer's ends with it. */
async function removeSecrets(run: InstallRun, keyFiles: readonly string[]): Promise<void> {
  try {
    await run.stop();
  } finally {
    for (const file of keyFiles) await rm(file, { force: true });
  }
}

function sighting(node: Node, pinned: boolean, seen: Identification): InstallerSighting {
  switch (seen.kind) {
    case "installer":
      return foundInstaller(node, seen.facts);
    case "not-reachable":
    // A system that was there before may answer until the machine has restarted into the installer.
    case "no-access":
    case "not-installer":
      return { kind: "absent", why: seen.why };
    case "host-key-changed":
      return pinned ? otherHostKey(node, seen.why) : otherMachine(node, seen.why);
    case "other-machine":
      return otherMachine(node, seen.why);
  }
}

function foundInstaller(node: Node, facts: MachineFacts): InstallerSighting {
  if (facts.firmware !== node.firmware)
    return {
      kind: "refused",
      reason: `node ${node.name} is declared as ${node.firmware} and its installer was booted by ${facts.firmware}: the installed system would not boot`,
      next: `correct the firmware of node ${node.name} in the inventory, or its boot mode in the firmware setup`,
    };
  const resolved = resolveDisks(diskSelectors(node), facts.disks);
  if ("disks" in resolved) return { kind: "found", facts, disks: resolved.disks };
  return {
    kind: "other-disks",
    reason: `${resolved.why}: nothing was written`,
    next: `correct the disk of node ${node.name} in the inventory, then provision again`,
  };
}

/** The disks that a node's layout takes, in its order. */
export function diskSelectors({ disk, layout }: Node): readonly DiskSelector[] {
  return layout.kind === "mirror" ? [disk, layout.second] : [disk];
}

/** What the node's disk layout calls its disks, in the order of their selectors. */
function deviceNames(node: Node): { readonly path: string; readonly made: boolean }[] {
  return diskSelectors(node).map((selector, index) => {
    const link = index === 0 ? installLink : secondLink;
    const path = installDevice(selector, link);
    return { path, made: path === link };
  });
}

function flakeQuestion(tools: InstallationTools, node: Node, directory: string): FlakeQuestion {
  const { command, flake } = tools.inventory.install;
  const { path, home } = tools;
  const devices = deviceNames(node).map((device) => device.path);
  return {
    ...{ flake, command, devices, path, home, directory },
    ...{ node: node.name, timeoutMs: flakeMs },
  };
}

function otherHostKey(node: Node, why: string): InstallerSighting {
  return {
    kind: "other-host-key",
    reason: `${why}: the image of profile ${node.profile} does not take ssh/ssh_host_ed25519_key from its initrd, or another machine answers`,
    next: `make the image of profile ${node.profile} take the key, as the netboot-installer of nixos-images does, or set install.hostKey: first-use to trust the first contact; then provision again`,
  };
}

function otherMachine(node: Node, reason: string): InstallerSighting {
  return {
    kind: "refused",
    reason,
    next: `find out which machine has the address ${node.provisioningAddress} of node ${node.name}, then provision again`,
  };
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
