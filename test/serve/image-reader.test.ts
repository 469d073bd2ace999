import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { AssetChangedError, type AssetFile, resolveFile } from "../../src/boot/asset-file.ts";
import { createImageReader } from "../../src/serve/image-reader.ts";

const directory = realpathSync(mkdtempSync(join(tmpdir(), "rackstrap-image-")));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function found(path: string): Promise<AssetFile> {
  const file = await resolveFile(directory, path);
  if ("problem" in file) throw new Error(file.problem);
  return file;
}

test("machines that boot at the same time share one reading; a changed file is never taken for the old one", async () => {
  const path = join(directory, "initrd");
  writeFileSync(path, "first");
  const first = await found(path);
  const read = createImageReader();
  const [one, two] = await Promise.all([read(first), read(first)]);
  expect(one.toString()).toBe("first");
  expect(two).toBe(one);
  writeFileSync(path, "second");
  expect((await read(await found(path))).toString()).toBe("second");
  await expect(createImageReader()(first)).rejects.toThrow(AssetChangedError);
});
