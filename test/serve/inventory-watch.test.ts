import { basename } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { InventoryTexts } from "../../src/inventory/files.ts";
import { startInventoryWatch } from "../../src/serve/inventory-watch.ts";
import { virtualClock } from "../fakes/virtual-clock.ts";

const textsOf = (files: Readonly<Record<string, string>>): InventoryTexts =>
  new Map(Object.entries(files).map(([path, text]) => [path, { text }]));

/** A disk whose files change at times, and a server that has read what there was at first. */
function site(first: Readonly<Record<string, string>>, tells = true) {
  const clock = virtualClock();
  const began = clock.now();
  let files = first;
  let taken = JSON.stringify(first);
  const watched = new Map<string, (name: string | null) => void>();
  let readings = 0;
  const takings: { atMs: number; files: Readonly<Record<string, string>> }[] = [];
  const watch = startInventoryWatch({
    read: () => {
      readings += 1;
      return textsOf(files);
    },
    isLastRead: (texts) =>
      JSON.stringify([...texts]) === JSON.stringify([...textsOf(JSON.parse(taken))]),
    onChange: async () => {
      taken = JSON.stringify(files);
      takings.push({ atMs: clock.now() - began, files });
    },
    clock,
    watchFolder: (folder, onEvent) => {
      watched.set(folder, onEvent);
      return () => watched.delete(folder);
    },
  });
  onTestFinished(() => watch.close());
  return {
    ...{ clock, watched, takings, watch },
    /** Writes one file, and has the folders tell it where they do. */
    write: (atMs: number, file: string, text: string) =>
      clock.after(atMs, () => {
        files = { ...files, [file]: text };
        if (tells) for (const onEvent of watched.values()) onEvent(basename(file));
      }),
    /** Something else happens in the folders. */
    stir: (atMs: number, name: string | null) =>
      clock.after(atMs, () => {
        for (const onEvent of watched.values()) onEvent(name);
      }),
    readings: () => readings,
    pass: (ms: number) => clock.settle(new Promise<void>((resolve) => clock.after(ms, resolve))),
  };
}

test("what is written once is taken when it has stayed for a moment", async () => {
  const { write, pass, takings } = site({ "/etc/a.yaml": "one" });
  write(1_000, "/etc/a.yaml", "two");
  await pass(60_000);
  expect(takings).toEqual([{ atMs: 1_100, files: { "/etc/a.yaml": "two" } }]);
});

test("what is written in pieces is taken once, whole", async () => {
  const { write, pass, takings } = site({ "/etc/a.yaml": "one" });
  for (const piece of [1, 2, 3, 4, 5, 6, 7, 8, 9])
    write(1_000 + piece * 80, "/etc/a.yaml", "two".repeat(piece));
  await pass(60_000);
  expect(takings.map(({ files }) => files["/etc/a.yaml"])).toEqual(["two".repeat(9)]);
});

test("a file that is touched, or written and put back, is not read again", async () => {
  const { write, pass, takings } = site({ "/etc/a.yaml": "one" });
  write(1_000, "/etc/a.yaml", "one");
  write(2_000, "/etc/a.yaml", "two");
  write(2_050, "/etc/a.yaml", "one");
  await pass(60_000);
  expect(takings).toEqual([]);
});

test("a file that is written to for ever is taken as it is every few seconds", async () => {
  const { write, pass, takings } = site({ "/etc/a.yaml": "0" });
  for (let i = 1; i <= 300; i += 1) write(i * 50, "/etc/a.yaml", String(i));
  await pass(15_000);
  expect(takings.length).toBeGreaterThanOrEqual(2);
  expect(takings.length).toBeLessThanOrEqual(4);
});

test("what else happens in the folder costs no readings, and what may be a file of ours few", async () => {
  const { stir, pass, readings } = site({ "/etc/a.yaml": "one" });
  for (let i = 0; i < 400; i += 1) stir(i * 10, "rackstrap.db-wal");
  await pass(4_000);
  expect(readings()).toBe(1);
  for (let i = 0; i < 400; i += 1) stir(i * 10, i % 2 === 0 ? "new.yaml" : null);
  await pass(4_000);
  expect(readings()).toBeLessThan(50);
});

test("where folders tell nothing, a change is found at the next look", async () => {
  const { write, pass, takings } = site({ "/etc/a.yaml": "one" }, false);
  write(6_000, "/etc/a.yaml", "two");
  await pass(60_000);
  expect(takings).toEqual([{ atMs: 10_100, files: { "/etc/a.yaml": "two" } }]);
});

test("a further file's folder is watched from when it is named, and none after the end", async () => {
  const { write, pass, takings, watched, watch, clock } = site({ "/etc/a.yaml": "one" });
  expect([...watched.keys()]).toEqual(["/etc"]);
  write(1_000, "/srv/nodes/b.yaml", "more");
  await pass(2_000);
  expect([...watched.keys()]).toEqual(["/etc", "/srv/nodes"]);
  write(1_000, "/srv/nodes/b.yaml", "other");
  await pass(2_000);
  expect(takings.length).toBe(2);
  await clock.settle(watch.close());
  expect(watched.size).toBe(0);
});
