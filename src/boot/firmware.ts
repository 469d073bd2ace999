// Which loader a machine's firmware can run. Data only: what a machine should boot is decided in decide.ts.

/** What a boot request says of the program that sent it. */
export interface Firmware {
  /** Client architecture, option 93 (RFC 4578 §2.1, IANA registry); undefined when not sent. */
  readonly arch: number | undefined;
  /** True when the sender is an iPXE that can run a script and needs no other loader. */
  readonly ipxe: boolean;
  /** True when it starts only what is signed. */
  readonly secureBoot?: boolean;
}

interface Architecture {
  readonly name: string;
  /** The file it is given; without one there is nothing that could be served to it. */
  readonly loader?: string;
  /** Given where the site does not have `loader`. */
  readonly otherwise?: string;
  /** What a machine with Secure Boot starts: signed by a key that its firmware holds, and starts a signed GRUB. */
  readonly signed?: readonly [shim: string, grub: string];
  /** Fetches by HTTP, from a URL (UEFI 2.10 §24.7). */
  readonly http?: true;
  /** Given without looking whether the site has the file: those of the runbook's rules. */
  readonly always?: true;
}

// shim asks for the second by this name, in the folder that it came from.
const signedX64 = ["shimx64.efi", "grubx64.efi"] as const;
const signedArm64 = ["shimaa64.efi", "grubaa64.efi"] as const;

// IANA registry "Processor Architecture Types" (RFC 5970 §3.3), 0 to 41 with its names; 41 is the last number that could be
// verified, in November 2026. 7 and 9 are both x86-64 EFI in practice: the registry swapped them once and firmware of
// either kind exists. Of the others only those get a loader whose file the site has, by the names of iPXE's build targets.
const architectures: ReadonlyMap<number, Architecture> = new Map<number, Architecture>([
  [0x00, { name: "x86 BIOS", loader: "undionly.kpxe", always: true }],
  [0x01, { name: "NEC/PC98" }],
  [0x02, { name: "Itanium" }],
  [0x03, { name: "DEC Alpha" }],
  [0x04, { name: "Arc x86" }],
  [0x05, { name: "Intel Lean Client" }],
  [0x06, { name: "x86 UEFI", loader: "ipxe-ia32.efi" }],
  [0x07, { name: "x64 UEFI", loader: "ipxe.efi", signed: signedX64, always: true }],
  [0x08, { name: "EFI Xscale" }],
  [0x09, { name: "EBC", loader: "ipxe.efi", signed: signedX64, always: true }],
  [0x0a, { name: "ARM 32-bit UEFI", loader: "ipxe-arm32.efi" }],
  [
    0x0b,
    {
      name: "ARM 64-bit UEFI",
      loader: "ipxe-arm64.efi",
      otherwise: "grubaa64.efi",
      signed: signedArm64,
    },
  ],
  [0x0c, { name: "PowerPC Open Firmware" }],
  [0x0d, { name: "PowerPC ePAPR" }],
  [0x0e, { name: "POWER OPAL v3" }],
  [0x0f, { name: "x86 UEFI, HTTP boot", loader: "ipxe-ia32.efi", http: true }],
  [0x10, { name: "x64 UEFI, HTTP boot", loader: "ipxe.efi", http: true, always: true }],
  [0x11, { name: "EBC, HTTP boot", http: true }],
  [0x12, { name: "ARM 32-bit UEFI, HTTP boot", loader: "ipxe-arm32.efi", http: true }],
  [0x13, { name: "ARM 64-bit UEFI, HTTP boot", loader: "ipxe-arm64.efi", http: true }],
  [0x14, { name: "PC/AT BIOS, HTTP boot", loader: "undionly.kpxe", http: true }],
  [0x15, { name: "ARM 32-bit U-Boot" }],
  [0x16, { name: "ARM 64-bit U-Boot" }],
  [0x17, { name: "ARM 32-bit U-Boot, HTTP boot", http: true }],
  [0x18, { name: "ARM 64-bit U-Boot, HTTP boot", http: true }],
  [0x19, { name: "RISC-V 32-bit UEFI", loader: "ipxe-riscv32.efi" }],
  [0x1a, { name: "RISC-V 32-bit UEFI, HTTP boot", loader: "ipxe-riscv32.efi", http: true }],
  [0x1b, { name: "RISC-V 64-bit UEFI", loader: "ipxe-riscv64.efi" }],
  [0x1c, { name: "RISC-V 64-bit UEFI, HTTP boot", loader: "ipxe-riscv64.efi", http: true }],
  [0x1d, { name: "RISC-V 128-bit UEFI" }],
  [0x1e, { name: "RISC-V 128-bit UEFI, HTTP boot", http: true }],
  [0x1f, { name: "s390 Basic" }],
  [0x20, { name: "s390 Extended" }],
  [0x21, { name: "MIPS 32-bit UEFI" }],
  [0x22, { name: "MIPS 64-bit UEFI" }],
  [0x23, { name: "Sunway 32-bit UEFI" }],
  [0x24, { name: "Sunway 64-bit UEFI" }],
  [0x25, { name: "LoongArch 32-bit UEFI" }],
  [0x26, { name: "LoongArch 32-bit UEFI, HTTP boot", http: true }],
  [0x27, { name: "LoongArch 64-bit UEFI", loader: "ipxe-loong64.efi" }],
  [0x28, { name: "LoongArch 64-bit UEFI, HTTP boot", loader: "ipxe-loong64.efi", http: true }],
  [0x29, { name: "ARM rpiboot" }],
  // Not verified, and so kept from x86 loaders as if it were registered.
  [0x2a, { name: "not in this table" }],
]);

