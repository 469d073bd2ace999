// The FRU inventory: who made board and machine, in the format of Platform Management FRU Information Storage 1.0 (IPMI 2.0 §34).

import { completionCodes as code, netFns } from "../../../src/bmc/ipmi/message.ts";
import type { SimulatedMachine } from "../machine.ts";
import { type Command, commandsOf, word } from "./command.ts";

const storage = commandsOf(netFns.storage);

export function fruCommands({ description }: SimulatedMachine): readonly Command[] {
  const inventory = encodeInventory(description);
  return [
    // Accessed by octets.
    storage(0x10, "user", 1, ({ data }) =>
      data.readUInt8(0) === 0
        ? Buffer.concat([word(inventory.length), Buffer.of(0)])
        : code.notPresent,
    ),
    storage(0x11, "user", 4, ({ data }) => {
      if (data.readUInt8(0) !== 0) return code.notPresent;
      const offset = data.readUInt16LE(1);
      if (offset >= inventory.length) return code.parameterOutOfRange;
      const part = inventory.subarray(offset, offset + data.readUInt8(3));
      return Buffer.concat([Buffer.of(part.length), part]);
    }),
  ];
}

// Type code of a rack mount chassis in SMBIOS, and the language English.
const rackMount = 0x17;
const english = 0x19;
// Minutes since 1996 in three octets: not known.
const noDate = [0x00, 0x00, 0x00];

function encodeInventory(description: SimulatedMachine["description"]): Buffer {
  const { manufacturer, model, serial } = description;
  const chassis = area([rackMount], ["", serial]);
  const board = area([english, ...noDate], [manufacturer, model, serial, "", ""]);
  const product = area([english], [manufacturer, model, "", "", serial, "", ""]);
  const eights = (bytes: Buffer) => bytes.length / 8;
  const boardAt = 1 + eights(chassis);
  const header = withChecksum(
    Buffer.of(0x01, 0x00, 0x01, boardAt, boardAt + eights(board), 0x00, 0x00),
  );
  return Buffer.concat([header, chassis, board, product]);
}

//  01 | length / 8 | head | fields, each with its type and length | C1 (end) | 00… | checksum
function area(head: readonly number[], texts: readonly string[]): Buffer {
  const fields = texts.map((text) => {
    const bytes = Buffer.from(text.slice(0, 63), "latin1");
    // 8-bit text. One of a single character would be the end.
    const padded = bytes.length === 1 ? Buffer.concat([bytes, Buffer.from(" ")]) : bytes;
    return Buffer.concat([Buffer.of(0xc0 | padded.length), padded]);
  });
  const content = Buffer.concat([Buffer.from(head), ...fields, Buffer.of(0xc1)]);
  const length = Math.ceil((content.length + 3) / 8);
  const bytes = Buffer.alloc(length * 8 - 1);
  bytes[0] = 0x01;
  bytes[1] = length;
  content.copy(bytes, 2);
  return withChecksum(bytes);
}

/** All octets add up to 0. */
function withChecksum(bytes: Buffer): Buffer {
  const sum = bytes.reduce((total, octet) => total + octet, 0);
  return Buffer.concat([bytes, Buffer.of(-sum & 0xff)]);
}
