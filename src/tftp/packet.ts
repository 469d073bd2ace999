// TFTP packets as bytes and back: RFC 1350, with the option extension of RFC 2347.
// What the options mean is in options.ts; what to answer is in transfer.ts.

import { ByteReader } from "../net/bytes.ts";

/** Opcodes, RFC 1350 §5 and RFC 2347. */
const opcodes = { RRQ: 1, WRQ: 2, DATA: 3, ACK: 4, ERROR: 5, OACK: 6 } as const;

/** Error codes, RFC 1350 appendix I and RFC 2347. */
export const errorCodes = {
  notDefined: 0,
  fileNotFound: 1,
  accessViolation: 2,
  illegalOperation: 4,
  unknownTransferId: 5,
  optionRefused: 8,
} as const;

/** A read or write request. Option names are in lower case: RFC 2347 has them case-insensitive. */
export interface RequestPacket {
  readonly kind: "RRQ" | "WRQ";
  readonly file: string;
  readonly mode: string;
  readonly options: ReadonlyMap<string, string>;
}

interface ErrorPacket {
  readonly kind: "ERROR";
  readonly code: number;
  readonly message: string;
}

export type TftpPacket =
  | RequestPacket
  | { readonly kind: "DATA"; readonly block: number; readonly data: Buffer }
  | { readonly kind: "ACK"; readonly block: number }
  | ErrorPacket
  | { readonly kind: "OACK"; readonly options: ReadonlyMap<string, string> };

export interface Malformed {
  readonly malformed: string;
  readonly offset: number;
  /** It began as a read or write request, and so somebody waits for an answer. */
  readonly request?: true;
}

/** A datagram in parts, to be sent one behind the other: so a block is never copied out of its file. */
export type Datagram = readonly Buffer[];

// Room for every option there is; a longer list is not worth reading.
const maxOptions = 16;

/** Reads a datagram. Total: says what is wrong with it, and where, instead of throwing. */
export function decodePacket(datagram: Uint8Array): TftpPacket | Malformed {
  return decodeAck(datagram) ?? decodeOther(datagram);
}

//   2 octets   2 octets
//  +----------+----------+
//  |    04    |  block   |
//  +----------+----------+
// Nearly all that comes, and so read without a view of it.
function decodeAck(datagram: Uint8Array): TftpPacket | undefined {
  const [zero, opcode, high, low] = datagram;
  if (zero !== 0 || opcode !== opcodes.ACK || high === undefined || low === undefined)
    return undefined;
  return { kind: "ACK", block: high * 256 + low };
}

function decodeOther(datagram: Uint8Array): TftpPacket | Malformed {
  const reader = new ByteReader(datagram);
  const opcode = reader.u16();
  switch (opcode) {
    case opcodes.RRQ:
      return decodeRequest("RRQ", reader);
    case opcodes.WRQ:
      return decodeRequest("WRQ", reader);
    case opcodes.DATA:
      return decodeData(reader);
    case opcodes.ACK:
      return { malformed: "ACK without a block number", offset: 2 };
    case opcodes.ERROR:
      return decodeError(reader);
    case opcodes.OACK:
      return { kind: "OACK", options: readOptions(reader) };
    case undefined:
      return { malformed: "shorter than an opcode", offset: 0 };
    default:
      return { malformed: `unknown opcode ${opcode}`, offset: 0 };
  }
}

//   2 octets   string   1   string   1   string   1   string   1
//  +---------+--------+---+--------+---+--------+---+--------+---+ ...
//  | 01 / 02 |  file  | 0 |  mode  | 0 | option | 0 | value  | 0 |
//  +---------+--------+---+--------+---+--------+---+--------+---+ ...
function decodeRequest(kind: "RRQ" | "WRQ", reader: ByteReader): RequestPacket | Malformed {
  const wrong = (malformed: string): Malformed => ({
    ...{ malformed: `${kind} ${malformed}`, offset: reader.offset },
    request: true,
  });
  const file = readString(reader);
  if (file === undefined || !file.terminated) return wrong("without an end of the file name");
  const mode = readString(reader);
  if (mode === undefined || !mode.terminated) return wrong("without an end of the mode");
  return { kind, file: file.text, mode: mode.text.toLowerCase(), options: readOptions(reader) };
}

