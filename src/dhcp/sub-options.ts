// Options inside an option: number, length, data, as in option 43 (RFC 2132 §8.4), in iPXE's option 175 and in option 82.

import { ByteReader } from "../net/bytes.ts";
import { option } from "./options.ts";

export type SubOptions = ReadonlyMap<number, Buffer>;

/** Reads up to END, or up to what can no longer be read. Never throws; of a number sent twice the first counts. */
export function readSubOptions(data: Uint8Array): SubOptions {
  return read(data, true);
}

/** The same for option 82, where PAD and END are numbers like any other (RFC 3046 §2.0). */
export function readRelaySubOptions(data: Uint8Array): SubOptions {
  return read(data, false);
}

function read(data: Uint8Array, hasPadAndEnd: boolean): SubOptions {
  const found = new Map<number, Buffer>();
  const reader = new ByteReader(data);
  for (;;) {
    const number = reader.u8();
    if (number === undefined || (hasPadAndEnd && number === option.end)) return found;
    if (hasPadAndEnd && number === option.pad) continue;
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
