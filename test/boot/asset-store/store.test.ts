import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { activateSet, findId, rollBack } from "../../../src/boot/asset-store/activate.ts";
import {
  collectGarbage,
  type GcRequest,
  judgeSet,
  removeSet,
} from "../../../src/boot/asset-store/gc.ts";
import { importSet } from "../../../src/boot/asset-store/import.ts";
import { listStore, type StoredSet } from "../../../src/boot/asset-store/list.ts";
import { createAssets, findSet } from "../../../src/boot/assets.ts";
import { putImage } from "../../fakes/images.ts";
import { temporaryDirectory } from "../../fakes/temporary-directory.ts";

const dayMs = 24 * 60 * 60 * 1000;
const startMs = Date.UTC(2026, 5, 1);

/** A store of the profile `worker` whose clock stands still. */
function store() {
  const directory = temporaryDirectory();
  const root = join(directory, "assets");
  mkdirSync(root);
  const at = { nowMs: startMs };
  const request = () => ({ root, profile: "worker", nowMs: at.nowMs, onProgress: () => {} });
  const take = async (mark: string) => {
    const path = putImage(join(directory, mark), mark);
    return (await importSet({ ...request(), path })).set.id;
  };
  const activate = (id: string) => activateSet(request(), id);
  const states = async () =>
    Object.fromEntries((await listStore(root)).sets.map(({ id, state }) => [id, state]));
  const gc = (changes: Partial<GcRequest> = {}) =>
    collectGarbage({ root, nowMs: at.nowMs, isRunning: () => false, dryRun: false, ...changes });
  const active = () => readlinkSync(join(root, "nixos/worker"));
  return { root, at, request, take, activate, states, gc, active };
}

describe("activation", () => {
  it("is one link, and the set before it can be gone back to", async () => {
    const { take, activate, states, request, active } = store();
    const [one, two] = [await take("one"), await take("two")];
    expect(await activate(one)).toEqual({ id: one, before: undefined });
    expect(active()).toBe(`../sets/worker/${one}`);
    expect(await activate(two)).toEqual({ id: two, before: one });
    expect(await states()).toEqual({ [one]: "previous", [two]: "active" });
    expect(await rollBack(request())).toEqual({ id: one, before: two });
    expect(active()).toBe(`../sets/worker/${one}`);
    expect(await rollBack(request())).toEqual({ id: two, before: one });
  });

  it("of the active set changes nothing", async () => {
    const { take, activate, states, request } = store();
    const one = await take("one");
    await activate(one);
    expect(await activate(one)).toEqual({ id: one, before: one });
    expect(await states()).toEqual({ [one]: "active" });
    await expect(rollBack(request())).rejects.toThrow("profile worker has no earlier set");
  });

  it("that was cut off before it was noted can be undone all the same", async () => {
    const { root, take, activate, request } = store();
    const [one, two, three] = [await take("one"), await take("two"), await take("three")];
    await activate(one);
    await activate(two);
    // What a crash leaves that came between the link and the history.
    rmSync(join(root, "nixos/worker"));
    symlinkSync(`../sets/worker/${three}`, join(root, "nixos/worker"));
    expect(await rollBack(request())).toEqual({ id: two, before: three });
  });

  it("refuses what is not there and what is damaged, by name", async () => {
    const { root, take, activate } = store();
    const one = await take("one");
    await expect(findId(root, "worker", "ffff")).rejects.toThrow(`has no set ffff: it has ${one}`);
    expect(await findId(root, "worker", one.slice(0, 6))).toBe(one);
    const initrd = join(root, "sets/worker", one, "initrd");
    rmSync(initrd);
    await expect(activate(one)).rejects.toThrow("initrd is missing");
    writeFileSync(initrd, "cut");
    await expect(activate(one)).rejects.toThrow(`${initrd} has 3 of `);
  });

  it("changes nothing where the history can't be understood", async () => {
    const { root, take, activate, active } = store();
    const [one, two] = [await take("one"), await take("two")];
    await activate(one);
    writeFileSync(join(root, "sets/worker/history.json"), "{");
    await expect(activate(two)).rejects.toThrow("history.json can't be understood: remove it");
    expect(active()).toBe(`../sets/worker/${one}`);
  });
});

