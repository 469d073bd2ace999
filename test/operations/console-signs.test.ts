import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type ConsoleSign, createConsoleSigns } from "../../src/operations/console-signs.ts";
import { createConsoleText, plainLine } from "../../src/operations/console-text.ts";

const name = (sign: ConsoleSign) => (sign.kind === "stage" ? sign.stage : sign.fault);

function signsOf(printed: string | Buffer, chunkBytes = 4096): ConsoleSign[] {
  const signs = createConsoleSigns();
  const bytes = Buffer.from(printed);
  const found: ConsoleSign[] = [];
  for (let offset = 0; offset < bytes.length; offset += chunkBytes)
    found.push(...signs.take(bytes.subarray(offset, offset + chunkBytes)));
  return found;
}

const fixture = (file: string) => readFileSync(`test/fixtures/console/${file}.txt`);

describe.each<[string, readonly string[]]>([
  ["bios-none", ["firmware", "ipxe", "dhcp", "ipxe-failed", "no-bootable-device"]],
  ["bios-tftp", ["firmware", "ipxe", "dhcp", "tftp"]],
  ["bios-script", ["firmware", "ipxe", "dhcp", "script", "ipxe-failed", "no-bootable-device"]],
  ["ovmf-tftp", ["firmware", "dhcp", "tftp", "ipxe"]],
  ["ovmf-missing", ["firmware", "dhcp", "tftp", "network-boot-failed"]],
  ["ovmf-secure", ["firmware", "dhcp", "tftp", "secure-boot-violated", "network-boot-failed"]],
  // Two boots each: the installer's, then the installed system's.
  [
    "rack-bios",
    [
      ...["firmware", "ipxe", "dhcp", "script", "kernel"],
      ...["firmware", "ipxe", "dhcp", "script", "kernel", "system"],
    ],
  ],
  [
    "rack-uefi",
    [
      ...["dhcp", "tftp", "firmware", "ipxe", "script", "kernel"],
      ...["dhcp", "tftp", "firmware", "ipxe", "script", "kernel", "system"],
    ],
  ],
])("what QEMU printed in %s", (file, expected) => {
  test.each([1, 2, 7, 4096])(
    "shows its stages once each when it comes %i octets at a time",
    (bytes) => {
      expect(signsOf(fixture(file), bytes).map(name)).toEqual(expected);
    },
  );
});

test.each<[string, string, string]>([
  ["kernel", "[    0.000000] Linux version 6.6.32 (nixbld@localhost) (gcc 13.2.0)\r\n", "6.6.32"],
  [
    "kernel",
    "EFI stub: Loaded initrd from LINUX_EFI_INITRD_MEDIA_GUID device path\r\n",
    "EFI stub",
  ],
  ["initrd", "[    1.894331] Run /init as init process\r\n", "/init"],
  ["initrd", "\r\n\x1b[1;32m<<< NixOS Stage 1 >>>\x1b[0m\r\n", "<<< NixOS Stage 1 >>>"],
  ["installer", "nixos-installer login: nixos (automatic login)\r\n", "nixos-installer"],
  ["installer", 'The "nixos" and "root" accounts have empty passwords.\r\n', "empty passwords"],
  ["login", "\r\n\r\nnode01 login: ", "node01 login:"],
  [
    "kernel-panicked",
    "[    2.1] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\r\n",
    "unknown-block(0,0)",
  ],
  ["no-bootable-device", "Reboot and Select proper Boot device\r\nor Insert Boot Media", "proper"],
  ["no-bootable-device", "No boot device available or Operating System not detected.\n", "No boot"],
  ["no-bootable-device", "BdsDxe: No bootable option or device was found.\r\n", "BdsDxe"],
  ["network-boot-failed", "PXE-E61: Media test failure, check cable\r\n", "PXE-E61"],
  ["network-boot-failed", "  PXE-E18: Server response timeout.\r\n", "PXE-E18"],
  [
    "secure-boot-violated",
    "\x1b[37m\x1b[41m Secure Boot Violation \x1b[0m\r\n",
    "Secure Boot Violation",
  ],
  ["secure-boot-violated", "Verification failed: (0x1A) Security Violation\r\n", "0x1A"],
  [
    "secure-boot-violated",
    "error: ../../grub-core/kern/efi/sb.c:183:bad shim signature.\r\n",
    "shim",
  ],
  ["dhcp", "CLIENT MAC ADDR: 52 54 00 12 34 56  GUID: 4C4C4544\r\nDHCP..\\", "CLIENT MAC"],
  ["tftp", "TFTP.\r\n", "TFTP."],
  ["firmware", "American Megatrends International, LLC.\r\n", "American"],
  ["firmware", "\x1b[2J\x1b[24;01HPress <DEL> or <F2> to enter setup\x1b[01;01H", "Press <DEL>"],
  ["script", "rackstrap: 10.0.100.1 boots 52:54:00:12:34:56 at 10.0.100.50 (efi)\r\n", "boots"],
])("%s is seen in %j, in whatever pieces", (expected, printed, line) => {
  for (const bytes of [1, 3, 4096]) {
    const [sign, ...others] = signsOf(printed, bytes);
    expect(others).toEqual([]);
    expect(sign && name(sign)).toBe(expected);
    expect(sign?.line).toContain(line);
  }
});

