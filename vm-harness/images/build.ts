// Builds the virtual rack's images from Debian packages: the netboot installer below nixos/, the system it
// installs below system/, and signed loaders below loaders/. `node build.ts --out DIR`; does nothing when DIR is up to date.

import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { buildArm64 } from "./arm64.ts";
import { run } from "./command.ts";
import { buildInstaller } from "./installer.ts";
import { buildLoaders } from "./loaders.ts";
import {
  downloadPackages,
  resolvePackages,
  systemPackages,
  unneeded,
  unpackPackages,
} from "./packages.ts";
import { buildSystem } from "./system.ts";

const guest = join(import.meta.dirname, "../guest");
const firstBoot = join(import.meta.dirname, "../../templates/first-boot");

/** Builds the images in `directory` unless they are there, made of the same packages and files. */
async function buildImages(directory: string): Promise<void> {
  const startedAt = performance.now();
  const say = (text: string) => {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    process.stdout.write(`images: ${seconds.padStart(5)} s  ${text}\n`);
  };
  const packages = (await resolvePackages(systemPackages)).filter(
    ({ name }) => !unneeded.test(name),
  );
  const inputs = await hashInputs(packages.map(({ file }) => file));
  const stamp = join(directory, "inputs.sha256");
  if ((await readFile(stamp, "utf8").catch(() => "")) === inputs)
    return say(`up to date in ${directory}`);

  const archives = join(directory, "packages");
  const work = join(directory, "work");
  const fresh = join(directory, "fresh");
  for (const path of [work, fresh]) await rm(path, { recursive: true, force: true });
  say(`downloading ${packages.length} Debian packages`);
  await downloadPackages(packages, archives);
  say("unpacking");
  const stage = join(work, "stage");
  await mkdir(stage, { recursive: true });
  await unpackPackages(packages, archives, stage);
  const [release = ""] = await readdir(join(stage, "lib/modules"));
  await run(["depmod", "-b", stage, release]);
  const place = (name: string, output: string) => ({
    stage,
    guest: join(guest, name),
    tree: join(work, name),
    output: join(fresh, output),
    release,
  });
  say("packing the installer");
  await buildInstaller(place("installer", "nixos"));
  say("packing the system");
  await buildSystem(place("system", "system"), firstBoot);
  await buildLoaders(stage, join(fresh, "loaders"));

  await rm(stamp, { force: true });
  for (const name of ["nixos", "system", "loaders"]) {
    await rm(join(directory, name), { recursive: true, force: true });
    await rename(join(fresh, name), join(directory, name));
  }
  await writeFile(stamp, inputs);
  for (const path of [work, fresh]) await rm(path, { recursive: true, force: true });
  say(`done: ${directory}`);
}

/** One hash over the package versions and every file that goes into the images or makes them. */
async function hashInputs(packageFiles: readonly string[]): Promise<string> {
  const hash = createHash("sha256").update(packageFiles.join("\n"));
  for (const root of [import.meta.dirname, guest, firstBoot]) {
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    for (const file of files.sort())
      hash.update(`\0${relative(root, file)}\0`).update(await readFile(file));
  }
  return hash.digest("hex");
}

const { out, architecture } = parseArgs({
  options: { out: { type: "string" }, architecture: { type: "string", default: "amd64" } },
}).values;
const builds: Readonly<Record<string, (directory: string) => Promise<void>>> = {
  amd64: buildImages,
  arm64: buildArm64,
};
const build = builds[architecture];
if (out === undefined || build === undefined || process.getuid?.() !== 0) {
  process.stderr.write(
    "usage, as root: node vm-harness/images/build.ts --out DIRECTORY [--architecture amd64|arm64]\n",
  );
  process.exitCode = 2;
} else {
  await mkdir(out, { recursive: true });
  await build(resolve(out)).catch((error: unknown) => {
    process.stderr.write(`images: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}
