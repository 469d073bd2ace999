// Whether a file is a whole loader, and of the kind that its name says: EFI programs by their machine type, the rest for a
// BIOS. Pure.

import {
  type MachineName,
  machineName,
  machineTypes,
  readPortableExecutable,
} from "./portable-executable.ts";

// The parts that iPXE, GRUB and shim have in their file names; the first that fits counts.
const machineOfName: readonly (readonly [RegExp, MachineName])[] = [
  [/arm64|aa64|aarch64/, "arm64"],
  [/arm32/, "arm32"],
  [/ia32|i386/, "ia32"],
  [/riscv64/, "riscv64"],
  [/riscv32/, "riscv32"],
  [/loong64|loongarch64/, "loong64"],
];

/** A BIOS loads it below 640 KiB, at 0x7c00 (PXE 2.1 §4.4.5). */
const maxBiosBytes = 640 * 1024 - 0x7c00;

/**
 * Why `data` is certainly no whole file, whatever it was to be; undefined when that can't be told. An EFI program says how
 * long it is, a BIOS loader does not.
 */
export function loaderDamage(name: string, data: Buffer): string | undefined {
  if (data.every((octet) => octet === 0))
    return "holds nothing but zeros, as a copy does that was not synced before a crash";
  if (!isEfiName(name) || !isDos(data)) return undefined;
  const executable = readPortableExecutable(data);
  if (executable === undefined) return "is cut short or damaged in its headers";
  return data.length < executable.endBytes
    ? `is cut short: ${data.length} of ${executable.endBytes} octets`
    : undefined;
}

/** Why `data` can't be the loader `name`; undefined for one that can. */
export function loaderFault(name: string, data: Buffer): string | undefined {
  return (
    loaderDamage(name, data) ?? (isEfiName(name) ? efiFault(name, data) : biosFault(name, data))
  );
}

function efiFault(name: string, data: Buffer): string | undefined {
  const executable = readPortableExecutable(data);
  if (executable === undefined) return "is no EFI program (it has no PE/COFF header)";
  const expected = machineOfName.find(([part]) => part.test(name))?.[1] ?? "x64";
  return executable.machine === machineTypes[expected]
    ? undefined
    : `is for ${machineName(executable.machine)}, and its name says ${expected}`;
}

function biosFault(name: string, data: Buffer): string | undefined {
  if (name.endsWith(".c32"))
    return isElf(data) || isCom32(data)
      ? undefined
      : "is no module of SYSLINUX (it has neither an ELF nor a COM32 header)";
  if (readPortableExecutable(data) !== undefined)
    return "is an EFI program, and its name is that of a BIOS loader";
  if (isElf(data) || isDos(data) || /^(?:#!|<)/.test(data.toString("latin1", 0, 2)))
    return "is no BIOS network loader";
  return data.length > maxBiosBytes
    ? `has ${data.length} octets, more than a BIOS can load (${maxBiosBytes})`
    : undefined;
}

function isEfiName(name: string): boolean {
  return /\.efi(?:\.signed)?$/.test(name);
}

/** Every EFI program begins as a program for DOS does (PE format §2). */
function isDos(data: Buffer): boolean {
  return data.toString("latin1", 0, 2) === "MZ";
}

function isElf(data: Buffer): boolean {
  return data.toString("latin1", 0, 4) === "\x7fELF";
}

/** A module of SYSLINUX 3 or 4 (its doc/comboot.txt): `mov eax,0x21cd4cff`, or `…fe` where it is relocatable. */
function isCom32(data: Buffer): boolean {
  return /^\xb8[\xfe\xff]L\xcd!/.test(data.toString("latin1", 0, 5));
}