describe("activation in place of a folder filled by hand", () => {
  it("takes it into the store, so that its machines keep it", async () => {
    const { root, take, activate, states, request } = store();
    putImage(join(root, "nixos/worker"), "by hand");
    const assets = await createAssets(root);
    const byHand = assets.current().sets.get("worker")?.version ?? "";
    const one = await take("one");
    expect(await activate(one)).toEqual({ id: one, before: byHand });
    expect(await states()).toEqual({ [one]: "active", [byHand]: "previous" });
    const manifest = await assets.reload();
    expect(manifest.sets.get("worker")?.version).toBe(one);
    expect(findSet(manifest, "worker", byHand)?.arguments).toEqual(
      findSet(manifest, "worker", one)?.arguments,
    );
    expect(await rollBack(request())).toEqual({ id: byHand, before: one });
  });

  it("takes one into the store that the name is a link to, and leaves the folder", async () => {
    const { root, take, activate, states, request } = store();
    putImage(join(root, "incoming/worker"), "by hand");
    mkdirSync(join(root, "nixos"));
    symlinkSync("../incoming/worker", join(root, "nixos/worker"));
    const byHand = (await createAssets(root)).current().sets.get("worker")?.version ?? "";
    const one = await take("one");
    expect(await activate(one)).toEqual({ id: one, before: byHand });
    expect(await states()).toEqual({ [one]: "active", [byHand]: "previous" });
    expect(await rollBack(request())).toEqual({ id: byHand, before: one });
    expect(readdirSync(join(root, "incoming/worker"))).toContain("bzImage");
  });

  it("takes nothing into the store that no machine was given", async () => {
    const { root, take, activate } = store();
    const one = await take("one");
    putImage(join(root, "../outside"), "outside");
    mkdirSync(join(root, "nixos"));
    symlinkSync("../../outside", join(root, "nixos/worker"));
    expect(await activate(one)).toEqual({ id: one, before: undefined });
  });

  it("leaves one alone that can't be taken into the store", async () => {
    const { root, take, activate } = store();
    const one = await take("one");
    putImage(join(root, "nixos/worker"), "by hand");
    rmSync(join(root, "nixos/worker/netboot.ipxe"));
    await expect(activate(one)).rejects.toThrow(/filled by hand .* move it away/);
    expect(lstatSync(join(root, "nixos/worker")).isDirectory()).toBe(true);
  });
});

describe("gc", () => {
  it("keeps what is active, what was before it, and what was needed within a day", async () => {
    const { at, take, activate, states, gc } = store();
    const [one, two, three] = [await take("one"), await take("two"), await take("three")];
    for (const id of [one, two, three]) await activate(id);
    expect((await gc()).every(({ verdict }) => "keep" in verdict)).toBe(true);
    at.nowMs += dayMs - 1;
    await gc();
    expect(Object.keys(await states())).toHaveLength(3);
    at.nowMs += 1;
    const freed = (await gc()).filter(({ verdict }) => "free" in verdict);
    expect(freed).toEqual([
      {
        name: `worker/${one}`,
        verdict: { free: "no longer needed" },
        sizeBytes: expect.any(Number),
      },
    ]);
    expect(await states()).toEqual({ [two]: "previous", [three]: "active" });
  });

  it("keeps for a day what was active for long", async () => {
    const { at, take, activate, states, gc } = store();
    const [one, two, three] = [await take("one"), await take("two"), await take("three")];
    await activate(one);
    at.nowMs += 30 * dayMs;
    await activate(two);
    await activate(three);
    await gc();
    expect(await states()).toMatchObject({ [one]: "inactive" });
  });

  it("removes nothing on a dry run", async () => {
    const { at, take, states, gc } = store();
    const one = await take("one");
    at.nowMs += 2 * dayMs;
    const [collected] = await gc({ dryRun: true });
    expect(collected?.verdict).toEqual({ free: "no longer needed" });
    expect(await states()).toEqual({ [one]: "inactive" });
  });

  it("keeps the set that another profile is given", async () => {
    const { root, at, take, states, gc } = store();
    const one = await take("one");
    mkdirSync(join(root, "nixos"));
    symlinkSync(`../sets/worker/${one}`, join(root, "nixos/control-plane"));
    at.nowMs += 2 * dayMs;
    await gc();
    expect(await states()).toEqual({ [one]: "active" });
  });

  it("removes what a crash left behind, and nothing that somebody still works on", async () => {
    const { root, take, gc } = store();
    await take("one");
    const dead = join(root, "sets/worker/.import-1000-0123456789ab");
    const busy = join(root, "sets/worker/.removed-2000-0123456789ab");
    const link = join(root, ".loaders.json.1000-0123456789ab");
    for (const path of [dead, busy]) putImage(path, "x");
    writeFileSync(link, "x");
    // The manifest and the list do not see them.
    expect((await createAssets(root)).current().versions.size).toBe(1);
    const isRunning = (pid: number) => pid === 2000;
    const nowMs = Date.now();
    const names = (await gc({ isRunning, nowMs })).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining([dead, link]));
    expect(readdirSync(join(root, "sets/worker")).filter((name) => name.startsWith("."))).toEqual([
      ".removed-2000-0123456789ab",
    ]);
    // Process ids are used again: after two days it is not the same process.
    const old = new Date(nowMs - 2 * dayMs);
    utimesSync(busy, old, old);
    expect((await gc({ isRunning, nowMs })).map(({ name }) => name)).toContain(busy);
  });
});

