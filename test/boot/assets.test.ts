import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, onTestFinished, test, vi } from "vitest";
import { AssetChangedError, identityOf, openAsset } from "../../src/boot/asset-file.ts";
import { activateSet } from "../../src/boot/asset-store/activate.ts";
import { importSet } from "../../src/boot/asset-store/import.ts";
import { assetProblems, createAssets, findSet } from "../../src/boot/assets.ts";
import { assetDirectory, initPath, putFiles } from "../fakes/asset-directory.ts";
import { bzImage, gzipped, putImage } from "../fakes/images.ts";
import { minimalLoader } from "../fakes/loaders.ts";
import { temporaryDirectory } from "../fakes/temporary-directory.ts";

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

function directoryWith(files: Readonly<Record<string, string | Buffer>> = {}): string {
  const directory = assetDirectory(files);
  directories.push(directory);
  return directory;
}

async function manifestOf(directory: string) {
  return (await createAssets(directory)).current();
}

const needed = { profiles: ["control-plane", "worker"], loaders: ["undionly.kpxe", "ipxe.efi"] };

describe("the asset manifest", () => {
  it("knows loaders by content and a set by its files and command line", async () => {
    const directory = directoryWith();
    const manifest = await manifestOf(directory);
    expect([...manifest.loaders.keys()]).toEqual(["ipxe.efi", "undionly.kpxe"]);
    expect(manifest.loaders.get("ipxe.efi")?.data).toEqual(minimalLoader("ipxe.efi"));
    expect(manifest.sets.get("control-plane")).toMatchObject({
      kernelName: "bzImage",
      kernel: { path: join(directory, "nixos/control-plane/bzImage"), sizeBytes: 700_000 },
      initrd: { sizeBytes: 1_300_001 },
      arguments: [`init=${initPath}`, "loglevel=4"],
    });
    expect(manifest.problems).toEqual([]);
  });

  it("takes released names, aarch64 kernels, and an init that is a link to a store this host does not have", async () => {
    const directory = directoryWith({
      "nixos/released/bzImage-x86_64-linux": "k",
      "nixos/released/initrd-x86_64-linux": "i",
      "nixos/released/netboot-x86_64-linux.ipxe": `kernel bzImage init=${initPath} initrd=initrd\n`,
      "nixos/arm/Image": "k",
      "nixos/arm/initrd": "i",
      "nixos/arm/kernel-params": "quiet",
    });
    symlinkSync(initPath, join(directory, "nixos/arm/init"));
    const { sets, problems } = await manifestOf(directory);
    expect(problems).toEqual([]);
    expect(sets.get("released")?.arguments).toEqual([`init=${initPath}`]);
    expect(sets.get("arm")).toMatchObject({
      kernelName: "Image",
      arguments: [`init=${initPath}`, "quiet"],
    });
  });

  it("gives nothing away that a link leads out to", async () => {
    const outside = directoryWith();
    const directory = directoryWith();
    symlinkSync("/etc/passwd", join(directory, "passwd.efi"));
    symlinkSync(join(outside, "nixos/control-plane"), join(directory, "nixos/stolen"));
    rmSync(join(directory, "nixos/control-plane/initrd"));
    symlinkSync(join(outside, "ipxe.efi"), join(directory, "nixos/control-plane/initrd"));
    const { loaders, sets, problems } = await manifestOf(directory);
    expect(loaders.has("passwd.efi")).toBe(false);
    expect(sets.size).toBe(0);
    expect(problems).toEqual([
      `loader passwd.efi: ${directory}/passwd.efi is a link out of the asset directory: replace or remove it`,
      `asset set control-plane: ${directory}/nixos/control-plane/initrd is a link out of the asset directory: copy it there again`,
      "asset set stolen: nixos/stolen leads out of the asset directory: import what it leads to",
    ]);
  });

  it("does not serve directories, empty files, or files that are no loaders", async () => {
    const directory = directoryWith({
      "notes.txt": "x",
      "empty.efi": "",
      "nixos/worker/bzImage/x": "not a file",
      "nixos/worker/initrd": "i",
    });
    const { loaders, problems } = await manifestOf(directory);
    expect([...loaders.keys()]).toEqual(["ipxe.efi", "undionly.kpxe"]);
    expect(problems).toEqual([
      `loader empty.efi: ${directory}/empty.efi is empty: replace or remove it`,
      `asset set worker: ${directory}/nixos/worker/bzImage is not a regular file: copy it there again`,
    ]);
  });
});

