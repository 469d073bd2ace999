// Kills the commands that work on the asset directory at each of their steps: what is left must be whole, and the next
// attempt must end as if nothing had happened.

import { execFile } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";
import { importSet } from "../../src/boot/asset-store/import.ts";
import { createAssets } from "../../src/boot/assets.ts";
import { putImage } from "../fakes/images.ts";
import { temporaryDirectory } from "../fakes/temporary-directory.ts";
import { requireTools } from "./host.ts";

const run = promisify(execFile);
const script = fileURLToPath(new URL("./assets-process.ts", import.meta.url));
/** What changes names in a directory, and how often the process does so at least. */
const calls = [
  ["mkdir", 4],
  ["rename", 7],
  ["symlink", 1],
  ["unlink", 6],
  ["rmdir", 2],
  ["utimensat", 3],
] as const;

beforeAll(() => requireTools({ strace: "strace" }));

/** An asset directory with a folder filled by hand, an old set that gc is to remove, and an image to import. */
async function place() {
  const directory = temporaryDirectory();
  const root = join(directory, "assets");
  mkdirSync(root);
  putImage(join(root, "nixos/worker"), "by hand");
  const path = putImage(join(directory, "old"), "old");
  await importSet({ root, path, profile: "worker", nowMs: 0, onProgress: () => undefined });
  return { root, image: putImage(join(directory, "new"), "new") };
}

/** Runs the process, killed as it enters `call` for the `count`th time; false when it does not. */
async function killedAt(
  call: string,
  count: number,
  { root, image }: Awaited<ReturnType<typeof place>>,
): Promise<boolean> {
  const tracer = ["-f", "-qq", "-o", "/dev/null", "-e", `trace=${call}`];
  const inject = ["-e", `inject=${call}:signal=KILL:when=${count}`];
  // Calls are counted for each thread, so there is one. With --seccomp-bpf strace 6.1 counts only the first.
  const env = { ...process.env, UV_THREADPOOL_SIZE: "1" };
  const argv = [...tracer, ...inject, process.execPath, script, root, image];
  return run("strace", argv, { env }).then(
    () => false,
    (error: { signal?: string }) => {
      if (error.signal === "SIGKILL") return true;
      throw error;
    },
  );
}

const hidden = (folder: string) => readdirSync(folder).filter((name) => name.startsWith("."));

/** What machines are given; undefined when nothing. Nothing may ever be damaged. */
async function given(root: string): Promise<string | undefined> {
  const { sets, damaged } = (await createAssets(root)).current();
  expect(damaged).toEqual([]);
  return sets.get("worker")?.version;
}

/** What machines are given after a kill, for each time that the process enters `call`. */
async function killEverywhere(call: string): Promise<("old" | "new" | "nothing")[]> {
  const seen: ("old" | "new" | "nothing")[] = [];
  for (;;) {
    const at = await place();
    const old = await given(at.root);
    const killed = await killedAt(call, seen.length + 1, at);
    const left = await given(at.root);
    if (killed) {
      seen.push(left === old ? "old" : left === undefined ? "nothing" : "new");
      await run(process.execPath, [script, at.root, at.image]);
    }
    expect([undefined, old]).not.toContain(await given(at.root));
    for (const folder of [at.root, join(at.root, "nixos"), join(at.root, "sets/worker")])
      expect(hidden(folder)).toEqual([]);
    if (!killed) return seen;
  }
}

test.each(calls)(
  "a kill at any %s leaves whole sets, and the next attempt cleans up and ends as usual",
  async (call, least) => {
    const seen = await killEverywhere(call);
    expect(seen.length).toBeGreaterThanOrEqual(least);
    // A folder can't be replaced by a link in one step: what makes the link, and what puts it in place.
    expect(seen.filter((what) => what === "nothing").length).toBeLessThanOrEqual(1);
    expect(seen).toEqual(seen.toSorted((one, other) => order[one] - order[other]));
  },
  120_000,
);

const order = { old: 0, nothing: 1, new: 2 } as const;
