import { expect, it } from "vitest";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { formatRange, rangeContains } from "../../src/net/ipv4-range.ts";

const range = { start: "10.0.0.250" as Ipv4, end: "10.0.1.5" as Ipv4 };

it.each([
  ["10.0.0.249", false],
  ["10.0.0.250", true],
  ["10.0.1.0", true],
  ["10.0.1.5", true],
  ["10.0.1.6", false],
])("has %s in it: %s", (address, inside) => {
  expect(rangeContains(range, address as Ipv4)).toBe(inside);
});

it("is written with a hyphen", () => {
  expect(formatRange(range)).toBe("10.0.0.250-10.0.1.5");
});
