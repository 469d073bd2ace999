// How a disk is named on the command line: by path, or by what it says of itself.

import { disk as diskSchema } from "../inventory/disk.ts";
import type { WrittenDisk } from "../nodes/propose-disk.ts";
import { CliError, exitCodes } from "./exit.ts";

/** `/dev/sda`, or `serial=S4EV` and the like, several with commas: as the inventory writes it. Throws what is wrong with it. */
export function parseWrittenDisk(text: string): WrittenDisk {
  const written = text.startsWith("/") ? text : Object.fromEntries(text.split(",").map(pairOf));
  const read = diskSchema.safeParse(written);
  if (read.success) return written;
  const [issue] = read.error.issues;
  throw new CliError(
    exitCodes.usage,
    `--disk ${text}: ${issue === undefined ? "no disk" : [...issue.path, issue.message].join(": ")}`,
    "write a path such as /dev/sda, or id=, serial=, wwn=, model=, size=",
  );
}

function pairOf(word: string): readonly [string, string] {
  const at = word.indexOf("=");
  return at < 0 ? [word, ""] : [word.slice(0, at), word.slice(at + 1)];
}
