// Reads the texts beside a kernel that its command line is made of.

import { readFile, readlink, stat } from "node:fs/promises";
import { join } from "node:path";
import { type CommandLine, commandLine } from "../command-line.ts";

const maxTextBytes = 64 * 1024;

/** `script` is the name of the folder's netboot.ipxe, if it has one; `allowed` says whether a file may be read at all. */
export async function readCommandLine(
  directory: string,
  script: string | undefined,
  allowed: (path: string) => Promise<boolean>,
): Promise<CommandLine> {
  const text = async (name: string | undefined) => {
    if (name === undefined) return undefined;
    const path = join(directory, name);
    const facts = await stat(path).catch(() => undefined);
    if (facts === undefined || !facts.isFile() || facts.size > maxTextBytes) return undefined;
    return (await allowed(path)) ? readFile(path, "utf8").catch(() => undefined) : undefined;
  };
  return commandLine({
    netbootIpxe: await text(script),
    kernelParams: await text("kernel-params"),
    // Points into a Nix store that this host need not have, so the link is read and not followed.
    init: (await readlink(join(directory, "init")).catch(() => undefined)) ?? (await text("init")),
    cmdline: await text("cmdline"),
  });
}
