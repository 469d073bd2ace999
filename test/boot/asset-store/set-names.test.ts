import { expect, test } from "vitest";
import { setNames, singleSet } from "../../../src/boot/asset-store/set-names.ts";

test("a plain name comes before a released one, and bzImage before Image", () => {
  const names = setNames([
    "Image",
    "bzImage-x86_64-linux",
    "bzImage",
    "initrd-x86_64-linux",
    "initrd",
    "netboot-x86_64-linux.ipxe",
    "bzImage.sig",
    "initrd.old",
  ]);
  expect(names.kernels.map(({ name }) => name)).toEqual([
    "bzImage",
    "bzImage-x86_64-linux",
    "Image",
  ]);
  expect(names.initrds[0]).toEqual({ name: "initrd", arch: undefined });
  expect(names.scripts).toEqual([{ name: "netboot-x86_64-linux.ipxe", arch: "x86_64" }]);
});

test("a folder with one file of each kind is a set, whatever else is in it", () => {
  const found = singleSet(["Image-aarch64-linux", "initrd-aarch64-linux", "README", "manifest"]);
  expect(found).toEqual({
    kernel: { name: "Image-aarch64-linux", arch: "aarch64", served: "Image" },
    initrd: { name: "initrd-aarch64-linux", arch: "aarch64" },
    script: undefined,
  });
});
