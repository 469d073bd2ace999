// Writes the tree that nixos-anywhere copies onto the node's root (--extra-files): its configuration,
// certificates and host key. The only way a secret reaches a node; run.ts removes the tree afterwards.

import { chmod, mkdir, rm, stat, writeFile } from "node:fs/promises";
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
  readonly hostKey: HostKey;
}

const secretMode = 0o600;
const publicMode = 0o644;

/** Where the tree of a run lies. */
export function extraFilesDirectory(runDirectory: string): string {
  return join(runDirectory, "extra-files");
}

/** Writes the tree anew and returns its root. The run directory around it must be the owner's alone. */
export async function writeExtraFiles(runDirectory: string, files: NodeFiles): Promise<string> {
  const { node, hostKey } = files;
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(node))
    throw new Error(`"${node}" is no host name and can't be part of a file name`);
  if (((await stat(runDirectory)).mode & 0o077) !== 0)
    throw new Error(`${runDirectory} is open to other users: chmod 0700 before secrets go into it`);
  const root = extraFilesDirectory(runDirectory);
  await rm(root, { recursive: true, force: true });
  const tree: readonly (readonly [path: string, text: string, mode: number])[] = [
    [
      "etc/nixos/secrets/cluster-config.json",
      `${JSON.stringify(files.clusterConfig, null, 2)}\n`,
      publicMode,
    ],
    ["etc/nixos/secrets/ca-cert.pem", files.caCertPem, publicMode],
    [`etc/nixos/secrets/${node}-cert.pem`, files.certPem, publicMode],
    [`etc/nixos/secrets/${node}-key.pem`, files.keyPem, secretMode],
    ["etc/ssh/ssh_host_ed25519_key", hostKey.privateKey, secretMode],
    ["etc/ssh/ssh_host_ed25519_key.pub", hostKey.publicKey, publicMode],
  ];
  for (const [path, text, mode] of tree) await writeEntry(root, path, text, mode);
  return root;
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
    await chmod(directory, 0o755);
  await writeFile(file, text, { mode });
  await chmod(file, mode);
}
