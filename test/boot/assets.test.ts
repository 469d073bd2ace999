import { rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { AssetChangedError, openAsset } from "../../src/boot/asset-file.ts";
import { assetProblems, createAssets } from "../../src/boot/assets.ts";
import { assetDirectory, initPath, putFiles } from "../fakes/asset-directory.ts";

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

function directoryWith(files: Readonly<Record<string, string>> = {}): string {
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
    expect(manifest.loaders.get("ipxe.efi")?.data.toString()).toBe("uefi loader");
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
      "loader passwd.efi: is a link out of the asset directory",
      "asset set control-plane: initrd is a link out of the asset directory",
      "asset set stolen: nixos/stolen leads out of the asset directory",
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
      "loader empty.efi: is empty",
      "asset set worker: bzImage is not a regular file",
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
      "asset set worker: there is no netboot.ipxe, no kernel-params with init, and no cmdline",
    ]);
  });

  it("name a directory that does not exist", async () => {
    const manifest = await manifestOf("/nowhere/at/all");
    expect(assetProblems(manifest, { profiles: [], loaders: [] })).toEqual([
      "the asset directory /nowhere/at/all does not exist or cannot be read",
    ]);
  });
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
