import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readPlainFiles } from "../../../src/boot/asset-store/plain-files.ts";
import { temporaryDirectory } from "../../fakes/temporary-directory.ts";

test("what lies in the directory is found by its path, and nothing outside of it, hidden, special or of the store", async () => {
  const outer = realpathSync(temporaryDirectory());
  const base = join(outer, "assets");
  mkdirSync(join(base, "sub/deeper"), { recursive: true });
  mkdirSync(join(base, "sets/worker"), { recursive: true });
  writeFileSync(join(outer, "secret"), "secret");
  for (const name of ["memdisk", "sub/deeper/file", ".hidden", "sets/worker/x", "own.efi"])
    writeFileSync(join(base, name), name);
  writeFileSync(join(base, "empty"), "");
  symlinkSync("../secret", join(base, "out"));
  symlinkSync("..", join(base, "up"));
  symlinkSync("memdisk", join(base, "alias"));
  symlinkSync("/dev/zero", join(base, "device"));
  const files = await readPlainFiles(base);
  expect([...files].map(([name, { sizeBytes }]) => [name, sizeBytes])).toEqual([
    ["alias", 7],
    ["empty", 0],
    ["memdisk", 7],
    ["sub/deeper/file", 15],
  ]);
});
