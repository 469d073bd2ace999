// A netboot image's kernel command line, out of the files that nixos-images and nixpkgs put beside the kernel. Pure.
// Kernel and initrd only boot with exactly the `init=` they were built with, so a set without one is refused.

/** The texts found beside a kernel; absent files are undefined. */
export interface CommandLineSources {
  /** `netboot.ipxe` of nixpkgs: `kernel bzImage init=… initrd=initrd … ${cmdline}`. */
  readonly netbootIpxe?: string | undefined;
  /** `kernel-params` of the nixos-images installers, without an init. */
  readonly kernelParams?: string | undefined;
  /** Where `init` points to, or what it says when links did not survive a copy. */
  readonly init?: string | undefined;
  /** A plain list of kernel arguments. */
  readonly cmdline?: string | undefined;
}

export type CommandLine = { readonly arguments: readonly string[] } | { readonly problem: string };

// What may stand in a boot script without meaning something to iPXE.
const argumentPattern = /^[A-Za-z0-9_.,:/@=+%~*-]+$/;

/**
 * The command line of the first source there is, `init=` first; `initrd=` is left to the boot script. Sources that
 * name different inits come from different images, and are refused.
 */
export function commandLine(sources: CommandLineSources): CommandLine {
  const mixed = mixedInits(sources);
  if (mixed !== undefined) return { problem: mixed };
  const found = words(sources);
  if ("problem" in found) return found;
  const kept = found.words.filter((word) => !/^(?:\$\{cmdline\}$|initrd=)/.test(word));
  const strange = kept.find((word) => !argumentPattern.test(word));
  if (strange !== undefined)
    return {
      problem: `${found.source} has the argument ${JSON.stringify(strange)}, which no boot script can carry`,
    };
  const inits = kept.filter((word) => word.startsWith("init="));
  if (inits.length !== 1 || !inits[0]?.startsWith("init=/"))
    return {
      problem: `${found.source} has ${inits.length === 0 ? "no init=" : "no single init=/PATH"}: the image does not boot without the one it was built with`,
    };
  return { arguments: [...inits, ...kept.filter((word) => !word.startsWith("init="))] };
}

function mixedInits({ netbootIpxe, init, cmdline }: CommandLineSources): string | undefined {
  const inits = [
    ["netboot.ipxe", initOf(netbootIpxe)],
    ["init", init?.trim()],
    ["cmdline", initOf(cmdline)],
  ].filter(([, path]) => path !== undefined);
  const [first, ...others] = inits;
  const other = others.find(([, path]) => path !== first?.[1]);
  return (
    other &&
    `${first?.[0]} has the init ${first?.[1]} and ${other[0]} has ${other[1]}: these are parts of two images`
  );
}

function initOf(text: string | undefined): string | undefined {
  return text === undefined ? undefined : /(?:^|\s)init=(\S+)/.exec(text)?.[1];
}

type Words = { readonly source: string; readonly words: readonly string[] };

function words(sources: CommandLineSources): Words | { readonly problem: string } {
  const { netbootIpxe, kernelParams, init, cmdline } = sources;
  if (netbootIpxe !== undefined) {
    const line = /^\s*kernel\s+\S+\s+(.*)$/m.exec(netbootIpxe)?.[1];
    if (line === undefined) return { problem: "netboot.ipxe has no kernel line with arguments" };
    return { source: "netboot.ipxe", words: split(line) };
  }
  if (kernelParams !== undefined && init !== undefined)
    return { source: "kernel-params", words: [`init=${init.trim()}`, ...split(kernelParams)] };
  if (cmdline !== undefined) return { source: "cmdline", words: split(cmdline) };
  return { problem: "there is no netboot.ipxe, no kernel-params with init, and no cmdline" };
}

function split(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}
