import { expect, test } from "vitest";
import { ByteReader } from "../../src/net/bytes.ts";

test("reads big-endian numbers and views one after the other", () => {
  const reader = new ByteReader(Buffer.from("01020304050607ffee", "hex"));
  expect(reader.u8()).toBe(0x01);
  expect(reader.u16()).toBe(0x0203);
  expect(reader.u32()).toBe(0x04050607);
  expect(reader.bytes(2)).toEqual(Buffer.from([0xff, 0xee]));
  expect([reader.offset, reader.remaining]).toEqual([9, 0]);
});

test.each([
  ["u8", 0, (reader: ByteReader) => reader.u8()],
  ["u16", 1, (reader: ByteReader) => reader.u16()],
  ["u32", 3, (reader: ByteReader) => reader.u32()],
  ["bytes", 4, (reader: ByteReader) => reader.bytes(5)],
  ["bytes of a negative length", 4, (reader: ByteReader) => reader.bytes(-1)],
])("%s with %d octets left gives undefined and doesn't move", (_name, left, read) => {
  const reader = new ByteReader(Buffer.alloc(left));
  expect(read(reader)).toBeUndefined();
  expect(reader.offset).toBe(0);
});

test("reads up to an octet and moves behind it, or doesn't move when there is none", () => {
  const reader = new ByteReader(Buffer.from("ab\0\0c"));
  expect(reader.upTo(0)).toEqual(Buffer.from("ab"));
  expect(reader.upTo(0)).toEqual(Buffer.alloc(0));
  expect(reader.upTo(0)).toBeUndefined();
  expect(reader.offset).toBe(4);
});

test("reads no octet outside a view into a larger buffer", () => {
  const whole = Uint8Array.from([1, 2, 3, 4, 5]);
  const reader = new ByteReader(whole.subarray(1, 3));
  expect(reader.u16()).toBe(0x0203);
  expect(reader.u8()).toBeUndefined();
});

test("an empty view at the end is a value", () => {
  expect(new ByteReader(Buffer.alloc(0)).bytes(0)).toHaveLength(0);
});
