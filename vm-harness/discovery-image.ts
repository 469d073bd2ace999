// The discovery image as an operator builds it, kept beside the rack's other images.

import { spawnSync } from "node:child_process";
import { join } from "node:path";

const script = join(import.meta.dirname, "../boot-assets/discovery/build.sh");
const directory = join(import.meta.dirname, ".cache/discovery");

/** Builds it unless it is there, made of the same packages and files, and returns its folder. */
export function ensureDiscoveryImage(): string {
  const { status } = spawnSync("sh", [script, "--out", directory], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0) throw new Error("the discovery image was not built; the lines above say why");
  return directory;
}
