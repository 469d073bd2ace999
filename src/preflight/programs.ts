// How programs are waited for, and what is said of one that failed.

import type { Ended } from "./surroundings.ts";

/** Milliseconds: nix may have to fetch the program first. */
export const fetchMs = 120_000;

/** Its exit code, and the last line it wrote. */
export function endOf({ exitCode, stderr }: Ended): string {
  const last = stderr.trim().split("\n").at(-1)?.slice(0, 200) ?? "";
  const how = exitCode === undefined ? "by its time limit" : `with exit code ${exitCode}`;
  return last === "" ? how : `${how}: ${last}`;
}
