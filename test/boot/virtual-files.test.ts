import { expect, test } from "vitest";
import { installNonce } from "../../src/boot/nonce.ts";
import { imageName, keysName, parseVirtualFile, shownName } from "../../src/boot/virtual-files.ts";
import type { Mac } from "../../src/net/mac.ts";

const mac = "52:54:00:12:34:56";

test.each<[string, unknown]>([
  ["grub/grub.cfg", { kind: "grub", mac: undefined }],
  ["grub/grub.cfg-01-52-54-00-12-34-56", { kind: "grub", mac }],
  ["grub/grub.cfg-01-52:54:00:12:34:56", { kind: "grub", mac }],
  ["grub/grub.cfg-01-52-54-00-12-34-5", undefined],
  ["grub/grub.cfg-01-5-2540012345--67", undefined],
  ["grub/grub.cfg-0A006432", undefined],
  ["grub/x86_64-efi/command.lst", undefined],
  ["pxelinux.cfg/01-52-54-00-12-34-56", { kind: "pxelinux", mac }],
  ["pxelinux.cfg/01-AA-BB-CC-12-34-56", { kind: "pxelinux", mac: "aa:bb:cc:12:34:56" }],
  ["pxelinux.cfg/default", { kind: "pxelinux", mac: undefined }],
  ["pxelinux.cfg/0A006432", undefined],
  ["autoexec.ipxe", { kind: "autoexec" }],
  [keysName(mac as Mac, "N0nce_-"), { kind: "keys", mac, nonce: "N0nce_-" }],
  ["nodes/52-54-00-12-34-56/keys.cpio.gz", undefined],
  ["nixos/worker/0123abcd/initrd", image("worker", "0123abcd", "initrd")],
  ["nixos/worker/0123abcd/other", image("worker", "0123abcd", "other")],
  ["nixos/worker/bzImage", undefined],
  ["nixos/a/b/c/initrd", undefined],
  ["ipxe.efi", undefined],
])("%s", (name, expected) => {
  expect(parseVirtualFile(name)).toEqual(expected);
});

function image(profile: string, version: string, file: string) {
  return { kind: "image", profile, version, file };
}

test("an image is found by the name that configurations give it", () => {
  const file = { path: "/x", sizeBytes: 1, identity: "1", sha256: "0".repeat(64) };
  const set = {
    ...{ profile: "worker", version: "0123456789abcdef", arguments: [] },
    ...{ kernelName: "bzImage" as const, kernel: file, initrd: file },
  };
  expect(parseVirtualFile(imageName(set, "bzImage"))).toEqual(
    image("worker", "0123456789abcdef", "bzImage"),
  );
});

test("a nonce in a name is not shown, however the name came, and other names are as they are", () => {
  const nonce = installNonce("key", "intent");
  const name = keysName(mac as Mac, nonce);
  for (const asked of [name, `/${name}`, `\\${name.replaceAll("/", "\\")}\x01`]) {
    expect(shownName(asked)).not.toContain(nonce);
    expect(shownName(asked)).toContain("NONCE");
  }
  expect(shownName("ipxe.efi")).toBe("ipxe.efi");
});
