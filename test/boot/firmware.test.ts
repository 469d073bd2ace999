import { expect, test } from "vitest";
import { loaderFor } from "../../src/boot/firmware.ts";

const script = "http://10.0.100.10:8080/boot/ipxe/boot.ipxe";
const fallback = "ipxe.efi";

// The rules of the runbook's dhcpd.conf, in its order; the first that fits wins.
test.each([
  ["iPXE", { arch: undefined, ipxe: true }, script],
  ["iPXE on a BIOS machine", { arch: 0x00, ipxe: true }, script],
  ["iPXE on a UEFI machine", { arch: 0x07, ipxe: true }, script],
  ["iPXE on ARM", { arch: 0x0b, ipxe: true }, script],
  ["BIOS (00:00)", { arch: 0x00, ipxe: false }, "undionly.kpxe"],
  ["UEFI x86-64 (00:07)", { arch: 0x07, ipxe: false }, "ipxe.efi"],
  ["UEFI x86-64 (00:09)", { arch: 0x09, ipxe: false }, "ipxe.efi"],
])("%s gets its file, with or without a fallback", (_who, firmware, file) => {
  expect(loaderFor(firmware, script, fallback)).toEqual({ file, fallback: false });
  expect(loaderFor(firmware, script, undefined)).toEqual({ file, fallback: false });
});

test.each([undefined, 0x2b, 0xffff])("arch %s takes the site's fallback loader", (arch) => {
  expect(loaderFor({ arch, ipxe: false }, script, fallback)).toEqual({
    file: "ipxe.efi",
    fallback: true,
  });
});

test.each([undefined, 0x2b])("arch %s gets nothing where the site has no fallback", (arch) => {
  expect(loaderFor({ arch, ipxe: false }, script, undefined)).toEqual({
    none: "the client names no known architecture and the site sets no fallbackLoader",
  });
});

test("no other registered architecture is ever given an x86 loader", () => {
  for (let arch = 0; arch <= 0x2a; arch++)
    if (![0, 7, 9].includes(arch))
      expect(loaderFor({ arch, ipxe: false }, script, fallback)).toEqual({
        none: `no loader for client architecture ${arch} (option 93)`,
      });
});
