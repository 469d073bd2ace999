// The images of the virtual rack, built when they are not there or not up to date.

import { spawnSync } from "node:child_process";
import { join } from "node:path";

const directory = join(import.meta.dirname, "../.cache");

/** Builds what is missing, with its progress on the terminal, and returns the images' directory. */
export function ensureImages(architecture: "amd64" | "arm64" = "amd64"): string {
  const out = architecture === "amd64" ? directory : join(directory, architecture);
  const argv = [
    ...[join(import.meta.dirname, "build.ts"), "--out", out],
    ...["--architecture", architecture],
  ];
  const { status } = spawnSync(process.execPath, argv, { stdio: ["ignore", "inherit", "inherit"] });
  if (status !== 0) throw new Error("the images were not built; the lines above say why");
  return out;
}
