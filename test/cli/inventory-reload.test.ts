import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import type { InventoryFile, InventoryVerdict } from "../../src/api/inventory-shapes.ts";
import { noDifference } from "../../src/inventory/diff.ts";
import { startServer } from "./run.ts";

// Each command is a process of its own.
vi.setConfig({ testTimeout: 60_000 });

const same: InventoryVerdict = {
  ...{ problems: [], refused: [], needsRestart: [], warnings: [] },
  diff: noDifference,
};

/** A server that says this of every reading, and what it was sent. */
async function serverSaying(changes: Partial<InventoryVerdict>) {
  const verdict = { ...same, ...changes };
  const sent: (readonly InventoryFile[])[] = [];
  const server = await startServer({
    reloadInventory: async () => verdict,
    compareInventory: async (files) => {
      sent.push(files);
      return verdict;
    },
  });
  onTestFinished(() => server.close());
  return { server, sent, verdict };
}

const problem = { file: "site.yaml", line: 3, column: 4, path: "site", message: "is missing" };
const refusal = { node: "node04", reason: "node04 is a voter", next: "remove it first" };
const removed = { ...noDifference, removed: ["node04"] };

test.each<[string, Partial<InventoryVerdict>, number, number]>([
  ["says what is in force", {}, 0, 0],
  ["differs", { diff: removed }, 1, 0],
  [
    "differs in what waits for the next start",
    { needsRestart: [{ path: "server.httpPort" }] },
    1,
    0,
  ],
  ["can't be taken now", { diff: removed, refused: [refusal] }, 1, 1],
  ["is not sound", { problems: [problem] }, 2, 1],
])(
  "a file that %s decides the exit code of diff and reload",
  async (_, changes, diffed, reloaded) => {
    const { server, sent, verdict } = await serverSaying(changes);
    const file = join(server.directory, "site.yaml");
    const text = `# ${"ä".repeat(200_000)}\n`;
    writeFileSync(file, text);
    const diff = await server.rackstrap("inventory", "diff", file, "--json");
    expect([JSON.parse(diff.stdout), diff.stderr, diff.code]).toEqual([verdict, "", diffed]);
    expect(sent).toEqual([[{ path: file, text }]]);
    const reload = await server.rackstrap("inventory", "reload");
    expect([reload.stderr, reload.code]).toEqual(["", reloaded]);
  },
);

test("a file that can't be read is told before anybody is asked", async () => {
  const { server, sent } = await serverSaying({});
  const { code, stderr } = await server.rackstrap("inventory", "diff", "/nowhere/site.yaml");
  expect([code, sent]).toEqual([2, []]);
  expect(stderr).toMatch(/^rackstrap: \/nowhere\/site\.yaml can't be read: ENOENT/);
  expect(await server.rackstrap("inventory", "diff")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("no file is named\n  next: name one"),
  });
});
