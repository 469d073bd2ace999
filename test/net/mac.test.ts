import { expect, test } from "vitest";
import { type Mac, macFromBytes, macToBytes, parseMac } from "../../src/net/mac.ts";

test.each([
  "52:54:00:ab:cd:ef",
  "52:54:00:AB:CD:EF",
  "52-54-00-ab-cd-ef",
  "5254.00ab.cdef",
  "525400ABCDEF",
  "  52:54:00:ab:cd:ef\n",
])("reads %j as 52:54:00:ab:cd:ef", (text) => {
  expect(parseMac(text)).toBe("52:54:00:ab:cd:ef");
});

test.each([
  ["nothing", ""],
  ["five octets", "52:54:00:ab:cd"],
  ["seven octets", "52:54:00:ab:cd:ef:00"],
  ["mixed separators", "52:54-00:ab-cd:ef"],
  ["a digit that is not hexadecimal", "52:54:00:ab:cd:eg"],
  ["octets of one digit", "52:54:0:ab:cd:ef"],
  ["a MAC with text after it", "52:54:00:ab:cd:ef x"],
  ["a second line", "52:54:00:ab:cd:ef\n52:54:00:ab:cd:ef"],
  ["digits of another script", "５２:54:00:ab:cd:ef"],
])("refuses %s", (_what, text) => {
  expect(parseMac(text)).toBeUndefined();
});

test("octets survive the way there and back", () => {
  const mac = "00:0a:ff:10:09:90" as Mac;
  expect(macToBytes(mac)).toEqual(Buffer.from([0, 10, 255, 16, 9, 144]));
  expect(macFromBytes(macToBytes(mac))).toBe(mac);
});

test("takes the first six octets of a 16-octet chaddr, and refuses five", () => {
  const chaddr = Buffer.concat([Buffer.from("525400abcdef", "hex"), Buffer.alloc(10)]);
  expect(macFromBytes(chaddr)).toBe("52:54:00:ab:cd:ef");
  expect(macFromBytes(chaddr.subarray(0, 5))).toBeUndefined();
});