//   2 octets   2 octets   0..blksize octets
//  +----------+----------+-----------------+
//  |    03    |  block   |      data       |
//  +----------+----------+-----------------+
function decodeData(reader: ByteReader): TftpPacket | Malformed {
  const block = reader.u16();
  if (block === undefined) return { malformed: "DATA without a block number", offset: 2 };
  const data = reader.bytes(reader.remaining) ?? Buffer.alloc(0);
  return { kind: "DATA", block, data };
}

//   2 octets   2 octets   string   1
//  +----------+----------+--------+---+
//  |    05    |   code   |  text  | 0 |
//  +----------+----------+--------+---+
function decodeError(reader: ByteReader): TftpPacket | Malformed {
  const code = reader.u16();
  if (code === undefined) return { malformed: "ERROR without a code", offset: 2 };
  // Some ROMs leave the text out; the code says enough.
  return { kind: "ERROR", code, message: readString(reader)?.text ?? "" };
}

/**
 * Reads name and value pairs. Some ROMs pad a request with zeros or leave the last NUL out: reading stops at
 * the first pair that is not whole, which RFC 2347 allows because an option that is not acknowledged is not in force.
 */
function readOptions(reader: ByteReader): ReadonlyMap<string, string> {
  const options = new Map<string, string>();
  for (let count = 0; count < maxOptions; count += 1) {
    const name = readString(reader);
    if (name === undefined || !name.terminated || name.text === "") break;
    const value = readString(reader);
    if (value === undefined || !value.terminated) break;
    const key = name.text.toLowerCase();
    if (!options.has(key)) options.set(key, value.text);
  }
  return options;
}

// Octets are kept one to one as Latin-1, so that a stray octet can still be seen and judged.
function readString(reader: ByteReader): { text: string; terminated: boolean } | undefined {
  if (reader.remaining === 0) return undefined;
  const octets = reader.upTo(0);
  if (octets !== undefined) return { text: octets.toString("latin1"), terminated: true };
  const rest = reader.bytes(reader.remaining);
  return { text: rest?.toString("latin1") ?? "", terminated: false };
}

/** A packet as octets. Strings must be free of NUL: it ends them on the wire. */
export function encodePacket(packet: TftpPacket): Buffer {
  switch (packet.kind) {
    case "RRQ":
    case "WRQ":
      return Buffer.concat([
        u16(opcodes[packet.kind]),
        strings([packet.file, packet.mode, ...[...packet.options].flat()]),
      ]);
    case "DATA":
      return Buffer.concat(encodeData(packet.block, packet.data));
    case "ACK":
      return Buffer.concat([u16(opcodes.ACK), u16(packet.block)]);
    case "ERROR":
      return Buffer.concat([u16(opcodes.ERROR), u16(packet.code), strings([packet.message])]);
    //   2 octets   string   1   string   1
    //  +----------+--------+---+--------+---+ ...
    //  |    06    | option | 0 | value  | 0 |
    //  +----------+--------+---+--------+---+ ...
    case "OACK":
      return Buffer.concat([u16(opcodes.OACK), strings([...packet.options].flat())]);
  }
}

/** A DATA packet around a view of the file. `block` is the number on the wire, 0 to 65535. */
export function encodeData(block: number, data: Buffer): Datagram {
  const header = Buffer.allocUnsafe(4);
  header[0] = 0;
  header[1] = opcodes.DATA;
  header[2] = block >>> 8;
  header[3] = block & 255;
  return [header, data];
}

function u16(value: number): Buffer {
  return Buffer.from([value >>> 8, value & 255]);
}

function strings(texts: readonly string[]): Buffer {
  return Buffer.from(texts.map((text) => `${text}\0`).join(""), "latin1");
}
