import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { edited } from "../inventory/edit.ts";
import { run } from "./run.ts";

const root = join(import.meta.dirname, "../..");
let folder = "";
let file = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "rackstrap-inventory-"));
  file = join(folder, "site.yaml");
  writeFileSync(file, edited("site: example\n", "site:   example # keep\n"));
});

afterAll(() => rmSync(folder, { recursive: true }));

test("fmt shows what would change and writes only when told to", async () => {
  const before = readFileSync(file, "utf8");
  const shown = await run(["inventory", "fmt", file, "--check"]);
  expect(shown.code).toBe(1);
  expect(shown.stdout).toContain("-site:   example # keep\n+site: example # keep\n");
  expect(readFileSync(file, "utf8")).toBe(before);
  const written = await run(["inventory", "fmt", "--inventory", file, "--write", "--json"]);
  expect(written).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(written.stdout)).toMatchObject({
    ...{ written: true, files: [{ file, changed: true }] },
  });
  expect(await run(["inventory", "fmt", file, "--check"])).toEqual({
    code: 0,
    stdout: "",
    stderr: "",
  });
}, 20_000);

test("schema prints what is committed, and writes it where it is told to", async () => {
  const committed = readFileSync(join(root, "inventory/schema.json"), "utf8");
  expect(await run(["inventory", "schema"])).toEqual({ code: 0, stdout: committed, stderr: "" });
  const nowhere = await run(["inventory", "schema", "--write", join(folder, "none/schema.json")]);
  expect(nowhere.code).toBe(1);
  expect(nowhere.stderr).toContain("name a file in a folder that you may write to");
}, 20_000);

test("check prints warnings, and the inventory is sound all the same", async () => {
  const warned = join(folder, "warned.yaml");
  writeFileSync(warned, edited("  worker: {", "  storage: { role: worker }\n  worker: {"));
  const { code, stdout } = await run(["check", "--file-only", "--inventory", warned]);
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: `warning  ${warned}:20:3: profiles.storage: no node has the profile storage: remove it, or check the spelling of theirs\n${warned}: site example, 2 nodes, no problems\n`,
  });
  const json = await run(["check", "--file-only", "--inventory", warned, "--json"]);
  expect(JSON.parse(json.stdout)).toMatchObject({
    problems: [],
    warnings: [{ line: 20, column: 3 }],
  });
}, 20_000);
