// What else lies in the asset directory: served over TFTP by the names it has there, as a TFTP server with that root would.

import { readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { type FoundFile, identityOf, isInside } from "../asset-file.ts";

const mostFiles = 10_000;
const mostLevels = 8;

/** Regular files below `base`, empty ones too, by their paths in it. Hidden names, what `isOwn` says yes to, and links out of it are left out. */
export async function readPlainFiles(
  base: string,
  isOwn: (name: string) => boolean,
): Promise<ReadonlyMap<string, FoundFile>> {
  const files = new Map<string, FoundFile>();
  const walk = async (folder: string, level: number): Promise<void> => {
    const entries = await readdir(join(base, folder)).catch(() => []);
    for (const entry of entries.toSorted()) {
      const name = folder === "" ? entry : `${folder}/${entry}`;
      if (entry.startsWith(".") || isOwn(name) || files.size >= mostFiles) continue;
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
