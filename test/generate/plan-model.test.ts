// A model of people and programs at work on one tree: whatever they do, in whatever order, an edit is lost only by force.

import { expect, test } from "vitest";
import { type Manifest, sha256 } from "../../src/generate/manifest.ts";
import { manifestAfter, type OnDisk, plan } from "../../src/generate/plan.ts";

function onDisk(text: string): OnDisk {
  return { kind: "file", text, sha256: sha256(text) };
}

const paths = ["a", "b", "c/d", "c/e"];
const owners = new Map(paths.map((name, index) => [name, index < 2 ? "one" : "two"]));
const texts = ["", "x\n", "y\n", "z"];

test("ten thousand histories of a tree never lose an edit that nobody gave up", () => {
  let generations = 0;
  for (let seed = 1; seed <= 10_000; seed += 1) {
    const pick = generator(seed);
    const world: World = {
      manifest: new Map(),
      disk: new Map(),
      wanted: new Map(),
      edits: new Map(),
    };
    const length = 4 + pick(20);
    for (let done = 0; done < length; done += 1) {
      try {
        step(world, pick);
      } catch (cause) {
        throw new Error(`history ${seed}, step ${done}`, { cause });
      }
    }
    generations += length;
  }
  expect(generations).toBeGreaterThan(100_000);
});

/** Numbers from 0 to below `limit`, the same for the same seed (mulberry32). */
function generator(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

interface World {
  manifest: Manifest;
  readonly disk: Map<string, string>;
  readonly wanted: Map<string, string>;
  /** What people wrote, until it is overwritten by force or is what is generated. */
  readonly edits: Map<string, string>;
}

function generateOnce(world: World, pick: (limit: number) => number): void {
  const complete = new Set(["one", "two"].filter(() => pick(4) > 0));
  const forced = new Set(paths.filter(() => pick(12) === 0));
  const files = [...world.wanted].flatMap(([name, text]) => {
    const by = owners.get(name) ?? "";
    return complete.has(by) ? [{ path: name, text, by }] : [];
  });
  const disk = new Map([...world.disk].map(([name, text]) => [name, onDisk(text)]));
  const actions = plan({ files, complete, forced, manifest: world.manifest, disk });
  // A crash may keep the manifest, or any of the files, from being written.
  const reached = pick(5) === 0 ? actions.slice(0, pick(actions.length + 1)) : actions;
  for (const action of reached) {
    if (action.kind === "create" || action.kind === "update")
      world.disk.set(action.path, action.text);
    if (action.kind === "remove") world.disk.delete(action.path);
    if (forced.has(action.path)) world.edits.delete(action.path);
  }
  if (reached === actions) world.manifest = manifestAfter(world.manifest, actions);
  for (const { path: name, text, by } of files)
    if (world.edits.get(name) === text && complete.has(by)) world.edits.delete(name);
  if (reached === actions) settled(world, files, actions);
}

/** What holds after every run that came to its end. */
function settled(
  world: World,
  files: readonly { path: string; text: string }[],
  actions: ReturnType<typeof plan>,
): void {
  for (const { path: name, text } of files) {
    const edited = actions.some((one) => one.path === name && one.kind === "edited");
    if (!edited && world.disk.get(name) !== text) throw new Error(`${name} was not written`);
    if (!edited && world.manifest.get(name)?.sha256 !== sha256(text))
      throw new Error(`${name} is not in the manifest as it was written`);
  }
}

function step(world: World, pick: (limit: number) => number): void {
  const name = paths[pick(paths.length)] ?? "a";
  const text = texts[pick(texts.length)] ?? "";
  switch (pick(6)) {
    case 0:
      world.disk.set(name, `by hand ${text}`);
      // Whoever writes exactly what was generated last has edited nothing.
      if (world.manifest.get(name)?.sha256 === sha256(`by hand ${text}`)) world.edits.delete(name);
      else world.edits.set(name, `by hand ${text}`);
      break;
    case 1:
      world.disk.delete(name);
      world.edits.delete(name);
      break;
    case 2:
      world.wanted.set(name, text);
      break;
    case 3:
      // What somebody wrote by hand and then moved into the inventory.
      world.wanted.set(name, `by hand ${text}`);
      break;
    case 4:
      world.wanted.delete(name);
      break;
    default:
      generateOnce(world, pick);
  }
  for (const [edited, lost] of world.edits)
    if (world.disk.get(edited) !== lost)
      throw new Error(`the edit of ${edited} was lost: ${JSON.stringify(world.disk.get(edited))}`);
}
