// Lays out one Nix file of ours: what it is, what it takes, what it imports, and its settings one below the other.

import { commentLines, type NixSet, printAttribute } from "./nix.ts";

export interface Section {
  /** Stands above it. */
  readonly why?: string;
  /** Each begins a path of its own: `{ boot: { loader: … } }` is written as `boot.loader = …`. */
  readonly settings: readonly NixSet[];
}

/** The text of a module. `takes` is its argument pattern, `imports` are paths as Nix has them. */
export function printModule(wanted: {
  readonly about: string;
  readonly takes: string;
  readonly imports?: readonly string[];
  readonly sections: readonly Section[];
}): string {
  const { about, takes, imports = [], sections } = wanted;
  const listed = imports.map((path) => `    ${path}\n`).join("");
  const blocks = [
    listed === "" ? "" : `  imports = [\n${listed}  ];\n`,
    ...sections.map(printSection),
  ].filter((block) => block !== "");
  return `${commentLines(about)}${takes}:\n{\n${blocks.join("\n")}}\n`;
}

function printSection({ why, settings }: Section): string {
  const lines = settings
    .flatMap((set) => Object.entries(set))
    .flatMap(([name, value]) => (value === undefined ? [] : [printAttribute(name, value, "  ")]));
  if (lines.length === 0) return "";
  return `${why === undefined ? "" : commentLines(why, "  ")}${lines.join("")}`;
}
