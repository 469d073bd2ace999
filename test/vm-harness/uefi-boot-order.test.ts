import { expect, test } from "vitest";
import type { Mac } from "../../src/net/mac.ts";
import { withBootOrder } from "../../vm-harness/uefi-boot-order.ts";

const mac = "52:54:00:12:34:56" as Mac;
const http = { kind: "http", pciSlot: 2, mac } as const;
const disk = { kind: "disk", pciSlot: 4 } as const;
// EDK2's variable store begins after two headers; the rest of the flash is erased.
const empty = Buffer.alloc(4096, 0xff);

/** The variables that are there, with the deleted ones left out, as a firmware reads them. */
function variables(flash: Buffer): [name: string, data: Buffer][] {
  const found: [string, Buffer][] = [];
  let at = 100;
  while (flash.readUInt16LE(at) === 0x55aa) {
    const state = flash.readUInt8(at + 2);
    const [nameSize, dataSize] = [flash.readUInt32LE(at + 36), flash.readUInt32LE(at + 40)];
    const data = flash.subarray(at + 60 + nameSize, at + 60 + nameSize + dataSize);
    const name = flash.toString("utf16le", at + 60, at + 60 + nameSize - 2);
    if (state === 0x3f) found.push([name, data]);
    at += Math.ceil((60 + nameSize + dataSize) / 4) * 4;
  }
  return found;
}

test("the boot options of a template give way, and its other variables stay", () => {
  const earlier = withBootOrder(empty, [disk]);
  const flash = withBootOrder(earlier, [http, disk]);
  expect(variables(flash).map(([name]) => name)).toEqual(["Boot0000", "Boot0001", "BootOrder"]);
  expect(variables(flash).at(-1)?.[1]).toEqual(Buffer.from("00000100", "hex"));
  expect(flash.length).toBe(empty.length);
});

test("an option for HTTP boot ends with an empty URI, and DHCP names it", () => {
  const [[, option] = ["", Buffer.alloc(0)]] = variables(withBootOrder(empty, [http]));
  expect(option.toString("utf16le", 6)).toContain("UEFI HTTPv4 (MAC:525400123456)");
  expect(option.toString("hex")).toContain("031804007fff0400");
});
