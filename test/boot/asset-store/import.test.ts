import { execFileSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { type ImportRequest, importSet } from "../../../src/boot/asset-store/import.ts";
import { initPath } from "../../fakes/asset-directory.ts";
import { arm64Image, bzImage, cpio, putImage } from "../../fakes/images.ts";
import { temporaryDirectory } from "../../fakes/temporary-directory.ts";

const nowMs = Date.UTC(2026, 5, 1);

interface Place {
  readonly image: string;
  readonly root: string;
  readonly take: (changes?: Partial<ImportRequest>) => ReturnType<typeof importSet>;
}

function place(): Place {
  const directory = temporaryDirectory();
  const image = putImage(join(directory, "image"), "one");
  const root = join(directory, "assets");
  const request = { root, path: image, profile: "worker", nowMs, onProgress: () => {} };
  return { image, root, take: (changes) => importSet({ ...request, ...changes }) };
}

const hiddenIn = (path: string) => readdirSync(path).filter((name) => name.startsWith("."));

test("an image becomes a folder of its own that says what it holds", async () => {
  const { image, root, take } = place();
  const { set, outcome } = await take();
  expect(outcome).toBe("imported");
  expect(set).toMatchObject({
    profile: "worker",
    arch: "x86_64",
    kernelName: "bzImage",
    kernelVersion: "6.12.1",
    buildId: "nixos-system-installer-26.05",
    importedAt: "2026-06-01T00:00:00.000Z",
    arguments: [`init=${initPath}`, "loglevel=4"],
  });
  const directory = join(root, "sets/worker", set.id);
  expect(readdirSync(directory).sort()).toEqual(["bzImage", "initrd", "set.json"]);
  expect(readFileSync(join(directory, "initrd"))).toEqual(readFileSync(join(image, "initrd")));
  expect(JSON.parse(readFileSync(join(directory, "set.json"), "utf8"))).toEqual(set);
  expect(statSync(directory).mode & 0o777).toBe(0o755);
  expect(statSync(join(directory, "initrd")).mode & 0o777).toBe(0o444);
  expect(hiddenIn(join(root, "sets/worker"))).toEqual([]);
});

test("the same image is the same set, and another one another", async () => {
  const { image, take } = place();
  const { set } = await take();
  expect(await take()).toMatchObject({ set: { id: set.id }, outcome: "present" });
  putImage(image, "two");
  expect((await take()).set.id).not.toBe(set.id);
});

test("a damaged copy in the store is replaced by a good one", async () => {
  const { root, take } = place();
  const { set } = await take();
  const kernel = join(root, "sets/worker", set.id, "bzImage");
  const good = readFileSync(kernel);
  writeFileSync(
    kernel,
    good.map((octet, at) => (at === 2000 ? octet ^ 1 : octet)),
  );
  expect(await take()).toMatchObject({ set: { id: set.id }, outcome: "replaced" });
  expect(readFileSync(kernel)).toEqual(good);
});

test("progress is told in octets, up to the whole file", async () => {
  const { image, take } = place();
  const seen = new Map<string, number>();
  await take({ onProgress: ({ file, doneBytes }) => void seen.set(file, doneBytes) });
  expect([...seen]).toEqual([
    [`${image}: bzImage`, statSync(join(image, "bzImage")).size],
    [`${image}: initrd`, statSync(join(image, "initrd")).size],
  ]);
});

describe("an image is taken", () => {
  it("by its release names", async () => {
    const { image, take } = place();
    const released = join(image, "../released");
    mkdirSync(released);
    for (const [from, to] of [
      ["bzImage", "bzImage-x86_64-linux"],
      ["initrd", "initrd-x86_64-linux"],
      ["netboot.ipxe", "netboot-x86_64-linux.ipxe"],
    ] as const)
      cpSync(join(image, from), join(released, to));
    expect((await take({ path: released })).set.id).toBe((await take()).set.id);
  });

  it("of links into a store, with an init that leads nowhere here", async () => {
    const { image, take } = place();
    const built = join(image, "../result");
    mkdirSync(built);
    for (const name of ["bzImage", "initrd"]) symlinkSync(join(image, name), join(built, name));
    writeFileSync(join(built, "kernel-params"), "loglevel=4\n");
    symlinkSync(initPath, join(built, "init"));
    expect((await take({ path: built })).set.id).toBe((await take()).set.id);
  });

  it("with its command line in cmdline, and in kernel-params with init as text", async () => {
    const { image, take } = place();
    const { set } = await take();
    rmSync(join(image, "netboot.ipxe"));
    writeFileSync(join(image, "cmdline"), `init=${initPath} loglevel=4\n`);
    expect((await take()).set.id).toBe(set.id);
    rmSync(join(image, "cmdline"));
    writeFileSync(join(image, "kernel-params"), "loglevel=4");
    writeFileSync(join(image, "init"), `${initPath}\n`);
    expect((await take()).set.id).toBe(set.id);
  });

  it("for aarch64", async () => {
    const { image, take } = place();
    rmSync(join(image, "bzImage"));
    writeFileSync(join(image, "Image-aarch64-linux"), arm64Image());
    expect((await take()).set).toMatchObject({ arch: "aarch64", kernelName: "Image" });
  });

  it.each(["tar", "tar.gz", "tar.xz"])(
    "from a .%s of its folder, or of what is in it",
    async (kind) => {
      const { image, take } = place();
      const { set } = await take();
      const archives = [`${image}-whole.${kind}`, `${image}-inner.${kind}`] as const;
      execFileSync("tar", ["-caf", archives[0], "-C", join(image, ".."), "image"]);
      execFileSync("tar", ["-caf", archives[1], "-C", image, "."]);
      for (const path of archives) expect((await take({ path })).set.id).toBe(set.id);
    },
  );
});

describe("an image is refused, and nothing of it stays,", () => {
  const put = (name: string, content: string | Buffer) => (image: string) =>
    writeFileSync(join(image, name), content);
  it.each<[string, (image: string) => void, RegExp]>([
    ["without a kernel", (image) => rmSync(join(image, "bzImage")), /: bzImage is missing/],
    ["without an initrd", (image) => rmSync(join(image, "initrd")), /: initrd is missing/],
    ["without arguments", (image) => rmSync(join(image, "netboot.ipxe")), /no netboot\.ipxe/],
    ["with an empty initrd", put("initrd", ""), /: initrd is empty/],
    [
      "with a kernel cut short",
      (image) => truncateSync(join(image, "bzImage"), 2000),
      /: bzImage is cut short: 2000 of 5120/,
    ],
    [
      "with an initrd cut short",
      (image) => truncateSync(join(image, "initrd"), 40),
      /: initrd is cut short/,
    ],
    ["with a web page for a kernel", put("bzImage", "<html>"), /: bzImage is no kernel/],
    ["with a web page for an initrd", put("initrd", "<html>"), /: initrd is no initial RAM disk/],
    [
      "with a plain initrd cut short",
      put("initrd", cpio("x".repeat(5000)).subarray(0, 900)),
      /: initrd is cut short/,
    ],
    [
      "with two kernels",
      put("bzImage-x86_64-linux", bzImage()),
      /holds bzImage and bzImage-x86_64-linux/,
    ],
    ["with kernels for two architectures", put("Image", arm64Image()), /holds bzImage and Image/],
    [
      "with a kernel that is not what its name says",
      put("bzImage", arm64Image()),
      /bzImage is for aarch64, and its name says x86_64/,
    ],
    [
      "with the init of another image",
      put("init", "/nix/store/other-nixos-system/init"),
      /parts of two images/,
    ],
    [
      "with an initrd of another release name",
      (image) => {
        cpSync(join(image, "bzImage"), join(image, "bzImage-x86_64-linux"));
        cpSync(join(image, "initrd"), join(image, "initrd-aarch64-linux"));
        for (const name of ["bzImage", "initrd"]) rmSync(join(image, name));
      },
      /for different architectures/,
    ],
    [
      "with a kernel that is a link to nothing",
      (image) => {
        rmSync(join(image, "bzImage"));
        symlinkSync("/nowhere", join(image, "bzImage"));
      },
      /: bzImage is a link to nothing/,
    ],
  ])("%s", async (_, spoil, message) => {
    const { image, root, take } = place();
    spoil(image);
    await expect(take()).rejects.toThrow(message);
    expect(readdirSync(join(root, "sets/worker"))).toEqual([]);
  });
});

describe("an archive is refused, and nothing of it stays,", () => {
  it.each<[string, string, RegExp]>([
    ["an initrd", "initrd", /: initrd is a link out of the archive: pack the file itself/],
    ["a kernel", "bzImage", /: bzImage is a link out of the archive/],
    // Nothing of the file that it leads to is read, so there is no command line.
    ["a command line", "netboot.ipxe", /there is no netboot\.ipxe/],
  ])("with %s that is a link out of it", async (_, name, message) => {
    const { image, root, take } = place();
    const path = `${image}.tar`;
    const elsewhere = join(image, "../elsewhere");
    cpSync(join(image, name), elsewhere);
    rmSync(join(image, name));
    symlinkSync(elsewhere, join(image, name));
    execFileSync("tar", ["-cf", path, "-C", image, "."]);
    await expect(take({ path })).rejects.toThrow(message);
    expect(readdirSync(join(root, "sets/worker"))).toEqual([]);
    // In a folder, such as a build's result, links are followed.
    expect((await take({ path: image })).outcome).toBe("imported");
  });

  it("with a kernel that is a pipe", async () => {
    const { image, take } = place();
    rmSync(join(image, "bzImage"));
    execFileSync("mkfifo", [join(image, "bzImage")]);
    execFileSync("tar", ["-cf", `${image}.tar`, "-C", image, "."]);
    await expect(take({ path: `${image}.tar` })).rejects.toThrow(/bzImage is not a regular file/);
  });
});

describe("a path is refused, and nothing of it stays,", () => {
  it.each([
    ["when its path does not exist", "nothing-here", /nothing-here does not exist/],
    ["when it is neither a folder nor an archive", "image/bzImage", /neither a folder nor/],
    ["when it is a broken archive", "broken.tar.gz", /broken\.tar\.gz can't be unpacked/],
  ])("%s", async (_, name, message) => {
    const { image, root, take } = place();
    writeFileSync(join(image, "../broken.tar.gz"), "not gzip");
    await expect(take({ path: join(image, "..", name) })).rejects.toThrow(message);
    expect(readdirSync(join(root, "sets/worker"))).toEqual([]);
  });

  it("when it changes while it is copied", async () => {
    const { image, root, take } = place();
    const onProgress = () => truncateSync(join(image, "bzImage"), 100);
    await expect(take({ onProgress })).rejects.toThrow(/bzImage changed/);
    expect(readdirSync(join(root, "sets/worker"))).toEqual([]);
  });
});
