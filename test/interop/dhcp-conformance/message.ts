// DHCP messages as bytes, written from RFC 2131 §2, RFC 2132 and RFC 3396 alone. It shares nothing with
// src/dhcp on purpose: a mistake in the server's codec must not hide in the suite's.

export type OptionPair = readonly [code: number, data: Uint8Array];

export interface Header {
  readonly op: number;
  readonly htype: number;
  readonly hlen: number;
  readonly hops: number;
  readonly xid: number;
  readonly secs: number;
  readonly flags: number;
  readonly ciaddr: string;
  readonly yiaddr: string;
  readonly siaddr: string;
  readonly giaddr: string;
  /** All 16 bytes. */
  readonly chaddr: Buffer;
  /** All 64 bytes, with the NULs. */
  readonly sname: Buffer;
  /** All 128 bytes, with the NULs. */
  readonly file: Buffer;
}

/** One option as it stood in the message: RFC 3396 pieces are not joined here. */
interface OptionInstance {
  readonly code: number;
  readonly data: Buffer;
  readonly area: "options" | "file" | "sname";
}

export interface Message extends Header {
  readonly sizeBytes: number;
  readonly instances: readonly OptionInstance[];
  /** Options by code, pieces joined (RFC 3396 §7). */
  readonly options: ReadonlyMap<number, Buffer>;
  /** What follows the END of the options field. */
  readonly trailer: Buffer;
  /** False when the options field ends without an END (255). */
  readonly ended: boolean;
}

const magicCookie = Buffer.from([99, 130, 83, 99]);
const fixedBytes = 236;

export const addressBytes = (text: string) => Buffer.from(text.split(".").map(Number));

export const addressText = (bytes: Uint8Array) => [...bytes].join(".");

export function number32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function numbers16(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  for (const [index, value] of values.entries()) bytes.writeUInt16BE(value, index * 2);
  return bytes;
}

const padded = (bytes: Uint8Array, sizeBytes: number) =>
  Buffer.concat([bytes, Buffer.alloc(sizeBytes)]).subarray(0, sizeBytes);

/** Options as bytes, in the order given and without an END. */
export function encodeOptions(options: readonly OptionPair[]): Buffer {
  return Buffer.concat(
    options.flatMap(([code, data]) => [Buffer.from([code, data.length]), Buffer.from(data)]),
  );
}

/** The 236 fixed bytes of RFC 2131 figure 1; what is not given is zero. */
function encodeHeader(header: Partial<Header>): Buffer {
  const start = Buffer.alloc(12);
  start.set([header.op ?? 1, header.htype ?? 1, header.hlen ?? 6, header.hops ?? 0]);
  start.writeUInt32BE(header.xid ?? 0, 4);
  start.writeUInt16BE(header.secs ?? 0, 8);
  start.writeUInt16BE(header.flags ?? 0, 10);
  return Buffer.concat([
    start,
    addressBytes(header.ciaddr ?? "0.0.0.0"),
    addressBytes(header.yiaddr ?? "0.0.0.0"),
    addressBytes(header.siaddr ?? "0.0.0.0"),
    addressBytes(header.giaddr ?? "0.0.0.0"),
    padded(header.chaddr ?? Buffer.alloc(0), 16),
    padded(header.sname ?? Buffer.alloc(0), 64),
    padded(header.file ?? Buffer.alloc(0), 128),
  ]);
}

/** A whole message, padded to BOOTP's 300 bytes as clients do (RFC 1542 §2.1). */
export function encodeMessage(header: Partial<Header>, options: readonly OptionPair[]): Buffer {
  const bytes = Buffer.concat([
    encodeHeader(header),
    magicCookie,
    encodeOptions(options),
    Buffer.from([255]),
  ]);
  return bytes.length < 300 ? padded(bytes, 300) : bytes;
}

function readOptions(field: Buffer, area: OptionInstance["area"]) {
  const instances: OptionInstance[] = [];
  let at = 0;
  while (at < field.length) {
    const code = field.readUInt8(at);
    if (code === 255) return { instances, ended: true, trailer: field.subarray(at + 1) };
    if (code === 0) {
      at += 1;
      continue;
    }
    const length = field[at + 1];
    if (length === undefined || at + 2 + length > field.length)
      throw new Error(`option ${code} runs past the end of the ${area} field`);
    instances.push({ code, data: field.subarray(at + 2, at + 2 + length), area });
    at += 2 + length;
  }
  return { instances, ended: false, trailer: Buffer.alloc(0) };
}

function decodeHeader(bytes: Buffer): Header {
  const address = (at: number) => addressText(bytes.subarray(at, at + 4));
  return {
    op: bytes.readUInt8(0),
    htype: bytes.readUInt8(1),
    hlen: bytes.readUInt8(2),
    hops: bytes.readUInt8(3),
    xid: bytes.readUInt32BE(4),
    secs: bytes.readUInt16BE(8),
    flags: bytes.readUInt16BE(10),
    ciaddr: address(12),
    yiaddr: address(16),
    siaddr: address(20),
    giaddr: address(24),
    chaddr: bytes.subarray(28, 44),
    sname: bytes.subarray(44, 108),
    file: bytes.subarray(108, 236),
  };
}

/** Reads a server's message strictly: a server has no excuse. Throws when it is not well formed. */
export function decodeMessage(bytes: Buffer): Message {
  if (bytes.length < fixedBytes + 4) throw new Error(`a reply of ${bytes.length} bytes`);
  const header = decodeHeader(bytes);
  if (!bytes.subarray(fixedBytes, fixedBytes + 4).equals(magicCookie))
    throw new Error("a reply without the magic cookie");
  const main = readOptions(bytes.subarray(fixedBytes + 4), "options");
  const overload = main.instances.find(({ code }) => code === 52)?.data[0] ?? 0;
  // RFC 2131 §4.1: the options field first, then file, then sname.
  const instances = [
    ...main.instances,
    ...((overload & 1) === 0 ? [] : readOptions(header.file, "file").instances),
    ...((overload & 2) === 0 ? [] : readOptions(header.sname, "sname").instances),
  ];
  const options = new Map<number, Buffer>();
  for (const { code, data } of instances)
    options.set(code, Buffer.concat([options.get(code) ?? Buffer.alloc(0), data]));
  const { ended, trailer } = main;
  return { ...header, sizeBytes: bytes.length, instances, options, ended, trailer };
}

/** The text of sname or file up to its NUL. */
export function fieldText(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString("latin1", 0, end < 0 ? field.length : end);
}

/** An option that holds addresses, or undefined when it is absent. */
export function addresses(message: Message, code: number): string[] | undefined {
  const data = message.options.get(code);
  if (data === undefined) return undefined;
  const starts = Array.from({ length: data.length / 4 }, (_, index) => index * 4);
  return starts.map((at) => addressText(data.subarray(at, at + 4)));
}

/** An option that holds a number of 1, 2 or 4 bytes, or undefined when it is absent. */
export function numeric(message: Message, code: number): number | undefined {
  const data = message.options.get(code);
  return data === undefined ? undefined : data.readUIntBE(0, data.length);
}

/** An option that holds text, or undefined when it is absent. A final NUL stays visible. */
export function text(message: Message, code: number): string | undefined {
  return message.options.get(code)?.toString("latin1");
}