/** The files that machines may be sent to without a look at what the site has, for whoever checks that they are there. */
export function loadersInUse(fallback: string | undefined): string[] {
  const given = [...architectures.values()].flatMap(({ always, loader }) =>
    always === true && loader !== undefined ? [loader] : [],
  );
  return [...new Set([...given, ...(fallback === undefined ? [] : [fallback])])];
}

/** What a machine with Secure Boot needs in the asset directory, by the kind of kernel that it boots. */
export function signedLoaders(kernelName: "bzImage" | "Image"): readonly string[] {
  return kernelName === "Image" ? signedArm64 : signedX64;
}

/** False for a loader that goes on over TFTP without asking DHCP anew. */
export function asksDhcpAgain(loader: string): boolean {
  return !/^(?:shim|grub|pxelinux)/.test(loader);
}

/** `11 (ARM 64-bit UEFI)`, for messages. */
export function formatArchitecture(arch: number): string {
  return `${arch} (${architectures.get(arch)?.name ?? "unregistered"})`;
}

/** True when firmware of this architecture fetches its loader by HTTP. */
export function bootsByHttp(arch: number): boolean {
  return architectures.get(arch)?.http === true;
}

/** The boot file, or why there is none. `fallback` says that the site's fallback loader was taken. */
export type Loader =
  | { readonly file: string; readonly fallback: boolean }
  | { readonly none: string };

/**
 * The boot file for a firmware: the script's URL for iPXE, the name of a loader for the rest. `fallback` is the site's
 * loader for clients that name no registered architecture, `loaders` what else the site has.
 */
export function loaderFor(
  firmware: Firmware,
  scriptUrl: string,
  fallback: string | undefined,
  loaders: Pick<ReadonlySet<string>, "has"> = new Set(),
): Loader {
  if (firmware.ipxe) return { file: scriptUrl, fallback: false };
  const { arch } = firmware;
  const known = arch === undefined ? undefined : architectures.get(arch);
  if (arch !== undefined && known !== undefined) {
    const { loader, otherwise, always } = known;
    const who = `client architecture ${formatArchitecture(arch)}`;
    if (firmware.secureBoot === true) return signedLoaderFor(known, who, loaders);
    if (loader === undefined) return { none: `no loader for ${who}` };
    if (always === true || loaders.has(loader)) return { file: loader, fallback: false };
    if (otherwise !== undefined && loaders.has(otherwise))
      return { file: otherwise, fallback: false };
    return { none: `no loader for ${who}: put ${loader} into the asset directory` };
  }
  if (fallback !== undefined) return { file: fallback, fallback: true };
  return { none: "the client names no known architecture and the site sets no fallbackLoader" };
}

/** A firmware that refuses the loader would stop with an error on its screen, so what it can't start is not given to it. */
function signedLoaderFor(
  { signed, http }: Architecture,
  who: string,
  loaders: Pick<ReadonlySet<string>, "has">,
): Loader {
  // Distributions sign a GRUB that fetches by TFTP alone; seen with Debian's.
  if (http === true)
    return {
      none: `no signed loader for ${who}: put PXE before HTTP in its boot order, or set \`loader\` of this node to one that is signed`,
    };
  if (signed === undefined)
    return {
      none: `no signed loader for ${who}: switch Secure Boot off, or set \`loader\` of this node`,
    };
  const missing = signed.filter((file) => !loaders.has(file));
  if (missing.length === 0) return { file: signed[0], fallback: false };
  return {
    none: `no signed loader for ${who}: put ${missing.join(" and ")} into the asset directory`,
  };
}
