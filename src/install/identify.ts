// Asks whoever answers at a node's address who it is, before anything is written: is it an installer,
// on the declared machine, with the declared disk? Where the installer was given no host key by us, it pins
// the key of the one that is all three.

import { readFile, rename, rm } from "node:fs/promises";
import { z } from "zod";
import { type Mac, parseMac } from "../net/mac.ts";
import { runOverSsh, SshError } from "./ssh.ts";

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
  /** Device path, /dev/disk/by-id names included. */
  readonly expectedDisk: string;
}

export interface Disk {
  readonly name: string;
  readonly sizeBytes: number;
  readonly serial: string | undefined;
}

export interface InstallerFacts {
  /** PRETTY_NAME of os-release. */
  readonly system: string;
  readonly macs: readonly Mac[];
  /** How the installer was booted; the installed system has to be booted the same way. */
  readonly firmware: "bios" | "uefi";
  readonly disks: readonly Disk[];
}

/** Every `why` is a sentence for people. */
export type Identification =
  | { readonly kind: "installer"; readonly facts: InstallerFacts }
  /** Nothing answers yet: ask again. */
  | { readonly kind: "not-reachable"; readonly why: string }
  /** Something answers SSH and doesn't take our key: an earlier system that still runs, or an image without it. */
  | { readonly kind: "no-access"; readonly why: string }
  /** Not the host whose key stands in known_hosts. */
  | { readonly kind: "host-key-changed"; readonly why: string }
  | { readonly kind: "not-installer"; readonly why: string }
  | { readonly kind: "other-machine"; readonly why: string; readonly facts: InstallerFacts }
  | { readonly kind: "disk-absent"; readonly why: string; readonly facts: InstallerFacts };

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
    const command = probe(query.expectedDisk);
    report = await runOverSsh(target, command, { hostKey, timeoutMs: 60_000 }, signal);
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

const marker = "=== rackstrap";

/** For the shell of any installer, busybox included. Ends with 0 unless a basic tool is missing. */
function probe(disk: string): string {
  const quoted = `'${disk.replaceAll("'", "'\\''")}'`;
  return [
    "cat /etc/os-release",
    `echo '${marker}'`,
    "cat /sys/class/net/*/address",
    `echo '${marker}'`,
    "if [ -d /sys/firmware/efi ]; then echo uefi; else echo bios; fi",
    `echo '${marker}'`,
    "lsblk --json --bytes --nodeps --output NAME,SIZE,SERIAL,TYPE || exit",
    `echo '${marker}'`,
    `if [ -b ${quoted} ]; then echo present; else echo absent; fi`,
  ].join("\n");
}

/** What the answer to the probe says about the machine that was expected. */
export function judge(
  query: Pick<InstallerQuery, "address" | "expectedMac" | "expectedDisk">,
  report: string,
): Identification {
  const { address, expectedMac, expectedDisk } = query;
  const [osRelease = "", macs = "", firmware = "", disks = "", disk = ""] = report.split(
    `${marker}\n`,
  );
  const system = /^PRETTY_NAME="?([^"\n]*)/m.exec(osRelease)?.[1] ?? "an unnamed system";
  // The expressions by which nixos-anywhere itself decides; where it sees no installer, it takes the kernel over.
  if (!/ID(_LIKE)?="?nixos"?/.test(osRelease) || !/VARIANT_ID="?installer"?/.test(osRelease))
    return {
      kind: "not-installer",
      why: `${address} runs ${system}, which is no NixOS installer: nothing was written`,
    };
  const listed = readDisks(disks);
  if (listed === undefined)
    return {
      kind: "not-installer",
      why: `${address} lists its disks in a way that was not understood: "${disks.trim().slice(0, 200)}"`,
    };
  const facts: InstallerFacts = {
    system,
    macs: readMacs(macs),
    firmware: firmware.trim() === "uefi" ? "uefi" : "bios",
    disks: listed,
  };
  if (!facts.macs.includes(expectedMac))
    return {
      kind: "other-machine",
      facts,
      why: `${address} is the machine with ${facts.macs.join(", ") || "no network card"}, not ${expectedMac}: nothing was written`,
    };
  if (disk.trim() !== "present")
    return {
      kind: "disk-absent",
      facts,
      why: `the machine has no disk ${expectedDisk}; it has ${describeDisks(facts.disks)}: correct the inventory entry`,
    };
  return { kind: "installer", facts };
}

function readMacs(text: string): Mac[] {
  return text
    .split("\n")
    .map(parseMac)
    .filter((mac) => mac !== undefined)
    .filter((mac) => mac !== "00:00:00:00:00:00"); // the loopback interface
}

const blockDevices = z.object({
  blockdevices: z.array(
    z.object({
      name: z.string(),
      // Text in util-linux before 2.33.
      size: z.coerce.number(),
      serial: z.string().nullable().optional(),
      type: z.string(),
    }),
  ),
});

function readDisks(text: string): Disk[] | undefined {
  const parsed = blockDevices.safeParse(parseJson(text));
  if (!parsed.success) return undefined;
  return parsed.data.blockdevices
    .filter(({ type }) => type === "disk")
    .map(({ name, size, serial }) => ({
      name: `/dev/${name}`,
      sizeBytes: size,
      serial: serial?.trim() || undefined,
    }));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function describeDisks(disks: readonly Disk[]): string {
  if (disks.length === 0) return "none at all";
  return disks
    .map(({ name, sizeBytes, serial }) => {
      const size = `${(sizeBytes / 1e9).toFixed(1)} GB`;
      return serial === undefined ? `${name} (${size})` : `${name} (${size}, serial ${serial})`;
    })
    .join(", ");
}
