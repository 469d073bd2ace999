import { expect, test } from "vitest";
import { readKernel } from "../../../src/boot/asset-store/kernel.ts";
import { machineTypes } from "../../../src/boot/asset-store/portable-executable.ts";
import { arm64Image, bzImage } from "../../fakes/images.ts";
import { efiProgram } from "../../fakes/loaders.ts";

test("a bzImage says its version and how long it is", () => {
  const image = bzImage(8192);
  const expected = { arch: "x86_64", version: "6.12.1", endBytes: image.length };
  expect(readKernel(image)).toEqual(expected);
  expect(readKernel(image.subarray(0, 2048))).toEqual(expected);
});

test("a bzImage with 0 set-up sectors has four of them", () => {
  const image = bzImage(4096);
  image.writeUInt8(0, 0x1f1);
  expect(readKernel(image)?.endBytes).toBe(5 * 512 + 4096);
});

test("an arm64 Image is as long as its sections and its signature", () => {
  const image = arm64Image();
  expect(readKernel(image)).toEqual({
    arch: "aarch64",
    version: undefined,
    endBytes: image.length,
  });
});

test("a compressed EFI image for arm64 is an arm64 kernel, one for another machine is none", () => {
  const compressed = (machine: number) => {
    const image = efiProgram(machine);
    image.write("zimg", 4, "latin1");
    return readKernel(image)?.arch;
  };
  expect(compressed(machineTypes.arm64)).toBe("aarch64");
  expect(compressed(machineTypes.riscv64)).toBeUndefined();
});

test.each<[string, Buffer]>([
  ["nothing", Buffer.alloc(0)],
  ["text", Buffer.from("#!ipxe\n".repeat(1000))],
  ["an EFI program", efiProgram()],
  ["a 32-bit kernel", with16(0x236, 0)],
  ["a kernel of a protocol before 2.12", with16(0x206, 0x020b)],
  ["a kernel without its boot flag", with16(0x1fe, 0)],
])("%s is no kernel", (_, head) => {
  expect(readKernel(head)).toBeUndefined();
});

test("no beginning of a kernel throws", () => {
  for (const image of [bzImage(64), arm64Image()])
    for (let length = 0; length < image.length; length += 1) readKernel(image.subarray(0, length));
});

function with16(offset: number, value: number): Buffer {
  const image = bzImage();
  image.writeUInt16LE(value, offset);
  return image;
}
