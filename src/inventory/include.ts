// Finds the further files of an inventory, and reads all of them. Does not look into what they say, but for the names it follows.

import { globSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { messageOf } from "../net/error-text.ts";

const maxFiles = 1000;
const maxFileBytes = 16 * 1024 * 1024;

export type ReadText = (file: string) => { readonly text: string } | { readonly error: string };

/** The files that each of `patterns` names in the folder of `main`, or what is wrong with the one at `index`. */
export function findIncluded(
  main: string,
  patterns: readonly string[],
): { readonly files: readonly string[] } | { readonly index: number; readonly message: string } {
  const folder = dirname(main);
  const found = new Set<string>();
  for (const [index, pattern] of patterns.entries()) {
    const names = globSync(pattern, { cwd: folder })
      .filter((name) => !name.split("/").some((part) => part.startsWith(".")))
      .toSorted();
    const files = names.map((name) => join(folder, name));
    if (files.length === 0)
      return { index, message: `${pattern} names no file in ${folder}: create it or remove it` };
    if (files.includes(join(main)))
      return {
        index,
        message: `${pattern} names this file itself: keep the others in a folder, as in nodes/*.yaml`,
      };
    for (const file of files) found.add(file);
    if (found.size > maxFiles)
      return { index, message: `${pattern} makes more than ${maxFiles} files: join some of them` };
  }
  return { files: [...found] };
}

/** The text of one file. */
export function readText(file: string): { readonly text: string } | { readonly error: string } {
  try {
    const found = statSync(file, { throwIfNoEntry: false });
    // A pipe has no end, and neither has a device.
    if (found !== undefined && !found.isFile()) return { error: "it is no regular file" };
    if ((found?.size ?? 0) > maxFileBytes)
      return { error: `it has more than ${maxFileBytes / 2 ** 20} MiB` };
    return { text: readFileSync(file, "utf8") };
  } catch (cause) {
    return { error: messageOf(cause) };
  }
}
