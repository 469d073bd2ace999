// Reading a list in parts: who reads one gets a number, which a change of the list makes worthless (IPMI 2.0 §31.4, §33.11).

import { completionCodes as code } from "../../../src/bmc/ipmi/message.ts";
import { type Reply, word } from "./command.ts";

export interface Reservation {
  /** A new number; the one before is worth nothing from now on. */
  take(): Reply;
  /** Whether that is the number. */
  holds(number: number): boolean;
  cancel(): void;
}

export function createReservation(): Reservation {
  let last = 0;
  let valid = false;
  return {
    take: () => {
      last = (last % 0xffff) + 1;
      valid = true;
      return word(last);
    },
    holds: (number) => valid && number === last,
    cancel: () => {
      valid = false;
    },
  };
}

/** An entry of a list, by its id. */
export interface ListEntry {
  readonly id: number;
  readonly record: () => Buffer;
}

const lastId = 0xffff;

/**
 * Answers "reservation, record id, offset, octets" with the next record's id and the part asked for. Id 0 is the first record, FFFFh
 * the last; only a part that is not the beginning needs the reservation.
 */
export function readPart(
  entries: readonly ListEntry[],
  reservation: Reservation,
  data: Buffer,
): Reply {
  const [id, offset, count] = [data.readUInt16LE(2), data.readUInt8(4), data.readUInt8(5)];
  if (offset > 0 && !reservation.holds(data.readUInt16LE(0))) return code.invalidReservation;
  const index =
    id === 0 ? 0 : id === lastId ? entries.length - 1 : entries.findIndex((one) => one.id === id);
  const entry = entries[index];
  if (entry === undefined) return code.notPresent;
  const record = entry.record();
  if (offset >= record.length) return code.parameterOutOfRange;
  const next = entries[index + 1]?.id ?? lastId;
  const end = count === 0xff ? record.length : offset + count;
  return Buffer.concat([word(next), record.subarray(offset, end)]);
}
