// Options inside an option: number, length, data, as in option 43 (RFC 2132 §8.4) and in iPXE's option 175.

import { ByteReader } from "../net/bytes.ts";
import { option } from "./options.ts";

/** Reads up to END, or up to what can no longer be read. Never throws; of a number sent twice the first counts. */
export function readSubOptions(data: Uint8Array): ReadonlyMap<number, Buffer> {
  const found = new Map<number, Buffer>();
  const reader = new ByteReader(data);
  for (;;) {
    const number = reader.u8();
    if (number === undefined || number === option.end) return found;
    if (number === option.pad) continue;
    const length = reader.u8();
    const value = length === undefined ? undefined : reader.bytes(length);
    if (value === undefined) return found;
    if (!found.has(number)) found.set(number, value);
  }
}

/** Writes them in order, without END. Each value is at most 255 octets long. */
export function encodeSubOptions(subOptions: readonly (readonly [number, Buffer])[]): Buffer {
  return Buffer.concat(
    subOptions.flatMap(([number, value]) => [Buffer.of(number, value.length), value]),
  );
}
