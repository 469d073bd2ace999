// What network boot firmware sends (RFC 4578, PXE 2.1 §2.2, UEFI §24.7), shared by the cases of both DHCP modes.

import { ascii, asking, bytes } from "./bench.ts";
import { numbers16, type OptionPair } from "./message.ts";

export const guid = [
  0, 0x33, 0x22, 0x11, 0, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 10, 11, 12, 13, 14, 15,
];

const wanted = asking(
  1,
  2,
  3,
  4,
  5,
  6,
  12,
  13,
  15,
  17,
  18,
  22,
  23,
  28,
  40,
  41,
  42,
  43,
  50,
  51,
  54,
  58,
  59,
  60,
  66,
  67,
  97,
  128,
  129,
);

const machine: readonly OptionPair[] = [bytes(94, 1, 3, 16), bytes(97, ...guid), wanted];

const vendor = (kind: string, arch: number) =>
  ascii(60, `${kind}:Arch:${String(arch).padStart(5, "0")}:UNDI:003016`);

/** Options of a PXE firmware; several architectures as RFC 4578 §2.1 lists them. */
export const pxe = (arch: number, ...others: number[]): readonly OptionPair[] => [
  vendor("PXEClient", arch),
  [93, numbers16(arch, ...others)],
  ...machine,
];

/** Options of an HTTP boot firmware. */
export const httpBoot = (arch: number): readonly OptionPair[] => [
  vendor("HTTPClient", arch),
  [93, numbers16(arch)],
  ...machine,
];

/** Options of a PXE firmware that names its architecture nowhere. */
export const pxeWithoutArch: readonly OptionPair[] = [ascii(60, "PXEClient"), ...machine];

/** Options of a PXE firmware whose option 93 is these bytes. */
export const pxeWithArchBytes = (...values: number[]): readonly OptionPair[] => [
  vendor("PXEClient", 7),
  bytes(93, ...values),
  ...machine,
];

/** Option 77 as iPXE and dhclient send it: one bare string. */
export const bareClass = (name: string) => ascii(77, name);

/** Option 77 in the form of RFC 3004: each class with its length. */
export const listedClasses = (...names: string[]): OptionPair => [
  77,
  Buffer.concat(names.flatMap((name) => [Buffer.from([name.length]), Buffer.from(name)])),
];
