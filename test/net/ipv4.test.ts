import { expect, test } from "vitest";
import { ipv4FromNumber, ipv4ToNumber, parseIpv4 } from "../../src/net/ipv4.ts";

test.each([
  ["0.0.0.0", 0],
  ["0.0.0.1", 1],
  ["10.0.100.50", 0x0a006432],
  ["127.255.255.255", 0x7fffffff],
  ["128.0.0.0", 0x80000000],
  ["255.255.255.255", 0xffffffff],
])("%s is the number %d and back", (text, value) => {
  const address = parseIpv4(text);
  expect(address).toBe(text);
  if (address !== undefined) expect(ipv4ToNumber(address)).toBe(value);
  expect(ipv4FromNumber(value)).toBe(text);
});

test.each([
  ["nothing", ""],
  ["three parts", "10.0.1"],
  ["five parts", "10.0.1.2.3"],
  ["a leading zero, which others read as octal", "010.0.1.2"],
  ["a part above 255", "10.0.1.256"],
  ["hexadecimal", "0x0a.0.1.2"],
  ["one number", "167772161"],
  ["an empty part", "10..1.2"],
  ["a sign", "10.0.1.-2"],
  ["white space", " 10.0.1.2"],
  ["a line feed at the end", "10.0.1.2\n"],
  ["IPv6", "::1"],
])("refuses %s", (_what, text) => {
  expect(parseIpv4(text)).toBeUndefined();
});

test.each([-1, 2 ** 32, 1.5, Number.NaN])("throws for %d, which is no address", (value) => {
  expect(() => ipv4FromNumber(value)).toThrow(RangeError);
});
