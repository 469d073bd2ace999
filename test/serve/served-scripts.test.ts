import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Node } from "../../src/inventory/schema.ts";
import { createServedScripts, servedKeeper } from "../../src/serve/served-scripts.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "rackstrap-served-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test("the script a node was given last is found again, for its stage, by its owner alone", () => {
  const served = createServedScripts(join(directory, "served"));
  expect(served.find("node01", "boot")).toBeUndefined();
  served.keep("node01", "boot", "#!ipxe\nfirst\n");
  served.keep("node01", "boot", "#!ipxe\nlast\n");
  const again = createServedScripts(join(directory, "served"));
  const { mtimeMs, mode } = statSync(join(directory, "served/node01.boot"));
  expect(again.find("node01", "boot")).toEqual({ text: "#!ipxe\nlast\n", atMs: mtimeMs });
  expect(again.find("node01", "grub")).toBeUndefined();
  expect((mode & 0o777).toString(8)).toBe("600");
});

test("a disk that can't be written is said", () => {
  const served = createServedScripts(join(directory, "served"));
  served.keep("node01", "boot", "#!ipxe\nfirst\n");
  rmSync(join(directory, "served"), { recursive: true });
  writeFileSync(join(directory, "served"), "in the way");
  expect(() => served.keep("node01", "boot", "#!ipxe\n")).toThrow("ENOTDIR");
});

test("a machine gets its script though it can't be kept, and the log says so", () => {
  const errors: unknown[] = [];
  const served = createServedScripts(join(directory, "served"));
  const logger = { error: (fields: unknown) => void errors.push(fields) } as never;
  const keep = servedKeeper({ servedScripts: served, logger });
  keep({ name: "node01" } as Node, "grub", "exit\n");
  expect(served.find("node01", "grub")?.text).toBe("exit\n");
  rmSync(join(directory, "served"), { recursive: true });
  keep({ name: "node01" } as Node, "grub", "exit\n");
  expect(errors).toMatchObject([{ node: "node01", err: { code: "ENOENT" } }]);
});
