// Asks whoever answers at a node's address who it is, before anything is written: is it an installer, on the declared
// machine? Where the installer was given no host key by us, it pins the key of the one that is both. Which of its disks is
// meant is not decided here; the disks are given their names for disko.

import { readFile, rename, rm } from "node:fs/promises";
import type { Mac } from "../net/mac.ts";
import { type MachineFacts, probe, readReport } from "./machine-facts.ts";
import { runOverSsh, SshError, shellWord } from "./ssh.ts";

export interface InstallerQuery {
  readonly address: string;
  readonly port: number;
  readonly keyFile: string;
  /**
   * The run's known_hosts, enforced where it exists. Made before the first call, the installer is known from its
   * first packet; else written once an installer is recognised.
   */
  readonly knownHostsFile: string;
  readonly expectedMac: Mac;
  /** What the inventory says of the machine's SMBIOS, where it says anything. */
  readonly expectedSerial?: string | undefined;
  readonly expectedUuid?: string | undefined;
}

/** Every `why` is a sentence for people. */
export type Identification =
  | { readonly kind: "installer"; readonly facts: MachineFacts }
  /** Nothing answers yet: ask again. */
  | { readonly kind: "not-reachable"; readonly why: string }
  /** Something answers SSH and doesn't take our key: an earlier system that still runs, or an image without it. */
  | { readonly kind: "no-access"; readonly why: string }
  /** Not the host whose key stands in known_hosts. */
  | { readonly kind: "host-key-changed"; readonly why: string }
  | { readonly kind: "not-installer"; readonly why: string }
  | { readonly kind: "other-machine"; readonly why: string; readonly facts: MachineFacts };

/** Identifies the machine at `address`. Aborts reject; everything the network does is in the result. */
export async function identifyInstaller(
  query: InstallerQuery,
  signal: AbortSignal,
): Promise<Identification> {
  const { address, knownHostsFile } = query;
  const pinned = await readFile(knownHostsFile, "utf8").then(
    () => true,
    () => false,
  );
  // ssh writes a new host's key before it knows anything else of it. An old system that still runs
  // would be pinned so, and the installer refused later; hence a key is kept only when recognised.
  const candidate = pinned ? knownHostsFile : `${knownHostsFile}.candidate`;
  if (!pinned) await rm(candidate, { force: true });
  const target = { ...query, user: "root", knownHostsFile: candidate };
  const hostKey = pinned ? ("pinned" as const) : ("accept-new" as const);
  let report: string;
  try {
    report = await runOverSsh(target, probe, { hostKey, timeoutMs: 60_000 }, signal);
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    return unanswered(address, error);
  }
  const identification = judge(query, report);
  if (!pinned && identification.kind === "installer") await rename(candidate, knownHostsFile);
  return identification;
}

function unanswered(address: string, error: SshError): Identification {
  switch (error.kind) {
    case "refused":
    case "unreachable":
    case "timeout":
      return { kind: "not-reachable", why: error.message };
    case "authentication":
      return {
        kind: "no-access",
        why: `${address} does not accept the provisioning key: another system runs there, or the boot image lacks the key (${error.message})`,
      };
    case "host-key-changed":
      return {
        kind: "host-key-changed",
        why: `${address} shows another SSH host key than the one pinned for its installer`,
      };
    case "command":
      return {
        kind: "not-installer",
        why: `${address} could not say what it is (${error.message})`,
      };
  }
}

/** What the answer to the probe says about the machine that was expected. */
export function judge(
  query: Pick<InstallerQuery, "address" | "expectedMac" | "expectedSerial" | "expectedUuid">,
  report: string,
): Identification {
  const { address, expectedMac } = query;
  const read = readReport(report);
  if ("malformed" in read)
    return {
      kind: "not-installer",
      why: `${address} lists its disks in a way that was not understood: "${read.malformed.slice(0, 200)}"`,
    };
  const { facts, isInstaller } = read;
  if (!isInstaller)
    return {
      kind: "not-installer",
      why: `${address} runs ${facts.system}, which is no NixOS installer: nothing was written`,
    };
  if (!facts.macs.includes(expectedMac))
    return {
      kind: "other-machine",
      facts,
      why: `${address} is the machine with ${facts.macs.join(", ") || "no network card"}, not ${expectedMac}: nothing was written`,
    };
  const { expectedSerial, expectedUuid } = query;
  const other =
    differs("serial number", expectedSerial, facts.serial) ??
    differs("UUID", expectedUuid?.toLowerCase(), facts.uuid);
  if (other !== undefined)
    return {
      kind: "other-machine",
      facts,
      why: `${address} has the MAC ${expectedMac}, and ${other}: this is another machine, or the inventory is wrong; nothing was written`,
    };
  return { kind: "installer", facts };
}

/** MACs can be set by anybody; what the board says of itself is harder to change. */
function differs(
  what: string,
  declared: string | undefined,
  said: string | undefined,
): string | undefined {
  if (declared === undefined || declared === said) return undefined;
  const answer = said === undefined ? "it says none" : `it says ${said}`;
  return `the inventory declares the ${what} ${declared} where ${answer}`;
}

/** A path that disko's configuration names, and the disk that must be behind it. */
export interface DiskName {
  readonly path: string;
  readonly device: string;
  /** The path is no name of the disk's own: it is made, and points to the disk. */
  readonly made: boolean;
}

export type Naming =
  | { readonly kind: "named" }
  | { readonly kind: "unanswered"; readonly why: string }
  | { readonly kind: "differs"; readonly why: string };

/** Makes the names that have to be made on the installer, then reads all of them back. May be repeated. */
export async function nameDisks(
  query: InstallerQuery,
  names: readonly DiskName[],
  signal: AbortSignal,
): Promise<Naming> {
  const target = { ...query, user: "root" };
  const options = { hostKey: "pinned", timeoutMs: 30_000 } as const;
  try {
    const answer = await runOverSsh(target, namingCommand(names), options, signal);
    return judgeNames(names, answer);
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    const { kind, message } = error;
    const passes = kind === "refused" || kind === "unreachable" || kind === "timeout";
    return { kind: passes ? "unanswered" : "differs", why: message };
  }
}

/** For the shell of the installer. */
export function namingCommand(names: readonly DiskName[]): string {
  const made = names.filter((name) => name.made);
  return [
    ...made.map(({ path, device }) => {
      const directory = path.slice(0, path.lastIndexOf("/"));
      return `mkdir -p ${shellWord(directory)} && ln -sfn ${shellWord(device)} ${shellWord(path)} || exit`;
    }),
    ...names.map(
      ({ path }) => `[ -b ${shellWord(path)} ] && readlink -f ${shellWord(path)} || echo -`,
    ),
  ].join("\n");
}

/** Whether each path leads to its disk, by the lines that the command printed. */
export function judgeNames(names: readonly DiskName[], answer: string): Naming {
  const lines = answer.split("\n");
  for (const [index, { path, device }] of names.entries()) {
    const behind = lines[index]?.trim() || "-";
    if (behind !== device)
      return {
        kind: "differs",
        why: `${path} on the installer leads to ${behind === "-" ? "no disk" : behind.slice(0, 200)}, and the disk that was found is ${device}: nothing was written`,
      };
  }
  return { kind: "named" };
}
