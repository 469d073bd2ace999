import { describe, expect, it } from "vitest";
import { cleanFileName } from "../../src/tftp/file-name.ts";
import { netasciiBlocks, netasciiSize } from "../../src/tftp/netascii.ts";

describe("a requested file name", () => {
  it.each([
    ["undionly.kpxe", "undionly.kpxe"],
    ["/ipxe.efi", "ipxe.efi"],
    ["//ipxe.efi", "ipxe.efi"],
    ["\\ipxe.efi", "ipxe.efi"],
    ["\\boot\\x64\\ipxe.efi", "boot/x64/ipxe.efi"],
    ["ipxe.efi\xff", "ipxe.efi"],
    ["ipxe.efi\xff\x03\x20", "ipxe.efi"],
    ["ipxe.efi ", "ipxe.efi"],
    ["./ipxe.efi", "ipxe.efi"],
    ["grub/./fonts//a b", "grub/fonts/a b"],
    ["C:\\boot\\ipxe.efi", "C:/boot/ipxe.efi"],
    ["...", "..."],
    ["%2e%2e/etc/passwd", "%2e%2e/etc/passwd"],
  ])("%j is read as %j", (requested, name) => {
    expect(cleanFileName(requested)).toBe(name);
  });

  it.each([
    "",
    "/",
    "\xff\xff",
    "../etc/passwd",
    "..\\etc\\passwd",
    "a/../../etc/passwd",
    "./",
    "..",
    "boot/..",
    "ipxe.efi\0",
    "ipxe\0.efi",
    "ip\xffxe.efi",
    "ip\nxe.efi",
    "a".repeat(256),
    "\xff".repeat(60_000),
  ])("%j is refused", (requested) => {
    expect(cleanFileName(requested)).toBeUndefined();
  });
});

describe("netascii", () => {
  it("writes LF as CR LF and CR as CR NUL, and leaves the rest alone", () => {
    const octets = Buffer.from([0x61, 0x0a, 0x0d, 0x0d, 0x0a, 0x00, 0xff]);
    const block = netasciiBlocks(octets, 4, 2);
    expect([1, 2, 3, 4, 3].map((number) => block(number).toString("hex"))).toEqual([
      "610d0a0d",
      "000d000d",
      "0a00ff",
      "",
      "0a00ff",
    ]);
    expect(netasciiSize(octets)).toBe(11);
  });
});
