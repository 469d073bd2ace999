import { describe, expect, it } from "vitest";
import { bootOptions } from "../../src/dhcp/pxe.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { Mac } from "../../src/net/mac.ts";
import { clientOf, type FirmwareFields } from "../boot/firmware-client.ts";

const server = "10.0.100.10" as Ipv4;
const pxe = "PXEClient:Arch:00007:UNDI:003000";
const http = "HTTPClient:Arch:00016:UNDI:003000";
const url = "http://10.0.100.10:8080/boot/ipxe.efi";
const raspberryPi = "dc:a6:32:00:00:01" as Mac;

function fields(client: FirmwareFields, bootFile: string | undefined) {
  const { siaddr, file, options } = bootOptions(clientOf(client), server, bootFile);
  const shown = [...options].map(([number, data]) => [number, data.toString("latin1")]);
  return { siaddr, file, options: Object.fromEntries(shown) };
}

const answer = (file: string, options: Record<number, string>) => ({
  siaddr: server,
  file,
  options,
});
const bootNamedFile = "\x06\x01\x08\xff";

describe("bootOptions", () => {
  it.each<[string, FirmwareFields, string, object]>([
    [
      "PXE: its class, discovery control, and the name in `file`",
      { vendorClass: pxe },
      "ipxe.efi",
      answer("ipxe.efi", { 60: "PXEClient", 43: bootNamedFile }),
    ],
    [
      "PXE that asks for 66 and 67: both, the name ended by a NUL",
      { vendorClass: pxe, asks: [1, 66, 67] },
      "ipxe.efi",
      answer("ipxe.efi", { 60: "PXEClient", 43: bootNamedFile, 66: server, 67: "ipxe.efi\0" }),
    ],
    [
      "HTTP: its class and the URL in option 67, asked for or not; no option 43",
      { vendorClass: http },
      url,
      answer(url, { 60: "HTTPClient", 67: `${url}\0` }),
    ],
    [
      "a client without a boot class that asks: names without a NUL, no class, no option 43",
      { asks: [66, 67] },
      "ipxe.efi",
      answer("ipxe.efi", { 66: server, 67: "ipxe.efi" }),
    ],
    [
      "a client of some other class: the name in `file` alone",
      { vendorClass: "NVIDIA/BF/PXE" },
      "ipxe-arm64.efi",
      answer("ipxe-arm64.efi", {}),
    ],
    [
      "iPXE: that other boot servers do not count",
      { vendorClass: pxe, userClass: "iPXE" },
      url,
      answer(url, { 60: "PXEClient", 43: bootNamedFile, 175: "\xb0\x01\x01" }),
    ],
    [
      "PXE that asks a boot server for an item: the same item",
      { vendorClass: pxe, vendorOptions: "470480000001ff", type: "REQUEST" },
      "ipxe.efi",
      answer("ipxe.efi", {
        60: "PXEClient",
        43: "\x06\x01\x08\x47\x04\x80\x00\x00\x01\xff",
      }),
    ],
    [
      "the ROM of a Raspberry Pi: the boot menu it looks for",
      { vendorClass: "PXEClient:Arch:00000:UNDI:002001", arch: [0], mac: raspberryPi },
      "start4.elf",
      answer("start4.elf", {
        60: "PXEClient",
        43: "\x06\x01\x03\x0a\x04\0PXE\x09\x14\0\0\x11Raspberry Pi Boot\xff",
      }),
    ],
  ])("says to %s", (_, client, bootFile, expected) => {
    expect(fields(client, bootFile)).toEqual(expected);
  });

  it("says to UEFI firmware on a Raspberry Pi what it says to any", () => {
    const client = { vendorClass: pxe, arch: [11], mac: raspberryPi };
    expect(fields(client, "ipxe-arm64.efi").options[43]).toBe(bootNamedFile);
  });

  it.each([127, 128])(
    "keeps a name of %i octets whole, in option 67 when `file` has no room",
    (length) => {
      const name = "n".repeat(length);
      const { file, options } = fields({ vendorClass: pxe }, name);
      expect([file, options[67]]).toEqual(length === 127 ? [name, undefined] : ["", `${name}\0`]);
    },
  );

  it.each([pxe, http, undefined])(
    "names no class and no file to %s when there is no boot file",
    (vendorClass) => {
      const client = {
        asks: [43, 60, 66, 67],
        userClass: "iPXE",
        ...(vendorClass && { vendorClass }),
      };
      expect(fields(client, undefined)).toEqual(answer("", {}));
    },
  );
});
