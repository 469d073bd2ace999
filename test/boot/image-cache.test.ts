import { createHash } from "node:crypto";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AssetChangedError, type AssetFile, resolveFile } from "../../src/boot/asset-file.ts";
import {
  createImageCache,
  DamagedImageError,
  imageBudgetBytes,
} from "../../src/boot/image-cache.ts";

const size = 2_500_000;
let directory: string;

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "rackstrap-images-")));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A file of one repeated letter, as the manifest would have it. */
async function image(name: string, content = name, sizeBytes = size): Promise<AssetFile> {
  const path = join(directory, name);
  const data = Buffer.alloc(sizeBytes, content);
  writeFileSync(path, data);
  const file = await resolveFile(directory, path);
  if ("problem" in file) throw new Error(file.problem);
  return { ...file, sha256: createHash("sha256").update(data).digest("hex") };
}

describe("the image cache", () => {
  it("gives every octet of the file, and to all the same memory", async () => {
    const cache = createImageCache(size);
    const file = await image("a");
    const [first, second] = await Promise.all([cache.hold(file), cache.hold(file)]);
    expect(first?.data.equals(Buffer.alloc(size, "a"))).toBe(true);
    expect(second?.data).toBe(first?.data);
    expect((await cache.hold(file))?.data).toBe(first?.data);
  });

  it("leaves on disk what is larger than the budget", async () => {
    const cache = createImageCache(size - 1);
    expect(await cache.hold(await image("a"))).toBeUndefined();
  });

  it("lets the least recently used go, and reads it again", async () => {
    const cache = createImageCache(2 * size);
    const files = [await image("a"), await image("b"), await image("c")] as const;
    const use = async (file: AssetFile) => {
      const held = await cache.hold(file);
      held?.release();
      return held?.data;
    };
    const [a, b] = [await use(files[0]), await use(files[1])];
    expect(await use(files[0])).toBe(a);
    await use(files[2]);
    expect(await use(files[0])).toBe(a);
    expect(await use(files[1])).not.toBe(b);
  });

  it("never lets go of what is being sent, and counts it until it was released", async () => {
    const cache = createImageCache(size);
    const [a, b] = [await image("a"), await image("b")];
    const [once, twice] = [await cache.hold(a), await cache.hold(a)];
    expect(await cache.hold(b)).toBeUndefined();
    once?.release();
    once?.release();
    expect(await cache.hold(b)).toBeUndefined();
    twice?.release();
    expect((await cache.hold(b))?.data[0]).toBe("b".charCodeAt(0));
  });

  it("counts an image from the moment its reading begins", async () => {
    const cache = createImageCache(size);
    const [a, b] = [await image("a"), await image("b")];
    const [held, refused] = await Promise.all([cache.hold(a), cache.hold(b)]);
    expect([held === undefined, refused]).toEqual([false, undefined]);
  });

  it("keeps the old octets of who began with them when the file is replaced", async () => {
    const cache = createImageCache(2 * size);
    const old = await cache.hold(await image("a", "1"));
    const fresh = await cache.hold(await image("a", "2"));
    expect([old?.data.toString("latin1", 0, 1), fresh?.data.toString("latin1", 0, 1)]).toEqual([
      "1",
      "2",
    ]);
    expect(old?.data.equals(Buffer.alloc(size, "1"))).toBe(true);
  });
});

describe("a file that is not what it should be", () => {
  it.each([
    ["in memory", size],
    ["from disk", 0],
  ])("is refused %s when it is not the one of the manifest", async (_, budget) => {
    const cache = createImageCache(budget);
    const file = await image("a");
    await image("a", "x", size - 1);
    await expect(cache.hold(file)).rejects.toThrow(AssetChangedError);
  });

  it.each([
    ["in memory", size],
    ["from disk", 0],
  ])("is never given out %s when it has another sum", async (_, budget) => {
    const cache = createImageCache(budget);
    const file = { ...(await image("a")), sha256: "0".repeat(64) };
    const [first, second] = await Promise.allSettled([cache.hold(file), cache.hold(file)]);
    for (const result of [first, second])
      expect(result).toMatchObject({
        reason: { name: "DamagedImageError", message: expect.stringContaining(file.path) },
      });
    await expect(cache.hold(file)).rejects.toThrow(DamagedImageError);
  });

  it("makes way for the one that is put in its place", async () => {
    const cache = createImageCache(size);
    const damaged = { ...(await image("a")), sha256: "0".repeat(64) };
    await expect(cache.hold(damaged)).rejects.toThrow(DamagedImageError);
    const repaired = await image("a", "b");
    expect((await cache.hold(repaired))?.data[0]).toBe("b".charCodeAt(0));
  });

  it("is read again when it could not be read", async () => {
    const cache = createImageCache(size);
    const file = await image("a");
    rmSync(file.path);
    await expect(cache.hold(file)).rejects.toThrow("cannot be opened any more");
    const again = await image("a");
    expect((await cache.hold(again))?.data.length).toBe(size);
  });
});

it.each([
  [undefined, 8192, 2048],
  [undefined, 65_536, 4096],
  [100, 8192, 100],
  [0, 8192, 0],
])("a setting of %s on a machine with %i MiB gives images %i MiB", (setting, memory, budget) => {
  expect(imageBudgetBytes(setting, memory * 1024 * 1024)).toBe(budget * 1024 * 1024);
});
