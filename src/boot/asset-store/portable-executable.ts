// What a PE/COFF file says of itself: the machine it is for and how long it must be. EFI loaders and EFI-bootable kernels are such files.
// Reads headers alone; whether the code in them works is for the firmware to find out.

export interface PortableExecutable {
  /** COFF machine type, such as 0x8664. */
  readonly machine: number;
  /** Octets that its sections and its signature reach to; a shorter file is cut. */
  readonly endBytes: number;
}

/** COFF machine types (PE format §3.3.1) of the firmware that network boot knows. */
export const machineTypes = {
  ia32: 0x014c,
  arm32: 0x01c2,
  riscv32: 0x5032,
  riscv64: 0x5064,
  loong64: 0x6264,
  x64: 0x8664,
  arm64: 0xaa64,
} as const;

export type MachineName = keyof typeof machineTypes;

/** The name of a machine type, for messages. */
export function machineName(machine: number): string {
  const found = Object.entries(machineTypes).find(([, value]) => value === machine);
  return found?.[0] ?? `machine type 0x${machine.toString(16)}`;
}

const coffBytes = 24;
const sectionBytes = 40;

/** The headers at the beginning of a file; undefined when it is no PE/COFF file. Never throws. */
export function readPortableExecutable(head: Buffer): PortableExecutable | undefined {
  if (head.length < 64 || head.toString("latin1", 0, 2) !== "MZ") return undefined;
  const coff = head.readUInt32LE(0x3c);
  if (coff + coffBytes > head.length) return undefined;
  if (head.toString("latin1", coff, coff + 4) !== "PE\0\0") return undefined;
  const sections = head.readUInt16LE(coff + 6);
  const optionalBytes = head.readUInt16LE(coff + 20);
  const table = coff + coffBytes + optionalBytes;
  if (table + sections * sectionBytes > head.length) return undefined;
  const ends = Array.from({ length: sections }, (_, index) => {
    const section = table + index * sectionBytes;
    return head.readUInt32LE(section + 16) + head.readUInt32LE(section + 20);
  });
  const signature = signatureEnd(head.subarray(coff + coffBytes, table));
  return { machine: head.readUInt16LE(coff + 4), endBytes: Math.max(0, signature, ...ends) };
}

/** Where the certificate table ends: data directory 4 of the optional header, which has a file offset in it and no address. */
function signatureEnd(optional: Buffer): number {
  if (optional.length < 2) return 0;
  // PE32+ (0x20b) has wider addresses before its directories.
  const directories = optional.readUInt16LE(0) === 0x20b ? 112 : 96;
  const entry = directories + 4 * 8;
  if (entry + 8 > optional.length || optional.readUInt32LE(directories - 4) <= 4) return 0;
  return optional.readUInt32LE(entry) + optional.readUInt32LE(entry + 4);
}
