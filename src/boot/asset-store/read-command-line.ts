// Reads the texts beside a kernel that its command line is made of.

import { readlink } from "node:fs/promises";
import { join } from "node:path";
import { readSmallFile } from "../asset-file.ts";
import { type CommandLine, commandLine } from "../command-line.ts";

/** `script` is the name of the folder's netboot.ipxe, if it has one; `allowed` says whether a file may be read at all. */
export async function readCommandLine(
  directory: string,
  script: string | undefined,
  allowed: (path: string) => Promise<boolean>,
): Promise<CommandLine> {
  const text = async (name: string | undefined) => {
    if (name === undefined) return undefined;
    const path = join(directory, name);
    if (!(await allowed(path))) return undefined;
    return (await readSmallFile(path).catch(() => undefined))?.toString();
  };
  return commandLine({
    netbootIpxe: await text(script),
    kernelParams: await text("kernel-params"),
    // Points into a Nix store that this host need not have, so the link is read and not followed.
    init: (await readlink(join(directory, "init")).catch(() => undefined)) ?? (await text("init")),
    cmdline: await text("cmdline"),
  });
}
