import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { bzImage, cpio, putImage } from "../fakes/images.ts";
import { efiProgram } from "../fakes/loaders.ts";
import { temporaryDirectory } from "../fakes/temporary-directory.ts";
import { run } from "./run.ts";

/** An empty asset directory, and the commands that work on it. */
function place() {
  const directory = temporaryDirectory();
  const root = join(directory, "assets");
  const assets = (...args: readonly string[]) => run(["assets", ...args, "--directory", root]);
  const image = (mark: string) => putImage(join(directory, mark), mark);
  const json = async (...args: readonly string[]) => {
    const { code, stdout } = await assets(...args, "--json");
    return { code, value: JSON.parse(stdout) };
  };
  return { directory, root, assets, image, json };
}

test("an image goes through import, list, activate, verify, rollback and gc", async () => {
  const { root, assets, image, json } = place();
  const first = await json("import", image("one"), "--profile", "worker", "--activate");
  expect(first).toMatchObject({ code: 0, value: { outcome: "imported" } });
  const one: string = first.value.set.id;
  const second = await assets("import", image("two"), "--profile", "worker");
  expect(second.stdout).toMatch(
    /^worker: set [0-9a-f]{16} imported: nixos-system-installer-26\.05, x86_64, kernel 5120 bytes/,
  );
  const { value } = await json("list");
  const two: string = value.sets.find((set: { id: string }) => set.id !== one).id;

  const activated = await assets("activate", "worker", two.slice(0, 8));
  expect(activated).toMatchObject({
    code: 0,
    stdout: `worker: set ${two} is active, before it ${one}\n`,
  });
  const list = await assets("list");
  expect(list.stdout).toMatch(/^PROFILE +ID +STATE +ARCH +KERNEL/);
  expect(list.stdout).toMatch(new RegExp(`worker +${two} +active +x86_64 +6.12.1`));

  await assets("loaders", "--from", loaders(root));
  expect((await assets("verify")).code).toBe(0);
  const initrd = join(root, "sets/worker", two, "initrd");
  const content = readFileSync(initrd);
  content.writeUInt8(content.readUInt8(30) ^ 1, 30);
  chmodSync(initrd, 0o644);
  writeFileSync(initrd, content);
  const verified = await assets("verify");
  expect(verified.code).toBe(1);
  expect(verified.stdout).toContain(`failed  asset set worker: ${initrd} `);
  expect(verified.stdout).toContain(`ok      set worker ${one}`);

  expect((await assets("rollback", "worker")).stdout).toBe(
    `worker: set ${one} is active, before it ${two}\n`,
  );
  const gc = await json("gc");
  expect(gc.value.collected.map(({ verdict }: { verdict: object }) => verdict)).toEqual(
    expect.arrayContaining([{ keep: "active" }, { keep: "the one to go back to" }]),
  );
}, 60_000);

test("an import that is cut off leaves nothing that is listed or served, and gc removes it", async () => {
  const { directory, root, assets, image, json } = place();
  const path = image("one");
  writeFileSync(join(path, "initrd"), cpio(Buffer.alloc(100 * 1024 * 1024)));
  const args = ["assets", "import", path, "--profile", "worker", "--directory", root];
  const cut = await run(args, {}, (text, interrupt) => {
    if (text.includes("initrd: ")) interrupt();
  });
  expect(cut.code).not.toBe(0);
  const left = readdirSync(join(root, "sets/worker"));
  expect(left).toEqual([expect.stringMatching(/^\.import-/)]);
  expect((await json("list")).value).toEqual({ sets: [], folders: [] });
  const gc = await assets("gc");
  expect(gc.stdout).toMatch(
    /^removed +.*\.import-.* left behind by a process that has ended\n\d+\.\d MB freed\n$/,
  );
  expect(readdirSync(join(root, "sets/worker"))).toEqual([]);
  expect((await run(args)).stdout).toMatch(/imported/);
  rmSync(directory, { recursive: true });
}, 60_000);

