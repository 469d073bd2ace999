import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { removeNode, setValue } from "../../src/inventory/edit.ts";
import { writeInventory } from "../../src/inventory/write.ts";
import { edited } from "./edit.ts";

const before = edited("site: example\n", "site: example # keep\n");
let folder = "";
let file = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rackstrap-write-"));
  file = join(folder, "site.yaml");
  writeFileSync(file, before);
  chmodSync(file, 0o640);
});
afterEach(() => rmSync(folder, { recursive: true }));

test("a sound change replaces the file as a whole, and its mode stays", () => {
  const after = setValue(before, ["cluster", "name"], "other");
  const inode = statSync(file).ino;
  expect(writeInventory({ file, before, after })).toEqual({ written: true });
  expect(readFileSync(file, "utf8")).toBe(after);
  expect(statSync(file).mode & 0o777).toBe(0o640);
  expect(statSync(file).ino).not.toBe(inode);
  expect(readdirSync(folder)).toEqual(["site.yaml"]);
});

test("an inventory with problems is not written", () => {
  const after = setValue(before, ["nodes", "node01", "mac"], "none");
  expect(writeInventory({ file, before, after })).toMatchObject({
    problems: [{ file, path: "nodes.node01.mac" }],
  });
  expect(readFileSync(file, "utf8")).toBe(before);
});

test("a file that somebody else changed is not written over", () => {
  const theirs = before.replace("# keep", "# theirs");
  writeFileSync(file, theirs);
  const after = removeNode(before, "node02");
  expect(writeInventory({ file, before, after })).toEqual({
    refused: `${file} was changed by somebody else in the meantime: look at it and try again`,
  });
  expect(readFileSync(file, "utf8")).toBe(theirs);
});

test("a change of an included file is judged with the rest, and a link stays one", () => {
  const [head, nodes] = before.split(/^(?=nodes:\n)/m);
  writeFileSync(file, `include: [nodes.yaml]\n${head}`);
  writeFileSync(join(folder, "real"), nodes ?? "");
  const included = join(folder, "nodes.yaml");
  symlinkSync("real", included);
  const edit = { file: included, before: nodes ?? "", main: file };
  expect(writeInventory({ ...edit, after: "nodes: []\n" })).toHaveProperty("problems");
  const after = removeNode(nodes ?? "", "node02");
  expect(writeInventory({ ...edit, after })).toEqual({ written: true });
  expect(readFileSync(join(folder, "real"), "utf8")).toBe(after);
});
