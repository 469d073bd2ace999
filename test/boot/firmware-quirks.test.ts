import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readFirmware } from "../../src/boot/firmware-quirks.ts";
import type { Mac } from "../../src/net/mac.ts";
import { clientInDatagram, clientOf, type FirmwareFields } from "./firmware-client.ts";

const fixtures = join(import.meta.dirname, "../fixtures/dhcp");
const recorded = (name: string) =>
  clientInDatagram(
    Buffer.from(readFileSync(join(fixtures, name), "utf8").replaceAll("\n", ""), "hex"),
  );

test.each([
  "b8:27:eb:00:00:01",
  "dc:a6:32:00:00:01",
  "e4:5f:01:00:00:01",
  "d8:3a:dd:00:00:01",
  "28:cd:c1:00:00:01",
  "2c:cf:67:00:00:01",
  "88:a2:9e:00:00:01",
])("the ROM of the Raspberry Pi %s is no x86 BIOS, whatever it claims", (mac) => {
  const client = clientOf({ mac: mac as Mac, arch: [0], vendorClass: "PXEClient:Arch:00000" });
  expect(readFirmware(client)).toMatchObject({
    architectures: [41],
    quirk: "the ROM of a Raspberry Pi",
  });
});

const raspberryPi = "dc:a6:32:00:00:01" as Mac;

test.each<[string, FirmwareFields, number[]]>([
  ["UEFI firmware on a Raspberry Pi", { mac: raspberryPi, arch: [11] }, [11]],
  ["iPXE on a Raspberry Pi", { mac: raspberryPi, arch: [0], userClass: "iPXE" }, [0]],
  ["an installed system on a Raspberry Pi", { mac: raspberryPi }, []],
  ["another machine with a BIOS", { arch: [0] }, [0]],
])("%s is believed", (_, fields, architectures) => {
  expect(readFirmware(clientOf(fields))).toMatchObject({ architectures, quirk: undefined });
});

const http = "130101";
const bzImage = "180101";
const tftp = "150101";

test.each<[string, FirmwareFields, boolean]>([
  ["that says nothing of its features", { userClass: "iPXE" }, true],
  ["that hides its name", { ipxe: http + bzImage }, true],
  ["with HTTP and bzImage", { userClass: "iPXE", arch: [0], ipxe: http + bzImage }, true],
  ["whose option 175 lists no features", { userClass: "iPXE", ipxe: "b0010101" }, true],
  ["without HTTP", { userClass: "iPXE", arch: [0], ipxe: tftp + bzImage }, false],
  ["without HTTP under UEFI", { userClass: "iPXE", arch: [7], ipxe: tftp }, false],
  ["without bzImage under a BIOS", { userClass: "iPXE", arch: [0], ipxe: http }, false],
  ["without bzImage under UEFI", { userClass: "iPXE", arch: [7], ipxe: http }, true],
])("an iPXE %s", (_, fields, runsScript) => {
  expect(readFirmware(clientOf(fields)).runsScript).toBe(runsScript);
});

test("gPXE runs no iPXE script, though its option 175 lists HTTP and bzImage", () => {
  expect(readFirmware(clientOf({ userClass: "gPXE", ipxe: http + bzImage })).runsScript).toBe(
    false,
  );
});

test.each([
  ["ipxe-bios-discover.hex", true],
  ["edk2-pxe-discover.hex", false],
  ["edk2-http-discover.hex", false],
])("the recorded %s runs the script: %s", (file, runsScript) => {
  expect(readFirmware(recorded(file))).toMatchObject({ runsScript, quirk: undefined });
});
