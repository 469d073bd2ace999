// One restore as its steps share it: which backup goes to which node, who is there and who is not.

import type { Layer } from "../../cluster/driver.ts";
import type { Inventory, Node } from "../../inventory/schema.ts";
import { type Examined, examineBackup, readManifest, surveyBackup } from "./folder.ts";
import { type Manifest, siteFaults } from "./manifest.ts";

export interface Restoration {
  readonly folder: string;
  /** The one node that forms the cluster. */
  readonly founder: Node;
  /** Those that join it then, in this order. */
  readonly joining: readonly Node[];
  /** Those that nobody can log in to: they get nothing, and must be off. */
  readonly absent: readonly Node[];
  /** Of the absent, those that an operator says are destroyed. */
  readonly gone: readonly string[];
}

/** The layers of the cluster whose services begin with a snapshot that is laid down for them. */
export function restoredLayers({ cluster }: Inventory): readonly Exclude<Layer, "etcd">[] {
  return cluster.layers.filter((layer) => layer !== "etcd");
}

/** The backup in this folder, read to its end, as one of this site: with all that is wrong about it. */
export async function examineForSite(
  folder: string,
  inventory: Inventory,
  signal: AbortSignal,
): Promise<Examined> {
  return asOfSite(await examineBackup(folder, signal), inventory);
}

/** Read within seconds from any disk. */
const soonReadBytes = 512 * 1024 * 1024;

/** As `examineForSite`, for somebody who waits for the answer: of a backup larger than `mostBytes` no file is read, only seen to be there with its size. */
export async function surveyForSite(
  folder: string,
  inventory: Inventory,
  signal: AbortSignal,
  mostBytes = soonReadBytes,
): Promise<Examined> {
  const surveyed = asOfSite(await surveyBackup(folder), inventory);
  const { manifest, faults } = surveyed;
  if (manifest === undefined || faults.length > 0) return surveyed;
  const bytes = [...manifest.layers, ...manifest.files].reduce((sum, file) => sum + file.bytes, 0);
  return bytes > mostBytes ? surveyed : await examineForSite(folder, inventory, signal);
}

function asOfSite(examined: Examined, inventory: Inventory): Examined {
  const { manifest, faults } = examined;
  if (manifest === undefined) return examined;
  const { name: cluster, layers } = inventory.cluster;
  return { ...examined, faults: [...siteFaults(manifest, { cluster, layers }), ...faults] };
}

/** The manifest of a backup that was found sound before. Throws where the folder has none any more. */
export async function manifestIn(folder: string): Promise<Manifest> {
  const manifest = await readManifest(folder);
  if (!("fault" in manifest)) return manifest;
  throw new Error(`the backup can't be used any more: ${manifest.fault}`);
}