describe("asset problems", () => {
  it("say what is missing and where to put it", async () => {
    const directory = directoryWith();
    rmSync(join(directory, "ipxe.efi"));
    expect(assetProblems(await manifestOf(directory), needed)).toEqual([
      `loader ipxe.efi is missing: install it with rackstrap assets loaders, or copy it to ${directory}/ipxe.efi`,
      `asset set worker is missing: import its image with rackstrap assets import, or put bzImage, initrd and netboot.ipxe in ${directory}/nixos/worker`,
    ]);
  });

  it("name an incomplete set once", async () => {
    const directory = directoryWith({ "nixos/worker/bzImage": "k", "nixos/worker/initrd": "i" });
    expect(assetProblems(await manifestOf(directory), needed)).toEqual([
      `asset set worker: ${directory}/nixos/worker: there is no netboot.ipxe, no kernel-params with init, and no cmdline`,
    ]);
  });

  it("name a directory that does not exist", async () => {
    const manifest = await manifestOf("/nowhere/at/all");
    expect(assetProblems(manifest, { profiles: [], loaders: [] })).toEqual([
      "the asset directory /nowhere/at/all does not exist or cannot be read",
    ]);
  });
});

describe("an asset directory that goes away", () => {
  it.each([
    ["gone", () => {}, "does not exist or cannot be read"],
    ["an empty mount point", (path: string) => void mkdirSync(path), "is empty, and held loaders"],
    ["not to be listed", (path: string) => writeFileSync(path, ""), "cannot be read (ENOTDIR)"],
  ])("goes on being given from memory, and that is said: %s", async (_, replace, what) => {
    const directory = directoryWith();
    const assets = await createAssets(directory);
    const { loaders } = assets.current();
    renameSync(directory, `${directory}.away`);
    replace(directory);
    for (const look of [assets.reload, assets.reload, () => assets.verify(() => {}, never)]) {
      const manifest = await look();
      expect(manifest.loaders).toEqual(loaders);
      expect(manifest.damaged).toEqual([expect.stringContaining(`${directory} ${what}`)]);
      expect(assetProblems(manifest, { profiles: [], loaders: ["ipxe.efi"] }, "needed")).toEqual(
        manifest.damaged,
      );
    }
    rmSync(directory, { recursive: true, force: true });
    renameSync(`${directory}.away`, directory);
    expect(await assets.reload()).toMatchObject({ loaders, problems: [] });
  });

  it("is no damage when it never held a loader", async () => {
    expect((await manifestOf("/nowhere/at/all")).damaged).toEqual([]);
    expect(await manifestOf(temporaryDirectory())).toMatchObject({ problems: [], damaged: [] });
  });
});

test("an unknown name has the directory walked once in two seconds", async () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  onTestFinished(() => void vi.useRealTimers());
  const directory = directoryWith();
  const assets = await createAssets(directory);
  const find = () => assets.plainFile("memdisk");
  expect(await find()).toBeUndefined();
  writeFileSync(join(directory, "memdisk"), "x");
  vi.advanceTimersByTime(1_999);
  expect(await find()).toBeUndefined();
  vi.advanceTimersByTime(1);
  expect(await find()).toMatchObject({ sizeBytes: 1 });
  // One that was found and is another by now is looked for at once.
  writeFileSync(join(directory, "memdisk"), "xx");
  expect(await find()).toMatchObject({ sizeBytes: 2 });
});

