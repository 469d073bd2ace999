import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { carrySnapshots } from "../../src/install/carried-snapshots.ts";
import { extraFilesDirectory } from "../../src/install/extra-files.ts";
import { temporaryDirectory } from "../fakes/temporary-directory.ts";

const sumOf = (text: string) => createHash("sha256").update(text).digest("hex");

function aRun() {
  const directory = temporaryDirectory();
  const root = extraFilesDirectory(directory);
  mkdirSync(root);
  const source = join(directory, "chainfire.snapshot");
  writeFileSync(source, "data");
  const mode = (path: string) => statSync(join(root, path)).mode & 0o777;
  return { directory, root, source, mode };
}

test("a snapshot travels to where its layer looks for it, its owner's alone, and /var stays open", async () => {
  const { directory, root, source, mode } = aRun();
  const before = process.umask(0o077);
  const carried = carrySnapshots(directory, [
    { layer: "chainfire", source, sha256: sumOf("data") },
  ]);
  await carried.finally(() => process.umask(before));
  const file = "var/lib/chainfire/restore.snapshot";
  expect(readFileSync(join(root, file), "utf8")).toBe("data");
  expect([file, "var/lib/chainfire", "var/lib", "var"].map(mode)).toEqual([
    0o600, 0o700, 0o755, 0o755,
  ]);
});

test("one that is not what the manifest says does not travel", async () => {
  const { directory, source } = aRun();
  const wanted = [{ layer: "chainfire", source, sha256: sumOf("other") }];
  await expect(carrySnapshots(directory, wanted)).rejects.toThrow(/is damaged or was replaced/);
});
