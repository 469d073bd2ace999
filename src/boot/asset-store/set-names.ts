// Which files of a folder make up an asset set, by name: what nixpkgs, nixos-images and their releases call them. Pure.

/** `bzImage`, or `bzImage-x86_64-linux` as released images have it. */
const kernelPatterns = {
  bzImage: /^bzImage(?:-([a-z0-9_]+)-linux)?$/,
  Image: /^Image(?:-([a-z0-9_]+)-linux)?$/,
} as const;
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

/** Every file of each kind, plain names first; of kernels, bzImage before Image. */
export interface SetNames {
  readonly kernels: readonly KernelFile[];
  readonly initrds: readonly NamedFile[];
  readonly scripts: readonly NamedFile[];
}

export function setNames(entries: readonly string[]): SetNames {
  const sorted = [...entries].sort(
    (one, other) => one.length - other.length || (one < other ? -1 : 1),
  );
  const matching = (pattern: RegExp) =>
    sorted.flatMap((name) => {
      const match = pattern.exec(name);
      return match === null ? [] : [{ name, arch: match[1] }];
    });
  const kernels = (["bzImage", "Image"] as const).flatMap((served) =>
    matching(kernelPatterns[served]).map((file) => ({ ...file, served })),
  );
  return { kernels, initrds: matching(initrdPattern), scripts: matching(scriptPattern) };
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
  const [first, ...others] = [kernel, initrd, script].flatMap((file) =>
    file?.arch === undefined ? [] : [file],
  );
  const odd = others.find(({ arch }) => arch !== first?.arch);
  if (first !== undefined && odd !== undefined)
    return {
      problem: `${first.name} and ${odd.name} are for different architectures: put each image in a folder of its own`,
    };
  return { kernel, initrd, script };
}
