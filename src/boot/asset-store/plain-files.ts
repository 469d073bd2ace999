// What else lies in the asset directory: served over TFTP by the names it has there, as a TFTP server with that root would.

import { readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { loaderName } from "../../inventory/loader-name.ts";
import { type FoundFile, identityOf, isInside } from "../asset-file.ts";

const mostFiles = 10_000;
const mostLevels = 8;

/** Regular files below `root`, empty ones too, by their paths in it. Hidden names, loaders, sets and links out of it are left out. */
export async function readPlainFiles(root: string): Promise<ReadonlyMap<string, FoundFile>> {
  const files = new Map<string, FoundFile>();
  const base = await realpath(root).catch(() => root);
  const walk = async (folder: string, level: number): Promise<void> => {
    const entries = await readdir(join(base, folder)).catch(() => []);
    for (const entry of entries.toSorted()) {
      const name = folder === "" ? entry : `${folder}/${entry}`;
      if (entry.startsWith(".") || isOfStore(name) || files.size >= mostFiles) continue;
      const path = await realpath(join(base, name)).catch(() => undefined);
      if (path === undefined || !isInside(base, path)) continue;
      const facts = await stat(path, { bigint: true }).catch(() => undefined);
      if (facts?.isFile() === true)
        files.set(name, { path, sizeBytes: Number(facts.size), identity: identityOf(facts) });
      else if (facts?.isDirectory() === true && level < mostLevels) await walk(name, level + 1);
    }
  };
  await walk("", 1);
  return files;
}

/** Loaders and images are served as such or not at all: a damaged one must not come back as a plain file. */
function isOfStore(name: string): boolean {
  return (
    name === "nixos" || name === "sets" || loaderName.test(name) || /^loaders\.json/.test(name)
  );
}