test.each([
  '  [TXE: 1 x "Network unreachable (http://ipxe.org/28086011)"]\r\n',
  "Could not boot image: Error 0x00000001 (http://ipxe.org/00000001)\r\n",
  "Last login: Fri Jan  2 03:04:05 from 10.0.0.1\r\n",
  "iPXE (http://ipxe.org) 00:03.0 CA00 PCI2.10 PnP PMM+0EFCF160+0EF0F160 CA00\r\n",
  "systemd[1]: Starting DHCP Client...\r\n",
  "Booting from a spare network\r\n",
])("nothing is seen in %j", (printed) => {
  expect(signsOf(printed)).toEqual([]);
});

test("a new boot is told from its firmware's banner, or from the kernel's last words", () => {
  const boot = "SeaBIOS (version 1.16)\r\nBooting from ROM...\r\nLinux version 6\r\n";
  const twice = ["firmware", "kernel", "firmware", "kernel"];
  expect(signsOf(boot + boot).map(name)).toEqual(twice);
  const uefi = "BdsDxe: starting Boot0001\r\nLinux version 6\r\n";
  expect(signsOf(uefi + uefi).map(name)).toEqual(twice);
  expect(
    signsOf(`${uefi}BdsDxe: loading Boot0001\r\nBdsDxe: failed to load\r\n`).map(name),
  ).toEqual(["firmware", "kernel", "firmware"]);
  const kernel = "Linux version 6\r\n[ 9.1] reboot: Restarting system\r\n";
  expect(signsOf(kernel + kernel).map(name)).toEqual(["kernel", "kernel"]);
});

test("a line that the screen broke at its eightieth column is read whole", () => {
  const url = "http://10.0.100.1:8080/nodes/52-54-00-12-34-56/images/initrd-24.05-x86.. (http://i";
  const [sign] = signsOf(`${url.slice(0, 80)}\r\n${url.slice(80)}pxe.org/4c126035)\r\n`);
  expect(sign).toMatchObject({ kind: "fault", fault: "ipxe-failed" });
});

describe("the text of a console", () => {
  const linesOf = (printed: string) => createConsoleText().take(Buffer.from(printed, "latin1"));

  test.each<[string, string, readonly string[]]>([
    ["colours", "\x1b[1;31mred\x1b[0m text\n", ["red text"]],
    ["a progress that is erased", "abc\b \b\b \b\rdone\n", ["a", "done"]],
    [
      "a screen that is painted",
      "\x1b[2J\x1b[01;01HTop\x1b[05;10HMiddle\x1b[24;01H",
      ["Top", "Middle"],
    ],
    [
      "characters that are placed one by one",
      "\x1b[3;1HP\x1b[3;2HX\x1b[3;3HE\x1b[3;6H-\n",
      ["PXE -"],
    ],
    ["a title of a window", "\x1b]0;evil\x07shown\n", ["shown"]],
    ["a string that ends as one should", "\x1bP+q544e\x1b\\shown\n", ["shown"]],
    ["a character set", "\x1b(Bplain\n", ["plain"]],
    ["a sequence that a new line cuts", "\x1b[12\nnext\n", ["next"]],
    ["blank lines", "\r\n  \r\n\x1b[0m\r\n", []],
  ])("leaves out %s", (_, printed, lines) => {
    expect(linesOf(printed)).toEqual(lines);
  });

  test("is bounded: an endless line comes in pieces, an endless sequence ends", () => {
    expect(linesOf("x".repeat(3000)).map((line) => line.length)).toEqual([1024, 1024]);
    expect(linesOf(`\x1b[${"1".repeat(100)}\n`).length).toBe(1);
    expect(linesOf(`\x1b]${"x".repeat(100_000)}\nseen\n`)).toEqual(["seen"]);
  });

  test("has no octet in an event that could act on a terminal or a log", () => {
    expect(plainLine(" a\x9b31m\xffb ")).toBe("a\\x9b31m\\xffb");
    expect(plainLine("x".repeat(500))).toHaveLength(256);
  });

  test("whatever comes, nothing throws and no control character is left", () => {
    let seed = 1;
    const random = () => (seed = (seed * 1103515245 + 12345) & 0x7fffffff);
    const octet = () => [0x1b, 0x5b, 0x3b, 0x48, random() >> 16][random() % 5] ?? 0;
    const bytes = Buffer.from(Array.from({ length: 50_000 }, octet));
    const plain = (line: string) => !/[^\x20-\x7e\x80-\xff]/.test(line);
    expect(createConsoleText().take(bytes).every(plain)).toBe(true);
    expect(() => signsOf(bytes, 13)).not.toThrow();
  });
});
