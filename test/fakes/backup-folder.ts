// A backup on the disk as the program makes one, with snapshots that hold the backup's id.

import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Layer } from "../../src/cluster/driver.ts";
import { openFolder, writeManifest } from "../../src/operations/backup/folder.ts";
import { type Manifest, newManifest } from "../../src/operations/backup/manifest.ts";

export async function aBackup(folder: string, id = "b1"): Promise<Manifest> {
  await openFolder(folder, id);
  const layers = (["chainfire", "flaredb"] as const).map((layer) => keep(folder, layer, id));
  const manifest = newManifest({
    ...{ id, cluster: "prod-cluster", madeBy: "rackstrap 0.0.0", atMs: 1_000_000 },
    ...{ layers, files: [] },
  });
  await writeManifest(folder, manifest);
  return manifest;
}

function keep(folder: string, layer: Layer, id: string): Manifest["layers"][number] {
  const file = `${layer}.snapshot`;
  writeFileSync(join(folder, file), id, { mode: 0o600 });
  return {
    ...{ layer, backup: id, file, bytes: id.length, term: 2, index: 40, from: "node02", atMs: 1 },
    sha256: createHash("sha256").update(id).digest("hex"),
    members: [{ id: "node01", raftAddress: "10.0.200.10:2380", role: "leader" }],
  };
}
