import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { loaderFault } from "../../../src/boot/asset-store/loader-format.ts";
import {
  fetchLoader,
  findLoadersIn,
  findPackagedLoaders,
  installLoaders,
  type LoaderSources,
  readLoaderSources,
} from "../../../src/boot/asset-store/loaders.ts";
import { machineTypes } from "../../../src/boot/asset-store/portable-executable.ts";
import { assetProblems, createAssets } from "../../../src/boot/assets.ts";
import { bzImage } from "../../fakes/images.ts";
import { efiProgram } from "../../fakes/loaders.ts";
import { temporaryDirectory } from "../../fakes/temporary-directory.ts";

const root = join(import.meta.dirname, "../../..");
const bios = Buffer.alloc(4000, 0xea);
const elf = Buffer.from("\x7fELF\x01\x01\x01", "latin1");
const sumOf = (data: Buffer) => createHash("sha256").update(data).digest("hex");
let sources: LoaderSources;

beforeAll(async () => {
  sources = await readLoaderSources(join(root, "boot-assets/loaders.json"));
});

/** A folder with these files; folders on the way are made. */
function folder(files: Readonly<Record<string, Buffer>>): string {
  const directory = temporaryDirectory();
  for (const [name, data] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), data);
  }
  return directory;
}

describe("a loader's file", () => {
  it.each<[string, Buffer]>([
    ["undionly.kpxe", bios],
    ["pxelinux.0", bios],
    ["ldlinux.c32", elf],
    ["menu.c32", Buffer.from("b8fe4ccd21e8", "hex")],
    ["ipxe.efi", efiProgram()],
    ["shimx64.efi", efiProgram()],
    ["ipxe-arm64.efi", efiProgram(machineTypes.arm64)],
    ["grubaa64.efi", efiProgram(machineTypes.arm64)],
    ["ipxe-riscv64.efi", efiProgram(machineTypes.riscv64)],
    ["ipxe-ia32.efi", efiProgram(machineTypes.ia32)],
  ])("is what its name says: %s", (name, data) => {
    expect(loaderFault(name, data)).toBeUndefined();
  });

  it.each<[string, Buffer, string]>([
    ["ipxe.efi", bios, "is no EFI program"],
    ["ipxe.efi", Buffer.alloc(0), "holds nothing but zeros"],
    ["ipxe.efi", Buffer.alloc(1000), "holds nothing but zeros"],
    ["ipxe.efi", efiProgram().subarray(0, 100), "is cut short or damaged in its headers"],
    ["ipxe.efi", efiProgram(machineTypes.arm64), "is for arm64, and its name says x64"],
    ["grubaa64.efi", efiProgram(), "is for x64, and its name says arm64"],
    ["ipxe.efi", efiProgram(0x1234), "is for machine type 0x1234"],
    ["ipxe.efi", efiProgram().subarray(0, 1000), "is cut short: 1000 of 1088 octets"],
    ["undionly.kpxe", efiProgram(), "is an EFI program"],
    ["undionly.kpxe", Buffer.from("<html>not found"), "is no BIOS network loader"],
    ["undionly.kpxe", elf, "is no BIOS network loader"],
    ["ldlinux.c32", bios, "is no module of SYSLINUX"],
    ["undionly.kpxe", Buffer.alloc(700_000, 0xea), "more than a BIOS can load"],
  ])("is not what its name says: %s, %#", (name, data, fault) => {
    expect(loaderFault(name, data)).toContain(fault);
  });
});

describe("loaders are found", () => {
  it("in a folder, under their own names and under those that packages give them", async () => {
    const directory = folder({
      "ipxe.efi": efiProgram(),
      "ipxe-arm64.efi": efiProgram(machineTypes.arm64),
      "shimx64.efi.signed": efiProgram(),
      "grubnetx64.efi.signed": efiProgram(),
      "notes.txt": Buffer.from("x"),
    });
    const found = await findLoadersIn(sources, directory);
    expect(found.map(({ name }) => name).sort()).toEqual([
      "grubx64.efi",
      "ipxe-arm64.efi",
      "ipxe.efi",
      "shimx64.efi",
    ]);
  });

  it("in packages that were unpacked somewhere, with ipxe.efi from snponly.efi", async () => {
    const directory = folder({
      "usr/lib/ipxe/snponly.efi": efiProgram(),
      "usr/lib/grub/arm64-efi-signed/grubnetaa64.efi.signed": efiProgram(machineTypes.arm64),
    });
    const found = await findPackagedLoaders(sources, directory);
    expect(found.map(({ name, source }) => [name, source])).toEqual([
      ["ipxe.efi", "ipxe, /usr/lib/ipxe/snponly.efi"],
      ["snponly.efi", "ipxe, /usr/lib/ipxe/snponly.efi"],
      [
        "grubaa64.efi",
        "grub-efi-arm64-signed:arm64, /usr/lib/grub/arm64-efi-signed/grubnetaa64.efi.signed",
      ],
    ]);
  });

  it("as a single file, under a name of its own if need be", async () => {
    const file = join(folder({ "own-build.bin": efiProgram() }), "own-build.bin");
    const named = { name: "ipxe.efi" };
    const found = [{ name: "ipxe.efi", source: file }];
    expect(await findLoadersIn(sources, file, named)).toMatchObject(found);
    const sha256 = sumOf(efiProgram());
    expect(await findLoadersIn(sources, file, { ...named, sha256 })).toMatchObject(found);
    const other = "0".repeat(64);
    await expect(findLoadersIn(sources, file, { ...named, sha256: other })).rejects.toThrow(
      `${file} has the SHA-256 ${sha256}, expected ${other}`,
    );
    await expect(findLoadersIn(sources, dirname(file), { sha256 })).rejects.toThrow(
      "is a folder: --name and --sha256 are for a single file",
    );
    await expect(findLoadersIn(sources, file)).rejects.toThrow(
      "own-build.bin is no name of a loader",
    );
    await expect(findLoadersIn(sources, dirname(file))).rejects.toThrow("holds no loader");
    await expect(findLoadersIn(sources, "/nowhere")).rejects.toThrow("/nowhere does not exist");
  });
});

