import { describe, expect, it } from "vitest";
import { cleanFileName } from "../../src/tftp/file-name.ts";
import { encodeNetascii } from "../../src/tftp/netascii.ts";

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
    "./ipxe.efi",
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
    expect(encodeNetascii(octets)).toEqual(
      Buffer.from([0x61, 0x0d, 0x0a, 0x0d, 0x00, 0x0d, 0x00, 0x0d, 0x0a, 0x00, 0xff]),
    );
  });
});
