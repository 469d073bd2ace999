// Puts snapshots into the tree that nixos-anywhere copies onto a node, where the node's services look for them at their first start
// (docs/cluster-api.md): so a node that is to form the cluster from a backup never runs without its data.

import { createHash } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { chmod, copyFile, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { extraFilesDirectory } from "./extra-files.ts";

export interface CarriedSnapshot {
  /** The layer whose service reads it. */
  readonly layer: string;
  /** The file here. */
  readonly source: string;
  /** What it must hold, in hexadecimal. */
  readonly sha256: string;
}

/** Copies each below the tree of a run that is written already. Throws where a copy is not what it must be. */
export async function carrySnapshots(
  runDirectory: string,
  snapshots: readonly CarriedSnapshot[],
): Promise<void> {
  for (const { layer, source, sha256 } of snapshots) {
    const file = join(extraFilesDirectory(runDirectory), "var/lib", layer, "restore.snapshot");
    const directory = dirname(file);
    await mkdir(directory, { recursive: true });
    await copyFile(source, file, constants.COPYFILE_FICLONE);
    const sum = await sumOf(file);
    if (sum !== sha256)
      throw new Error(`${source} is damaged or was replaced: its SHA-256 is ${sum}, not ${sha256}`);
    await chmod(file, 0o600);
    // tar gives these modes to the directories of the node: /var must stay open to its users.
    await chmod(directory, 0o700);
    for (const open of [dirname(directory), dirname(dirname(directory))]) await chmod(open, 0o755);
  }
}

async function sumOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest("hex");
}