describe("a loader from a URL", () => {
  const data = efiProgram();
  const server = createServer((request, response) => {
    if (request.url === "/builds/ipxe.efi") response.end(data);
    else response.writeHead(404).end();
  });
  let base: string;
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());
  const fetched = (path: string, sum: string) =>
    fetchLoader(new URL(path, base), sum, undefined, AbortSignal.timeout(5000));

  it("is taken when it has its sum", async () => {
    expect(await fetched("/builds/ipxe.efi", sumOf(data))).toEqual({
      name: "ipxe.efi",
      source: `${base}/builds/ipxe.efi`,
      data,
    });
  });

  it("is refused with another sum, and when it is not there", async () => {
    const other = "0".repeat(64);
    await expect(fetched("/builds/ipxe.efi", other)).rejects.toThrow(
      `has the SHA-256 ${sumOf(data)}, expected ${other}`,
    );
    await expect(fetched("/none.efi", other)).rejects.toThrow("was answered with 404");
  });
});

describe("installed loaders", () => {
  const at = Date.UTC(2026, 5, 1);
  const loader = (name: string, data: Buffer) => ({ name, source: "a package", data });

  it("are noted with where they came from, and served", async () => {
    const assets = join(temporaryDirectory(), "new");
    await installLoaders(assets, [loader("undionly.kpxe", bios)], at);
    const record = await installLoaders(assets, [loader("ipxe.efi", efiProgram())], at);
    expect(record).toEqual({
      "ipxe.efi": {
        source: "a package",
        sha256: sumOf(efiProgram()),
        installedAt: "2026-06-01T00:00:00.000Z",
      },
      "undionly.kpxe": expect.objectContaining({ sha256: sumOf(bios) }),
    });
    expect(JSON.parse(readFileSync(join(assets, "loaders.json"), "utf8"))).toEqual(record);
    const { loaders, problems } = (await createAssets(assets)).current();
    expect([...loaders.keys()]).toEqual(["ipxe.efi", "undionly.kpxe"]);
    expect(problems).toEqual([]);
    expect(readdirSync(assets).filter((name) => name.startsWith("."))).toEqual([]);
  });

  it("are refused together when one is not what its name says", async () => {
    const assets = temporaryDirectory();
    const both = [loader("undionly.kpxe", bios), loader("ipxe.efi", bzImage())];
    await expect(installLoaders(assets, both, at)).rejects.toThrow(
      "loader ipxe.efi (a package) is no EFI program",
    );
    expect(readdirSync(assets)).toEqual([]);
  });

  it("are not served when they are not what was installed any more", async () => {
    const assets = temporaryDirectory();
    await installLoaders(assets, [loader("ipxe.efi", efiProgram())], at);
    writeFileSync(join(assets, "ipxe.efi"), efiProgram(machineTypes.x64, 1024));
    const { loaders, problems, damaged } = (await createAssets(assets)).current();
    expect(loaders.size).toBe(0);
    expect(damaged).toEqual([
      `loader ipxe.efi: ${assets}/ipxe.efi is not the file that was installed from a package: install it again with rackstrap assets loaders`,
    ]);
    expect(problems).toEqual(damaged);
  });

  it("are read once, and again by a full check, though they look unchanged", async () => {
    const root = temporaryDirectory();
    await installLoaders(root, [loader("ipxe.efi", efiProgram())], at);
    const assets = await createAssets(root);
    const read = assets.current().loaders.get("ipxe.efi");
    expect((await assets.reload()).loaders.get("ipxe.efi")).toBe(read);
    const { loaders } = await assets.verify(() => {}, new AbortController().signal);
    expect(loaders.get("ipxe.efi")).toEqual(read);
    expect(loaders.get("ipxe.efi")).not.toBe(read);
  });
});

