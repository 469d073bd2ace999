// Copies chosen files out of the unpacked packages into an image's tree, each program with the
// libraries it needs. Knows nothing of what the images are for.

import { cp, lstat, mkdir, readdir, readlink, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { run, runShell } from "./command.ts";

const loader = "/usr/lib64/ld-linux-x86-64.so.2";

/** Makes the empty tree of an image: the merged /usr links and the mount points. */
export async function makeTree(tree: string): Promise<void> {
  for (const name of ["bin", "sbin", "lib", "lib64"]) {
    await mkdir(join(tree, "usr", name), { recursive: true });
    await symlink(`usr/${name}`, join(tree, name));
  }
  for (const name of ["dev", "etc", "mnt", "proc", "root", "run", "sys", "tmp", "var"])
    await mkdir(join(tree, name), { mode: 0o755 });
}

/** Copies `paths` (files, links with what they point to, or directories, named from the root) from `stage` to `tree`. */
export async function copyPaths(
  stage: string,
  tree: string,
  paths: readonly string[],
): Promise<void> {
  for (const path of paths) {
    const target = join(tree, path);
    await mkdir(dirname(target), { recursive: true });
    await cp(join(stage, path), target, {
      recursive: true,
      verbatimSymlinks: true,
      preserveTimestamps: true,
    });
    if ((await lstat(target)).isSymbolicLink()) {
      const pointsTo = await readlink(target);
      await copyPaths(stage, tree, [
        join(pointsTo.startsWith("/") ? "/" : dirname(path), pointsTo),
      ]);
    }
  }
}

/** Copies the programs and shared objects `paths` with every library the dynamic loader of `stage` finds for them. */
export async function copyPrograms(
  stage: string,
  tree: string,
  paths: readonly string[],
): Promise<void> {
  await copyPaths(stage, tree, [...paths, loader]);
  const libraries = new Set<string>();
  for (const path of paths) {
    const list = await run(["chroot", stage, loader, "--list", path]);
    for (const [, library = ""] of list.matchAll(/ => (\/\S+)/g)) libraries.add(library);
    const missing = /^\s*(\S+) => not found/m.exec(list)?.[1];
    if (missing !== undefined) throw new Error(`${path} needs ${missing}, which no package brings`);
  }
  // The loader answers with paths below /lib, which is a link to /usr/lib in both trees.
  await copyPaths(
    stage,
    tree,
    [...libraries].map((library) => library.replace(/^\/(lib|lib64)\//, "/usr/$1/")),
  );
}

/** The full path below /usr of each of `names`, looked for as a shell would. */
export async function findPrograms(stage: string, names: readonly string[]): Promise<string[]> {
  const found = await run([
    "chroot",
    stage,
    "/usr/bin/bash",
    "-c",
    'type -P "$@"',
    "bash",
    ...names,
  ]);
  const paths = found.trim().split("\n");
  if (paths.length !== names.length) throw new Error(`of ${names.join(" ")} only ${paths} exist`);
  return paths.map((path) => path.replace(/^\/(s?bin)\//, "/usr/$1/"));
}

/** Copies the kernel modules `names` with those they need, and writes /modules: their paths in loading order. */
export async function copyModules(
  stage: string,
  tree: string,
  release: string,
  names: readonly string[],
): Promise<void> {
  const order = new Set<string>();
  for (const name of names) {
    const plan = await run(["modprobe", "-d", stage, "-S", release, "--show-depends", name]);
    for (const [, path = ""] of plan.matchAll(/^insmod (\S+)/gm))
      order.add(path.slice(stage.length).replace(/^\/lib\//, "/usr/lib/"));
  }
  await copyPaths(stage, tree, [...order]);
  await writeFile(join(tree, "modules"), [...order, ""].join("\n"));
}

/** Packs `tree` as an initramfs that every kernel of the images reads: newc cpio, owned by root, compressed with zstd. */
export async function packInitramfs(tree: string, file: string): Promise<void> {
  await runShell(
    'cd "$1" && find . -print0 | LC_ALL=C sort -z | cpio --quiet -0 -o -H newc -R 0:0 | zstd -q -T0 -15 -f -o "$2"',
    tree,
    file,
  );
}

/** Puts the static busybox in place, with a link for each of its commands that is not there as a real program. */
export async function installBusybox(stage: string, tree: string): Promise<void> {
  await copyPaths(stage, tree, ["/usr/bin/busybox"]);
  const present = new Set([
    ...(await readdir(join(tree, "usr/bin"))),
    ...(await readdir(join(tree, "usr/sbin"))),
  ]);
  const applets = (await run(["chroot", stage, "busybox", "--list"])).trim().split("\n");
  // busybox' own shell prefers its built-in commands to real programs of the same name (setsid --wait).
  if (present.has("bash")) await symlink("bash", join(tree, "usr/bin/sh"));
  for (const name of applets)
    if (!present.has(name) && !(name === "sh" && present.has("bash")))
      await symlink("busybox", join(tree, "usr/bin", name));
}