describe("an asset that changes", () => {
  it.each([
    ["truncated", (path: string) => truncateSync(path, 10)],
    ["rewritten", (path: string) => writeFileSync(path, "another kernel")],
    ["removed", (path: string) => rmSync(path)],
    [
      "replaced by a link",
      (path: string) => {
        rmSync(path);
        symlinkSync("/etc/passwd", path);
      },
    ],
  ])("is not opened once it is %s", async (_, change) => {
    const set = (await manifestOf(directoryWith())).sets.get("control-plane");
    if (set === undefined) throw new Error("no set");
    const handle = await openAsset(set.kernel);
    await handle.close();
    change(set.kernel.path);
    await expect(openAsset(set.kernel)).rejects.toThrow(AssetChangedError);
  });

  it("is noticed though inode, size and modification time are what they were", async () => {
    const directory = directoryWith();
    const assets = await createAssets(directory);
    const set = assets.current().sets.get("control-plane");
    if (set === undefined) throw new Error("no set");
    changeOneOctet(set.initrd.path);
    await expect(openAsset(set.initrd)).rejects.toThrow(AssetChangedError);
    expect((await assets.reload()).sets.get("control-plane")?.version).not.toBe(set.version);
  });

  it("is a new version of its set after a reload", async () => {
    const directory = directoryWith();
    const assets = await createAssets(directory);
    const before = assets.current().sets.get("control-plane")?.version;
    putFiles(directory, { "nixos/control-plane/initrd": "another" });
    const [first, second] = await Promise.all([assets.reload(), assets.reload()]);
    expect(first).toBe(second);
    expect(assets.current().sets.get("control-plane")?.version).not.toBe(before);
  });
});

const never = new AbortController().signal;

/** An asset directory with the active set `active` and the set `other` beside it. */
async function store() {
  const directory = temporaryDirectory();
  const root = join(directory, "assets");
  const request = { root, profile: "worker", nowMs: 0, onProgress: () => {} };
  const take = async (mark: string) =>
    (await importSet({ ...request, path: putImage(join(directory, mark), mark) })).set.id;
  const active = await take("active");
  const other = await take("other");
  await activateSet(request, active);
  return { root, active, other, switchTo: (id: string) => activateSet(request, id) };
}

/** Changes one octet; size and modification time stay as they are. */
function changeOneOctet(path: string): void {
  // Node sets times to the microsecond only.
  const original = join(temporaryDirectory(), "original");
  execFileSync("cp", ["--preserve=timestamps", path, original]);
  const content = readFileSync(path);
  content.writeUInt8(content.readUInt8(content.length >> 1) ^ 1, content.length >> 1);
  chmodSync(path, 0o644);
  writeFileSync(path, content);
  execFileSync("touch", ["--reference", original, path]);
}

/**
 * Changes one octet of a file whose sum is remembered, as a failing disk would: nothing about the file has changed since. Nobody can
 * set the time of its change back, so what is remembered gets the new one.
 */
function damageSilently(path: string, memoryFile: string): void {
  changeOneOctet(path);
  const memory = JSON.parse(readFileSync(memoryFile, "utf8"));
  memory[path].identity = identityOf(statSync(path, { bigint: true }));
  writeFileSync(memoryFile, JSON.stringify(memory));
}

