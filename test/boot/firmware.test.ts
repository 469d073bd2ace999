import { expect, test } from "vitest";
import {
  bootsByHttp,
  formatArchitecture,
  loaderFor,
  loadersInUse,
} from "../../src/boot/firmware.ts";

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

const x86 = ["undionly.kpxe", "ipxe.efi"];
const everything = new Set([
  ...x86,
  "ipxe-ia32.efi",
  "ipxe-arm32.efi",
  "ipxe-arm64.efi",
  "ipxe-riscv32.efi",
  "ipxe-riscv64.efi",
  "ipxe-loong64.efi",
]);

test.each([
  [0x06, "ipxe-ia32.efi", false],
  [0x0a, "ipxe-arm32.efi", false],
  [0x0b, "ipxe-arm64.efi", false],
  [0x0f, "ipxe-ia32.efi", true],
  [0x10, "ipxe.efi", true],
  [0x12, "ipxe-arm32.efi", true],
  [0x13, "ipxe-arm64.efi", true],
  [0x14, "undionly.kpxe", true],
  [0x19, "ipxe-riscv32.efi", false],
  [0x1a, "ipxe-riscv32.efi", true],
  [0x1b, "ipxe-riscv64.efi", false],
  [0x1c, "ipxe-riscv64.efi", true],
  [0x27, "ipxe-loong64.efi", false],
  [0x28, "ipxe-loong64.efi", true],
])("arch %i gets %s where the site has it, and is told so where not", (arch, file, http) => {
  const firmware = { arch, ipxe: false };
  expect(loaderFor(firmware, script, fallback, everything)).toEqual({ file, fallback: false });
  expect(loaderFor(firmware, script, fallback, new Set())).toEqual({
    none: `no loader for client architecture ${formatArchitecture(arch)}: put ${file} into the asset directory`,
  });
  expect(bootsByHttp(arch)).toBe(http);
});

test("no other registered architecture is ever given an x86 loader", () => {
  const runs = [0x00, 0x07, 0x09, 0x10, 0x14];
  for (let arch = 0; arch <= 0x2a; arch++) {
    const loader = loaderFor({ arch, ipxe: false }, script, fallback, everything);
    if (runs.includes(arch)) expect(loader).toHaveProperty("file");
    else expect(x86).not.toContain("file" in loader ? loader.file : undefined);
    if ("file" in loader) expect(loader.fallback).toBe(false);
  }
});

test("an architecture without any loader is named in the reason", () => {
  expect(loaderFor({ arch: 0x29, ipxe: false }, script, fallback, everything)).toEqual({
    none: "no loader for client architecture 41 (ARM rpiboot)",
  });
});

test("the check of the site asks for the runbook's loaders and the fallback", () => {
  expect(loadersInUse(undefined)).toEqual(x86);
  expect(loadersInUse("snponly.efi")).toEqual([...x86, "snponly.efi"]);
});
