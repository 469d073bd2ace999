// The inventory of a machine as its BMC keeps it (IPMI 2.0 §34; Platform Management FRU Information Storage Definition 1.3).

import { decodeIdString } from "./id-string.ts";
import { netFns } from "./message.ts";
import type { Command } from "./session.ts";

const builtIn = 0x00;

export const getFruAreaInfo: Command = {
  netFn: netFns.storage,
  command: 0x10,
  data: Buffer.of(builtIn),
};

/** Read FRU Data (§34.2). A BMC gives at most some 32 octets at a time. */
export function readFru(offset: number, length: number): Command {
  const data = Buffer.of(builtIn, offset & 0xff, offset >> 8, length);
  return { netFn: netFns.storage, command: 0x11, data };
}

export interface FruInventory {
  readonly manufacturer?: string | undefined;
  readonly model?: string | undefined;
  readonly serial?: string | undefined;
}

/** Reads an inventory: of the product where it has one, else of the board. Total: what is not there or damaged is absent. */
export function decodeFru(bytes: Buffer): FruInventory {
  // Common header: version 1, then where each area begins, in units of eight octets (§8).
  if (((bytes[0] ?? 0) & 0x0f) !== 1) return {};
  const [boardManufacturer, boardName, boardSerial] = fieldsAt(bytes, bytes[3], 6);
  const product = fieldsAt(bytes, bytes[4], 3);
  return {
    manufacturer: product[0] ?? boardManufacturer,
    model: product[1] ?? boardName,
    serial: product[4] ?? boardSerial,
  };
}

const endOfFields = 0xc1;
// No area has more fields than this that mean anything here.
const maxFields = 8;

/** The fields of the area that begins at `unit`, the first of them `head` octets into it. Empty ones are undefined. */
function fieldsAt(bytes: Buffer, unit: number | undefined, head: number): (string | undefined)[] {
  if (unit === undefined || unit === 0) return [];
  const area = bytes.subarray(unit * 8, unit * 8 + (bytes[unit * 8 + 1] ?? 0) * 8);
  const fields: (string | undefined)[] = [];
  let offset = head;
  while (fields.length < maxFields) {
    const typeLength = area[offset];
    if (typeLength === undefined || typeLength === endOfFields) break;
    const text = decodeIdString(area.subarray(offset));
    fields.push(text === "" ? undefined : text);
    offset += 1 + (typeLength & 0x3f);
  }
  return fields;
}
