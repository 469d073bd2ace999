// Which files of a folder make up an asset set, by name: what nixpkgs, nixos-images and their releases call them. Pure.

/** `bzImage`, or `bzImage-x86_64-linux` as released images have it. */
const kernelPattern = /^(bzImage|Image)(?:-([a-z0-9_]+)-linux)?$/;
const initrdPattern = /^initrd(?:-([a-z0-9_]+)-linux)?$/;
const scriptPattern = /^netboot(?:-([a-z0-9_]+)-linux)?\.ipxe$/;

export interface NamedFile {
  readonly name: string;
  /** The architecture in its name, such as x86_64. */
  readonly arch: string | undefined;
}

export interface KernelFile extends NamedFile {
  readonly served: "bzImage" | "Image";
}

/** Every file of each kind, plain names first, then in order. */
export interface SetNames {
  readonly kernels: readonly KernelFile[];
  readonly initrds: readonly NamedFile[];
  readonly scripts: readonly NamedFile[];
}

export function setNames(entries: readonly string[]): SetNames {
  const matching = (pattern: RegExp, group: number) =>
    [...entries]
      .sort((one, other) => one.length - other.length || (one < other ? -1 : 1))
      .flatMap((name) => {
        const match = pattern.exec(name);
        return match === null ? [] : [{ name, arch: match[group], first: match[1] }];
      });
  return {
    kernels: matching(kernelPattern, 2).map(({ name, arch, first }) => ({
      name,
      arch,
      served: first === "Image" ? "Image" : "bzImage",
    })),
    initrds: matching(initrdPattern, 1).map(({ name, arch }) => ({ name, arch })),
    scripts: matching(scriptPattern, 1).map(({ name, arch }) => ({ name, arch })),
  };
}

/** The one set that a folder holds, or why it holds none or parts of several. */
export function singleSet(entries: readonly string[]):
  | {
      readonly kernel: KernelFile;
      readonly initrd: NamedFile;
      readonly script: NamedFile | undefined;
    }
  | { readonly problem: string } {
  const { kernels, initrds, scripts } = setNames(entries);
  const [kernel] = kernels;
  const [initrd] = initrds;
  const [script] = scripts;
  if (kernel === undefined) return { problem: "bzImage is missing (Image on aarch64)" };
  if (initrd === undefined) return { problem: "initrd is missing" };
  for (const found of [kernels, initrds, scripts])
    if (found.length > 1)
      return {
        problem: `holds ${found.map(({ name }) => name).join(" and ")}: put each image in a folder of its own`,
      };
  const odd = [initrd, script].find(
    (file) => file?.arch !== undefined && kernel.arch !== undefined && file.arch !== kernel.arch,
  );
  if (odd !== undefined)
    return { problem: `${kernel.name} and ${odd.name} are for different architectures` };
  return { kernel, initrd, script };
}