test("what is missing and what is wrong is said by name, with exit code 1", async () => {
  const { root, assets, image } = place();
  const path = image("one");
  writeFileSync(join(path, "bzImage"), bzImage().subarray(0, 2000));
  expect(await assets("import", path, "--profile", "worker")).toMatchObject({
    code: 1,
    stderr: `rackstrap: ${path}: bzImage is cut short: 2000 of 5120 octets\n`,
  });
  rmSync(join(path, "netboot.ipxe"));
  expect((await assets("import", path, "--profile", "worker", "--json")).stdout).toContain(
    "there is no netboot.ipxe",
  );
  const directory = loaders(root);
  rmSync(join(directory, "undionly.kpxe"));
  await assets("loaders", "--from", directory);
  const verified = await assets("verify");
  expect(verified.code).toBe(1);
  expect(verified.stdout).toContain("failed  loader undionly.kpxe is missing");
}, 60_000);

test("with an inventory, its directory is used and its profiles are known", async () => {
  const { directory, root, image } = place();
  const text = readFileSync(join(import.meta.dirname, "../../inventory/site.yaml"), "utf8");
  const site = parse(text);
  site.server.assetDirectory = root;
  const file = join(directory, "site.yaml");
  writeFileSync(file, stringify(site));
  const assets = (...args: readonly string[]) => run(["assets", ...args, "--inventory", file]);
  expect(await assets("import", image("one"), "--profile", "workers")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('"workers" is no profile of the inventory, which has'),
  });
  expect(
    (await assets("import", image("one"), "--profile", "control-plane", "--activate")).code,
  ).toBe(0);
  await assets("loaders", "--from", loaders(root));
  const verified = await assets("verify");
  expect(verified.stdout).toMatch(/ok {6}set control-plane [0-9a-f]{16}: .*, active/);
}, 60_000);

const refusals: readonly (readonly [
  what: string,
  args: readonly string[],
  code: number,
  message: string,
])[] = [
  [
    "a URL without its sum",
    ["loaders", "--from", "http://example.com/ipxe.efi"],
    2,
    "is fetched only with the SHA-256",
  ],
  ["a folder without loaders", ["loaders", "--from", "/etc/apt"], 1, "/etc/apt holds no loader"],
  ["a folder that is not there", ["loaders", "--from", "/nowhere"], 2, "/nowhere does not exist"],
  [
    "a sum that is none",
    ["loaders", "--from", "/etc/hostname", "--name", "ipxe.efi", "--sha256", "abc"],
    2,
    '--sha256 "abc" is no SHA-256',
  ],
  [
    "a local file with another sum",
    ["loaders", "--from", "/etc/hostname", "--name", "ipxe.efi", "--sha256", "0".repeat(64)],
    1,
    "/etc/hostname has the SHA-256",
  ],
  [
    "a sum for the host's packages",
    ["loaders", "--sha256", "0".repeat(64)],
    2,
    "--sha256 is for a single file or a URL",
  ],
  [
    "an image that is not there",
    ["import", "/nowhere", "--profile", "worker"],
    2,
    "/nowhere does not exist",
  ],
  [
    "a set that is not there",
    ["activate", "worker", "ffff", "--directory", tmpdir()],
    2,
    "profile worker has no set ffff: it has none",
  ],
  [
    "a profile without sets",
    ["rollback", "worker", "--directory", tmpdir()],
    2,
    "profile worker has no sets in",
  ],
  ...["list", "verify", "gc"].map((verb): (typeof refusals)[number] => [
    `${verb} of a directory that is not there`,
    [verb, "--directory", "/nowhere"],
    2,
    "the asset directory /nowhere does not exist",
  ]),
  ["a profile that can't be one", ["rollback", "../x"], 2, '"../x" is no profile'],
  ["an import for nobody", ["import", "/tmp"], 2, "required option '--profile <profile>'"],
];

test.each(refusals)(
  "%s is refused",
  async (_, args, code, message) => {
    const here = args.includes("--directory") ? [] : ["--directory", place().root];
    const outcome = await run(["assets", ...args, ...here]);
    expect(outcome.code).toBe(code);
    expect(outcome.stderr).toContain(message);
  },
  20_000,
);

/** A folder with the loaders that every site needs, beside the asset directory. */
function loaders(root: string): string {
  const directory = putImage(join(root, "../loaders"), "x");
  writeFileSync(join(directory, "undionly.kpxe"), Buffer.alloc(1000, 0xea));
  writeFileSync(join(directory, "ipxe.efi"), efiProgram());
  return directory;
}
