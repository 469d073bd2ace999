import { describe, expect, it } from "vitest";
import { type Client, clientFacts, readClient } from "../../src/dhcp/client.ts";
import { printable } from "../../src/dhcp/options.ts";
import { type Fields, request } from "./site.ts";

function client(fields: Fields = {}): Client {
  const read = readClient(request("DISCOVER", fields));
  if ("ignore" in read) throw new Error(read.ignore);
  return read;
}

const option = (number: number, data: string | Buffer) => ({
  options: { [number]: Buffer.from(data as string) },
});
const hex = (number: number, data: string) => option(number, Buffer.from(data, "hex"));

describe("readClient", () => {
  it.each([
    ["a reply", { op: 2 }, "a reply, not a request"],
    ["a Token Ring address", { htype: 6 }, "hardware type 6 with 6 octets is not Ethernet"],
    ["a long address", { hlen: 16 }, "hardware type 1 with 16 octets is not Ethernet"],
    ["an unknown message type", hex(53, "63"), "option 53 (message type) is 99"],
    [
      "a long message type",
      hex(53, "0101"),
      "option 53 (message type) must be 1 octets long, got 2",
    ],
    [
      "half an address",
      hex(50, "0a00"),
      "option 50 (requested address) must be 4 octets long, got 2",
    ],
    ["an empty server id", hex(54, ""), "option 54 (server id) must be 4 octets long, got 0"],
  ])("ignores %s", (_, fields: Fields, ignore) => {
    expect(readClient(request("DISCOVER", fields))).toEqual({ ignore });
  });

  it("ignores BOOTP, which has no message type", () => {
    const bootp = { ...request("DISCOVER"), options: new Map() };
    expect(readClient(bootp)).toEqual({ ignore: "BOOTP without a DHCP message type" });
  });

  it.each([
    ["0007", [7]],
    ["00070010", [7, 16]],
    ["000700", [7]],
    ["07", []],
    ["", []],
  ])("reads client architectures %s as %j", (data, architectures) => {
    expect(client(hex(93, data)).architectures).toEqual(architectures);
  });

  it("reads a machine GUID in SMBIOS byte order, and keeps any other form for the echo alone", () => {
    const guid = client(hex(97, "00332211005544776688 99aabbccddeeff".replace(" ", "")));
    expect(guid.machineGuid).toBe("00112233-4455-6677-8899-aabbccddeeff");
    const short = client(hex(97, "00332211"));
    expect([short.machineGuid, short.machineId?.toString("hex")]).toEqual([undefined, "00332211"]);
  });

  it.each([
    [51, "requestedLeaseSeconds"],
    [57, "maxSize"],
    [94, "interfaceId"],
  ] as const)("takes an unreadable option %i as not sent", (number, field) => {
    expect(client(hex(number, "ff"))[field]).toBeUndefined();
  });

  it("makes every text printable and drops trailing NULs", () => {
    const read = client({
      options: {
        12: Buffer.from("evil\r\n\x1b[2J\\\0\0", "latin1"),
        60: Buffer.from("PXEClient\0", "latin1"),
      },
    });
    expect(clientFacts(read)).toEqual({
      hostName: "evil\\x0d\\x0a\\x1b[2J\\x5c",
      vendorClass: "PXEClient",
    });
  });
});

describe("what boot firmware says of itself", () => {
  it.each([
    ["bare", "iPXE", ["iPXE"], true],
    ["as a list (RFC 3004)", "\x04iPXE", ["iPXE"], true],
    ["in a list", "\x03abc\x04iPXE", ["abc", "iPXE"], true],
    ["inside another word", "notiPXE", ["notiPXE"], false],
    ["inside another word of a list", "\x07notiPXE", ["notiPXE"], false],
    ["in other case", "ipxe", ["ipxe"], false],
    ["with a length that runs over", "\x05iPXE", ["\\x05iPXE"], false],
    ["after an empty class", "\x00\x04iPXE", ["\\x00\\x04iPXE"], false],
    ["nowhere, the option being empty", "", [], false],
  ])("finds iPXE in the user class %s: %s", (_, data, userClasses, ipxe) => {
    const read = client(option(77, data));
    expect([read.userClasses, read.ipxe]).toEqual([userClasses, ipxe]);
  });

  it("takes option 175 as iPXE, for vendor builds that do not send its name", () => {
    expect(client(hex(175, "b1050114")).ipxe).toBe(true);
  });

  it("takes gPXE for what it is, which sends option 175 and runs no iPXE script", () => {
    const read = client({
      options: { 77: Buffer.from("gPXE"), 175: Buffer.from("130101", "hex") },
    });
    expect(read.ipxe).toBe(false);
  });

  it.each([
    [
      "named features among others",
      "b1050114e41234" + "130101" + "180101" + "eb03010000",
      "http,bzimage",
    ],
    ["features behind padding, up to END", "00110101ff130101", "iscsi"],
    ["features up to what runs over", "1501012405", "tftp"],
    ["no feature", "b0010101", undefined],
    ["nothing", "", undefined],
  ])("reads from option 175 %s", (_, data, features) => {
    const read = client(hex(175, data));
    expect([read.ipxe, read.ipxeFeatures?.join(",")]).toEqual([true, features]);
    expect(clientFacts(read)["ipxeFeatures"]).toBe(features);
  });

  it.each([
    ["its four octets", "470480000000ff", "80000000"],
    ["nothing from another length", "47028000ff", undefined],
    ["nothing where it is not sent", "060108ff", undefined],
  ])("reads of the boot item in option 43 %s", (_, data, item) => {
    expect(client(hex(43, data)).bootItem?.toString("hex")).toBe(item);
  });
});

describe("printable", () => {
  it("never gives more than 256 characters, and no half escape", () => {
    expect(printable(Buffer.alloc(300, "a"))).toHaveLength(256);
    expect(printable(Buffer.concat([Buffer.from("a"), Buffer.alloc(300, 1)]))).toMatch(
      /^a(\\x01){63}$/,
    );
  });
});
