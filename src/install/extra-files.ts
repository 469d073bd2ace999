// Writes the tree that nixos-anywhere copies onto the node's root (--extra-files): its configuration,
// certificates and host key. The only way a secret reaches a node; run.ts removes the tree afterwards.

import { createHash } from "node:crypto";
import { chmod, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { HostKey } from "./host-key.ts";

export interface NodeFiles {
  /** Short host name; it is part of file names. */
  readonly node: string;
  /** What cluster-config.json holds. */
  readonly clusterConfig: unknown;
  readonly caCertPem: string;
  readonly certPem: string;
  readonly keyPem: string;
  /** Numeric owner of the private key, such as 0:0; everything else is root's. */
  readonly keyOwner: string;
  readonly hostKey: HostKey;
}

/** A file or directory as it must be on the node. */
export interface PlacedFile {
  /** Absolute, on the node. */
  readonly path: string;
  /** Octal, such as 644. */
  readonly mode: string;
  /** Numeric: user and group. */
  readonly owner: string;
  /** Of the content, hexadecimal; undefined for a directory. */
  readonly sha256: string | undefined;
}

const root = "0:0";
const secretMode = 0o600;
const publicMode = 0o644;
const directoryMode = 0o755;

/** Where the tree of a run lies. */
export function extraFilesDirectory(runDirectory: string): string {
  return join(runDirectory, "extra-files");
}

/** Where an install puts what is the node's own (runbook §5.3). */
export const secretsDirectory = "/etc/nixos/secrets";

/** The path of a node's private key on that node. */
export function nodeKeyPath(node: string): string {
  return `${secretsDirectory}/${node}-key.pem`;
}

/**
 * Writes the tree anew, and a list of what is in it, which outlives the tree (sums, no contents). The run directory around it must be the
 * owner's alone.
 */
export async function writeExtraFiles(
  runDirectory: string,
  files: NodeFiles,
): Promise<readonly PlacedFile[]> {
  const { node, hostKey } = files;
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(node))
    throw new Error(`"${node}" is no host name and can't be part of a file name`);
  if (((await stat(runDirectory)).mode & 0o077) !== 0)
    throw new Error(`${runDirectory} is open to other users: chmod 0700 before secrets go into it`);
  const tree: readonly (readonly [path: string, text: string, mode: number, owner?: string])[] = [
    [
      `${secretsDirectory}/cluster-config.json`,
      `${JSON.stringify(files.clusterConfig, null, 2)}\n`,
      publicMode,
    ],
    [`${secretsDirectory}/ca-cert.pem`, files.caCertPem, publicMode],
    [`${secretsDirectory}/${node}-cert.pem`, files.certPem, publicMode],
    [nodeKeyPath(node), files.keyPem, secretMode, files.keyOwner],
    ["/etc/ssh/ssh_host_ed25519_key", hostKey.privateKey, secretMode],
    ["/etc/ssh/ssh_host_ed25519_key.pub", hostKey.publicKey, publicMode],
  ];
  const placed = [
    ...["/etc", "/etc/nixos", secretsDirectory, "/etc/ssh"].map((path) => ({
      ...{ path, mode: directoryMode.toString(8), owner: root, sha256: undefined },
    })),
    ...tree.map(([path, text, mode, owner = root]) => ({
      ...{ path, mode: mode.toString(8), owner },
      sha256: createHash("sha256").update(text).digest("hex"),
    })),
  ];
  const directory = extraFilesDirectory(runDirectory);
  await rm(directory, { recursive: true, force: true });
  for (const [path, text, mode] of tree) await writeEntry(directory, path, text, mode);
  await writeFile(listFile(runDirectory), JSON.stringify(placed), { mode: secretMode });
  return placed;
}

/** What was written for the run of `runDirectory`; undefined when that was before there were such lists. */
export async function placedFiles(
  runDirectory: string,
): Promise<readonly PlacedFile[] | undefined> {
  try {
    return JSON.parse(await readFile(listFile(runDirectory), "utf8")) as readonly PlacedFile[];
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function listFile(runDirectory: string): string {
  return join(runDirectory, "placed-files.json");
}

/**
 * tar gives the modes of these directories to those on the node, /etc among them: 0700 here would
 * lock every user out of /etc there. Set by chmod, since mkdir is subject to the umask.
 */
async function writeEntry(root: string, path: string, text: string, mode: number): Promise<void> {
  const file = join(root, path);
  await mkdir(dirname(file), { recursive: true });
  for (
    let directory = dirname(file);
    directory.length >= root.length;
    directory = dirname(directory)
  )
    await chmod(directory, directoryMode);
  await writeFile(file, text, { mode });
  await chmod(file, mode);
}