describe("at the same time", () => {
  it("gc leaves a set alone that is chosen while it removes it", async () => {
    const { root, at, take, activate, active } = store();
    const one = await take("one");
    const [seen] = (await listStore(root)).sets;
    if (seen === undefined) throw new Error("no set");
    at.nowMs += 2 * dayMs;
    await activate(one);
    const verdict = await removeSet(root, seen, { free: "no longer needed" });
    expect(verdict).toEqual({ keep: "chosen at this moment" });
    expect(active()).toBe(`../sets/worker/${one}`);
    expect((await createAssets(root)).current().sets.get("worker")?.version).toBe(one);
  });

  it("a set that gc has removed can't be activated, and what was active stays", async () => {
    const { root, at, take, activate, gc, active } = store();
    const [one, two] = [await take("one"), await take("two")];
    await activate(one);
    at.nowMs += 2 * dayMs;
    await gc();
    await expect(activate(two)).rejects.toThrow(
      `set ${two} of profile worker is not in the store: import its image`,
    );
    expect(active()).toBe(`../sets/worker/${one}`);
    expect((await createAssets(root)).current().problems).toEqual([]);
  });

  it("the same image can be imported many times, and two gcs can run", async () => {
    const { root, at, take, gc, states } = store();
    const ids = await Promise.all(["one", "one", "one", "one"].map(take));
    expect(new Set(ids).size).toBe(1);
    expect(readdirSync(join(root, "sets/worker"))).toEqual([ids[0]]);
    at.nowMs += 2 * dayMs;
    await Promise.all([gc(), gc(), gc()]);
    expect(await states()).toEqual({});
    expect(readdirSync(join(root, "sets/worker"))).toEqual([]);
  });

  it("a set that is imported again while gc looks at it stays", async () => {
    const { root, at, take, states } = store();
    const one = await take("one");
    const [seen] = (await listStore(root)).sets;
    if (seen === undefined) throw new Error("no set");
    at.nowMs += 2 * dayMs;
    await take("one");
    await removeSet(root, seen, { free: "no longer needed" });
    expect(await states()).toEqual({ [one]: "inactive" });
  });
});

test("a set that can't be understood is freed a day after it was last active", () => {
  const place = { profile: "worker", id: "a", state: "inactive" } as const;
  const set: StoredSet = { ...place, neededMs: startMs, described: undefined };
  const history = [
    { id: "a", at: "2026-06-01T00:00:00.000Z" },
    { id: "b", at: "2026-06-02T00:00:00.000Z" },
  ];
  expect(judgeSet(set, history, startMs + 1.5 * dayMs)).toHaveProperty("keep");
  expect(judgeSet(set, history, startMs + 2 * dayMs)).toEqual({ free: "can't be understood" });
});
