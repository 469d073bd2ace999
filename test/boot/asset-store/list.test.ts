import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { listStore } from "../../../src/boot/asset-store/list.ts";
import { temporaryDirectory } from "../../fakes/temporary-directory.ts";

const [kept, removed] = ["0000000000000001", "0000000000000002"];

// Another gc, at the worst moment: when the set was just found.
vi.mock("node:fs/promises", async (original) => {
  const actual = await original<typeof import("node:fs/promises")>();
  const realpath = async (path: string) => {
    const found = await actual.realpath(path);
    if (found.endsWith(`/${removed}`)) rmSync(found, { recursive: true });
    return found;
  };
  return { ...actual, realpath };
});

test("a set that is removed while it is looked at is left out", async () => {
  const root = temporaryDirectory();
  for (const id of [kept, removed]) mkdirSync(join(root, "sets/worker", id), { recursive: true });
  const { sets } = await listStore(root);
  expect(sets.map(({ id }) => id)).toEqual([kept]);
});