describe("imported sets", () => {
  it("are found by version while they are on the disk, active or not", async () => {
    const { root, active, other, switchTo } = await store();
    const assets = await createAssets(root);
    expect(findSet(assets.current(), "worker")?.version).toBe(active);
    expect(findSet(assets.current(), "worker", other)?.version).toBe(other);
    expect(findSet(assets.current(), "worker", "0123456789abcdef")).toBeUndefined();
    await switchTo(other);
    const manifest = await assets.reload();
    expect(findSet(manifest, "worker")?.version).toBe(other);
    expect(findSet(manifest, "worker", active)?.kernel.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each([
    ["damaged", (path: string) => writeFileSync(path, readFileSync(path).fill(1)), "is damaged"],
    ["half copied", (path: string) => truncateSync(path, 1000), "has 1000 of 5120 octets"],
    ["missing", (path: string) => rmSync(path), "is missing"],
  ])("are not served with a kernel that is %s, which is named", async (_, spoil, what) => {
    const { root, active, other } = await store();
    const path = join(root, "sets/worker", active, "bzImage");
    chmodSync(path, 0o644);
    spoil(path);
    const { sets, versions, problems, damaged } = (await createAssets(root)).current();
    expect(sets.size).toBe(0);
    expect([...versions.keys()]).toEqual([`worker/${other}`]);
    expect(problems).toEqual([expect.stringMatching(`^asset set worker: .*bzImage.* ${what}`)]);
    expect(damaged).toEqual(problems);
  });

  it.each([
    ["gone", undefined, "set.json is missing"],
    ["no JSON", "{", "set.json is no JSON"],
    ["of another shape", '{"format":2}', "set.json: format"],
    ["changed", /loglevel=4/, "set.json does not describe the set"],
    ["a pipe", (path: string) => void execFileSync("mkfifo", [path]), "set.json is not a regular"],
    ["a device", (path: string) => symlinkSync("/dev/zero", path), "set.json is a link out of"],
    ["a folder", (path: string) => void mkdirSync(path), "set.json is not a regular file"],
  ])("are not served with a set.json that is %s", async (_, change, what) => {
    const { root, active } = await store();
    const path = join(root, "sets/worker", active, "set.json");
    const text = readFileSync(path, "utf8");
    rmSync(path);
    if (change instanceof RegExp) writeFileSync(path, text.replace(change, "loglevel=7"));
    else if (typeof change === "function") change(path);
    else if (change !== undefined) writeFileSync(path, change);
    const { sets, damaged } = (await createAssets(root)).current();
    expect(sets.size).toBe(0);
    expect(damaged).toEqual([expect.stringContaining(what)]);
  });

  it("are given to another profile by a link, and a link to nothing is named", async () => {
    const { root, active } = await store();
    symlinkSync("worker", join(root, "nixos/control-plane"));
    symlinkSync("../sets/worker/0123456789abcdef", join(root, "nixos/lost"));
    const manifest = (await createAssets(root)).current();
    expect(findSet(manifest, "control-plane", active)?.profile).toBe("control-plane");
    expect(findSet(manifest, "worker", active)?.profile).toBe("worker");
    expect(manifest.damaged).toEqual([
      "asset set lost: nixos/lost is a link to nothing: choose a set with rackstrap assets activate",
    ]);
  });
});

describe("a full check", () => {
  it.each(["bzImage", "initrd"])("finds a %s that the disk damaged, by name", async (name) => {
    const { root, active } = await store();
    const memoryFile = join(root, "../sums.json");
    await createAssets(root, { memoryFile });
    damageSilently(join(root, "sets/worker", active, name), memoryFile);
    const assets = await createAssets(root, { memoryFile });
    expect(assets.current().damaged).toEqual([]);
    const { damaged, sets } = await assets.verify(() => {}, never);
    expect(damaged).toEqual([expect.stringMatching(`${active}/${name} is damaged`)]);
    expect(sets.size).toBe(0);
    // The next start knows it, too.
    expect((await createAssets(root, { memoryFile })).current().damaged).toEqual(damaged);
  });

  it("finds damage in a folder filled by hand, until the file is copied again", async () => {
    const directory = directoryWith();
    const kernel = join(directory, "nixos/control-plane/bzImage");
    const good = readFileSync(kernel);
    const memoryFile = join(temporaryDirectory(), "sums.json");
    await createAssets(directory, { memoryFile });
    damageSilently(kernel, memoryFile);
    const assets = await createAssets(directory, { memoryFile });
    expect((await assets.verify(() => {}, never)).sets.size).toBe(0);
    expect(assets.current().damaged).toEqual([
      `asset set control-plane: ${kernel} is damaged: its content changed on the disk: copy it there again`,
    ]);
    writeFileSync(kernel, good);
    expect((await assets.reload()).damaged).toEqual([]);
  });

  it("reads every octet of every image, and ends when it is told to", async () => {
    const { root } = await store();
    const assets = await createAssets(root);
    const all = [...assets.current().versions.values()].reduce(
      (sum, { kernel, initrd }) => sum + kernel.sizeBytes + initrd.sizeBytes,
      0,
    );
    let octets = 0;
    const count = (piece: number) => {
      octets += piece;
    };
    await assets.verify(count, never);
    expect(octets).toBe(all);
    const stop = new AbortController();
    let pieces = 0;
    await assets.verify(() => {
      pieces += 1;
      stop.abort();
    }, stop.signal);
    expect(pieces).toBe(1);
    expect(assets.current().damaged).toEqual([]);
  });

  it("takes the word of a reader that found damage, and clears it when the file is good", async () => {
    const { root } = await store();
    const assets = await createAssets(root);
    const set = findSet(assets.current(), "worker");
    if (set === undefined) throw new Error("no set");
    await assets.reportDamage(set.initrd);
    expect(findSet(assets.current(), "worker")).toBeUndefined();
    expect((await assets.verify(() => {}, never)).damaged).toEqual([]);
    expect(findSet(assets.current(), "worker")).toBeDefined();
  });
});

describe("a folder filled by hand", () => {
  it.each([
    ["two kernels", { "bzImage-x86_64-linux": "k" }, "holds bzImage and bzImage-x86_64-linux"],
    [
      "names of two architectures",
      { "initrd-aarch64-linux": "i", "netboot-x86_64-linux.ipxe": "x" },
      "initrd-aarch64-linux and netboot-x86_64-linux.ipxe are for different architectures",
    ],
    ["no initrd yet", {}, "initrd is missing"],
  ])("is not served with %s, and that is said", async (_, files, what) => {
    const directory = directoryWith();
    const folder = join(directory, "nixos/control-plane");
    if (what !== "holds bzImage and bzImage-x86_64-linux") rmSync(join(folder, "initrd"));
    putFiles(folder, files);
    const { sets, problems, damaged } = await manifestOf(directory);
    expect(sets.size).toBe(0);
    expect(problems).toEqual([expect.stringContaining(`${folder}: `)]);
    expect(problems[0]).toContain(what);
    expect(damaged).toEqual(problems);
  });

  it("is no damage while it is empty", async () => {
    const directory = directoryWith();
    mkdirSync(join(directory, "nixos/worker"));
    const { problems, damaged } = await manifestOf(directory);
    expect([problems.length, damaged]).toEqual([1, []]);
  });
});

describe("the sums of a folder filled by hand", () => {
  it("are read once, and again when a file changes", async () => {
    const directory = directoryWith();
    const memoryFile = join(directory, "../sums.json");
    const readAt = async () => {
      let octets = 0;
      const pace = (piece: number) => {
        octets += piece;
      };
      await createAssets(directory, { memoryFile, pace });
      return octets;
    };
    expect(await readAt()).toBe(700_000 + 1_300_001);
    expect(await readAt()).toBe(0);
    writeFileSync(join(directory, "nixos/control-plane/bzImage"), bzImage());
    expect(await readAt()).toBe(bzImage().length);
    writeFileSync(memoryFile, "{");
    expect(await readAt()).toBe(bzImage().length + 1_300_001);
    rmSync(memoryFile);
  });

  it.each([
    ["kernel", "bzImage", bzImage().subarray(0, 3000), "is cut short: 3000 of 5120 octets"],
    ["initrd", "initrd", gzipped("x").subarray(0, 50), "is cut short (gzip part at octet 0)"],
  ])("come with whether the %s is whole", async (_, name, content, fault) => {
    const directory = directoryWith({ [`nixos/control-plane/${name}`]: content });
    const { sets, damaged } = await manifestOf(directory);
    expect(sets.size).toBe(0);
    expect(damaged).toEqual([
      `asset set control-plane: ${directory}/nixos/control-plane/${name} ${fault}: copy it there again`,
    ]);
  });
});