describe("a loader that was copied by hand", () => {
  it.each<[string, string, Buffer, string]>([
    ["cut short", "ipxe.efi", efiProgram().subarray(0, 1000), "is cut short: 1000 of 1088 octets"],
    ["empty", "ipxe.efi", Buffer.alloc(0), "is empty"],
    ["cut off in its headers", "ipxe.efi", efiProgram().subarray(0, 100), "is cut short or dam"],
    ["of zeros", "undionly.kpxe", Buffer.alloc(1000), "holds nothing but zeros"],
  ])("is neither given nor unsaid when it is %s", async (_, name, data, fault) => {
    const root = folder({ [name]: data });
    const assets = await createAssets(root);
    const { loaders, problems, damaged } = assets.current();
    const [problem = ""] = problems;
    expect(problem).toContain(`loader ${name}: ${root}/${name} ${fault}`);
    expect(problem).toMatch(/: replace or remove it$/);
    expect([loaders.size, problems, damaged]).toEqual([0, [problem], [problem]]);
    expect(await assets.loader(name)).toBeUndefined();
    expect([...(await assets.loaders()).refused]).toEqual([[name, problem]]);
  });

  it("is given when it is whole, whatever its name says", async () => {
    const arm = efiProgram(machineTypes.arm64);
    const assets = await createAssets(folder({ "own.efi": arm, "ipxe.efi": Buffer.from("text") }));
    expect([...assets.current().loaders.keys()].sort()).toEqual(["ipxe.efi", "own.efi"]);
    expect(assets.current().problems).toEqual([]);
  });

  it("is given as it is now, without a reading of everything", async () => {
    const root = folder({ "ipxe.efi": efiProgram() });
    const assets = await createAssets(root, { recentMs: 0 });
    const newer = efiProgram(machineTypes.x64, 1024);
    writeFileSync(join(root, "ipxe.efi"), newer);
    expect((await assets.loader("ipxe.efi"))?.data).toEqual(newer);
    expect(assets.current().loaders.get("ipxe.efi")?.data).toEqual(newer);
    writeFileSync(join(root, "ipxe.efi"), newer.subarray(0, 1000));
    expect(await assets.loader("ipxe.efi")).toBeUndefined();
    expect(assets.current().damaged).toHaveLength(1);
    rmSync(join(root, "ipxe.efi"));
    expect(await assets.loader("ipxe.efi")).toBeUndefined();
    expect(assets.current().damaged).toEqual([]);
    writeFileSync(join(root, "snponly.efi"), newer);
    expect((await assets.loader("snponly.efi"))?.data).toEqual(newer);
  });

  it("is given from memory while the whole directory is gone, and that is said", async () => {
    const root = folder({ "ipxe.efi": efiProgram() });
    const assets = await createAssets(root, { recentMs: 0 });
    rmSync(root, { recursive: true });
    expect((await assets.loader("ipxe.efi"))?.data).toEqual(efiProgram());
    const { problems, loaders } = await assets.verify(() => {}, new AbortController().signal);
    expect(loaders.has("ipxe.efi")).toBe(true);
    expect(problems).toEqual([`the asset directory ${root} does not exist or cannot be read`]);
  });
});

test("a loader that was installed and is gone is named, needed or not", async () => {
  const assets = temporaryDirectory();
  await installLoaders(assets, [{ name: "shimx64.efi", source: "x", data: efiProgram() }], 0);
  rmSync(join(assets, "shimx64.efi"));
  const manifest = (await createAssets(assets)).current();
  const problem = `loader shimx64.efi: ${assets}/shimx64.efi is missing or cannot be read: install it again with rackstrap assets loaders, or take it out of loaders.json`;
  expect([manifest.problems, manifest.damaged]).toEqual([[problem], [problem]]);
  const needed = { profiles: [], loaders: ["shimx64.efi"] };
  expect(assetProblems(manifest, needed, "needed")).toEqual([problem]);
});

test("a record that is a pipe or a device keeps nobody waiting, and is named", async () => {
  const root = folder({ "ipxe.efi": efiProgram() });
  for (const put of [
    () => execFileSync("mkfifo", [join(root, "loaders.json")]),
    () => symlinkSync("/dev/zero", join(root, "loaders.json")),
  ]) {
    put();
    const { loaders, damaged } = (await createAssets(root)).current();
    expect([...loaders.keys()]).toEqual(["ipxe.efi"]);
    expect(damaged).toEqual([expect.stringContaining("loaders.json can't be understood")]);
    rmSync(join(root, "loaders.json"));
  }
});

test("a record that can't be understood is named, and the loaders are served", async () => {
  const assets = folder({ "loaders.json": Buffer.from("{"), "ipxe.efi": efiProgram() });
  const { loaders, problems } = (await createAssets(assets)).current();
  expect([...loaders.keys()]).toEqual(["ipxe.efi"]);
  expect(problems).toEqual([expect.stringContaining("loaders.json can't be understood")]);
});
