import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { noLoaders, readLoaders } from "../../../src/boot/asset-store/read-loaders.ts";
import { efiProgram, minimalLoader } from "../../fakes/loaders.ts";
import { temporaryDirectory } from "../../fakes/temporary-directory.ts";

const installedAt = "2026-01-01T00:00:00.000Z";
const record = { "other.efi": { source: "ipxe.efi", sha256: "0".repeat(64), installedAt } };

test.each([
  ["that is given", "ipxe.efi", minimalLoader("ipxe.efi"), 0],
  ["that is cut short", "cut.efi", efiProgram().subarray(0, 600), 1],
  ["that is not the one that was installed", "other.efi", minimalLoader("other.efi"), 1],
])("a file %s is read once while it is the same, and again in full", async (...row) => {
  const [, name, content, problems] = row;
  const root = temporaryDirectory();
  writeFileSync(join(root, name), content);
  if (name in record) writeFileSync(join(root, "loaders.json"), JSON.stringify(record));
  const how = { key: undefined, inFull: false };
  const first = await readLoaders(root, noLoaders, how);
  expect(first.problems).toHaveLength(problems);
  const second = await readLoaders(root, first, how);
  expect(second).toEqual(first);
  expect(second.read.get(name)).toBe(first.read.get(name));
  const inFull = await readLoaders(root, second, { ...how, inFull: true });
  expect(inFull).toEqual(first);
  expect(inFull.read.get(name)).not.toBe(first.read.get(name));
  writeFileSync(join(root, name), minimalLoader(name, "new"));
  const changed = await readLoaders(root, inFull, how);
  expect(changed.read.get(name)).toMatchObject({ data: minimalLoader(name, "new") });
});
