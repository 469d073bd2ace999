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

/** The files that machines may be sent to, for whoever checks that they are there. */
export function loadersInUse(fallback: string | undefined): string[] {
  return [...new Set([...loaders.values(), ...(fallback === undefined ? [] : [fallback])])];
}

// The other numbers up to this one belong to firmware that can't run these loaders (IANA registry
// "Processor Architecture Types": ARM, RISC-V, HTTP boot …). It must not be given an x86 binary.
const highestRegistered = 0x2a;

/** The boot file, or why there is none. `fallback` says that the site's fallback loader was taken. */
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
  if (arch !== undefined && arch <= highestRegistered)
    return { none: `no loader for client architecture ${arch} (option 93)` };
  if (fallback !== undefined) return { file: fallback, fallback: true };
  return { none: "the client names no known architecture and the site sets no fallbackLoader" };
}
