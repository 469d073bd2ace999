// Which loader a machine's firmware can run. Data only: what a machine should boot is decided in decide.ts.

/** What a boot request says of the program that sent it. */
export interface Firmware {
  /** Client architecture, option 93 (RFC 4578 §2.1, IANA registry); undefined when not sent. */
  readonly arch: number | undefined;
  /** True when the sender is iPXE, which wants a script and not another loader. */
  readonly ipxe: boolean;
}

// The runbook's table, in its order. Architectures 7 and 9 are both x86-64 EFI in practice:
// the registry swapped them once and firmware of either kind exists.
const loaders: ReadonlyMap<number, string> = new Map([
  [0x00, "undionly.kpxe"],
  [0x07, "ipxe.efi"],
  [0x09, "ipxe.efi"],
]);

// Registered architectures that this server has no loader for. They must not be given an x86 binary.
const otherArchitectures: ReadonlySet<number> = new Set([
  0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x08, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12,
  0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x21, 0x22,
  0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a,
]);

export type Loader =
  | { readonly file: string; readonly fallback: boolean }
  | { readonly none: string };

/**
 * The boot file for a firmware: the script's URL for iPXE, a TFTP file name for the rest.
 * `fallback` is the site's loader for clients that name no registered architecture.
 */
export function loaderFor(
  firmware: Firmware,
  scriptUrl: string,
  fallback: string | undefined,
): Loader {
  if (firmware.ipxe) return { file: scriptUrl, fallback: false };
  const { arch } = firmware;
  const file = arch === undefined ? undefined : loaders.get(arch);
  if (file !== undefined) return { file, fallback: false };
  if (arch !== undefined && otherArchitectures.has(arch))
    return { none: `no loader for client architecture ${arch} (option 93)` };
  if (fallback !== undefined) return { file: fallback, fallback: true };
  return { none: "the client names no known architecture and the site sets no fallbackLoader" };
}
