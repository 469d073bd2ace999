// Whether an initial RAM disk is whole: a row of cpio archives, each plain or compressed, each with its proper end
// (Linux Documentation/driver-api/early-userspace/buffer-format.rst). What is inside the archives is not looked at.

import { createReadStream } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import type { Readable, Transform } from "node:stream";
import { crc32, createInflateRaw, createZstdDecompress, constants as zlib } from "node:zlib";

/** An open file; `path` is where it was opened. */
export interface OpenFile {
  readonly path: string;
  readonly handle: FileHandle;
  readonly sizeBytes: number;
}

export type InitrdCheck =
  | { readonly kind: "whole" }
  /** Ends early or is damaged: why. */
  | { readonly kind: "damaged"; readonly why: string }
  /** No archive, or packed in a way that is not read here: what it begins with. */
  | { readonly kind: "unknown"; readonly what: string };

/** `content`: zstd data is unpacked and held against its checksum, too; without it only its frames are walked. Rejects on I/O errors. */
export async function checkInitrd(file: OpenFile, content: boolean): Promise<InitrdCheck> {
  let holdsAnArchive = false;
  for (let at = 0; at < file.sizeBytes; ) {
    const member = memberAt(await read(file, at, 16));
    if (member === undefined || member === "unread")
      return at === 0 || member === "unread"
        ? { kind: "unknown", what: await describe(file, at) }
        : { kind: "damaged", why: `has no archive at octet ${at}: ${await describe(file, at)}` };
    const end = await ends[member](file, at, content);
    if ("why" in end) return { kind: "damaged", why: `${end.why} (${member} part at octet ${at})` };
    holdsAnArchive ||= member !== "padding";
    at = end.at;
  }
  return holdsAnArchive ? { kind: "whole" } : { kind: "unknown", what: "nothing but zeros" };
}

type Member = "padding" | "cpio" | "gzip" | "zstd" | "xz";
type End = { readonly at: number } | { readonly why: string };

const mostEmptyBlocks = 1000;
const cut: End = { why: "is cut short" };

const ends: Readonly<
  Record<Member, (file: OpenFile, at: number, content: boolean) => Promise<End>>
> = {
  padding: paddingEnd,
  cpio: cpioEnd,
  gzip: gzipEnd,
  zstd: zstdEnd,
  xz: xzEnd,
};

/** Packed by something that the kernel reads and Node does not. */
const unreadMagic = ["425a68", "02214c18", "5d0000", "894c5a4f"];

function memberAt(head: Buffer): Member | "unread" | undefined {
  const hex = head.toString("hex");
  if (hex.startsWith("00")) return "padding";
  if (/^07070[12]/.test(head.toString("latin1"))) return "cpio";
  if (hex.startsWith("1f8b08")) return "gzip";
  if (hex.startsWith("28b52ffd") || /^5.2a4d18/.test(hex)) return "zstd";
  if (hex.startsWith("fd377a585a00")) return "xz";
  return unreadMagic.some((magic) => hex.startsWith(magic)) ? "unread" : undefined;
}

async function describe(file: OpenFile, at: number): Promise<string> {
  return `octets ${(await read(file, at, 6)).toString("hex")}`;
}

async function paddingEnd(file: OpenFile, at: number): Promise<End> {
  for (let next = at; next < file.sizeBytes; ) {
    const octets = await read(file, next, 64 * 1024);
    const found = octets.findIndex((octet) => octet !== 0);
    if (found >= 0) return { at: next + found };
    next += octets.length;
  }
  return { at: file.sizeBytes };
}

const cpioHeaderBytes = 110;

/** newc: a header of hexadecimal text, the name, the data, each padded to 4 octets; ends with the entry TRAILER!!!. */
async function cpioEnd(file: OpenFile, start: number): Promise<End> {
  const padded = (octets: number) => Math.ceil(octets / 4) * 4;
  for (let at = start; ; ) {
    const header = (await read(file, at, cpioHeaderBytes + 12)).toString("latin1");
    if (header.length < cpioHeaderBytes) return cut;
    const [dataBytes, nameBytes] = [54, 94].map((field) => hexField(header, field));
    if (!/^07070[12]/.test(header) || dataBytes === undefined || nameBytes === undefined)
      return { why: `has no cpio header at octet ${at}` };
    const entryEnd = at - start + padded(cpioHeaderBytes + nameBytes) + padded(dataBytes);
    if (start + entryEnd > file.sizeBytes + 3) return cut;
    at = start + entryEnd;
    if (header.startsWith("TRAILER!!!", cpioHeaderBytes))
      return { at: Math.min(at, file.sizeBytes) };
  }
}

function hexField(header: string, at: number): number | undefined {
  const field = header.slice(at, at + 8);
  return /^[0-9A-Fa-f]{8}$/.test(field) ? Number.parseInt(field, 16) : undefined;
}

/** RFC 1952: header, deflate data, CRC-32 and length. Node's own gunzip does not say where a member ends. */
async function gzipEnd(file: OpenFile, at: number): Promise<End> {
  const headerBytes = gzipHeaderBytes(await read(file, at, 64 * 1024));
  if (headerBytes === undefined) return cut;
  const inflate = createInflateRaw();
  const unpacked = await unpack(file, { start: at + headerBytes }, inflate);
  if ("why" in unpacked) return unpacked;
  const trailerAt = at + headerBytes + inflate.bytesWritten;
  const trailer = await read(file, trailerAt, 8);
  if (trailer.length < 8) return cut;
  if (
    trailer.readUInt32LE(0) !== unpacked.crc ||
    trailer.readUInt32LE(4) !== unpacked.bytes % 2 ** 32
  )
    return { why: "does not match its own checksum" };
  return { at: trailerAt + 8 };
}

/** RFC 1952 §2.3: ten octets, then what the flags announce. */
function gzipHeaderBytes(head: Buffer): number | undefined {
  const flags = head[3] ?? 0;
  let at = 10;
  if ((flags & 4) !== 0) {
    if (head.length < at + 2) return undefined;
    at += 2 + head.readUInt16LE(at);
  }
  // File name and comment, each ended by a NUL.
  for (const flag of [8, 16]) {
    if ((flags & flag) === 0) continue;
    const end = head.indexOf(0, at);
    if (end < 0) return undefined;
    at = end + 1;
  }
  if ((flags & 2) !== 0) at += 2;
  return at < head.length ? at : undefined;
}

/** RFC 8878 §3.1: the frames name the length of each of their blocks, so that their end is found without unpacking. */
async function zstdEnd(file: OpenFile, start: number, content: boolean): Promise<End> {
  const head = await read(file, start, 18);
  if (head.length < 8) return cut;
  // A skippable frame: 0x184d2a50 to 0x184d2a5f, then its length.
  if (head[3] === 0x18) {
    const at = start + 8 + head.readUInt32LE(4);
    return at > file.sizeBytes ? cut : { at };
  }
  const flags = head[4] ?? 0;
  let at = start + zstdHeaderBytes(flags);
  let empty = 0;
  for (let last = false; !last; ) {
    const block = await read(file, at, 3);
    if (block.length < 3) return cut;
    const header = block.readUIntLE(0, 3);
    last = (header & 1) === 1;
    const type = (header >> 1) & 3;
    // A tail of zeros would be read as millions of empty blocks.
    empty = !last && header >> 3 === 0 ? empty + 1 : 0;
    if (type === 3 || empty > mostEmptyBlocks) return { why: `has a bad block at octet ${at}` };
    // A block of type 1 is one octet that is repeated.
    at += 3 + (type === 1 ? 1 : header >> 3);
  }
  if ((flags & 4) !== 0) at += 4;
  if (at > file.sizeBytes) return cut;
  if (!content) return { at };
  const unpacked = await unpack(
    file,
    { start, end: at - 1 },
    createZstdDecompress({ params: { [zlib.ZSTD_d_windowLogMax]: 31 } }),
  );
  return "why" in unpacked ? unpacked : { at };
}

/** RFC 8878 §3.1.1.1: magic, descriptor, window, dictionary, content size. */
function zstdHeaderBytes(flags: number): number {
  const singleSegment = (flags & 0x20) !== 0;
  const dictionary = [0, 1, 2, 4][flags & 3] ?? 0;
  const contentSize = [singleSegment ? 1 : 0, 2, 4, 8][flags >> 6] ?? 0;
  return 5 + (singleSegment ? 0 : 1) + dictionary + contentSize;
}

const xzFooterBytes = 12;

/** The .xz file format §2.1.2: the footer, which says where the index begins. A part is taken to reach to the end of the file. */
async function xzEnd(file: OpenFile, start: number): Promise<End> {
  const end = await lastOctet(file);
  const footer = await read(file, end - xzFooterBytes, xzFooterBytes);
  const whole = footer.length === xzFooterBytes && footer.toString("latin1", 10, 12) === "YZ";
  if (!whole || footer.readUInt32LE(0) !== crc32(footer.subarray(4, 10))) return cut;
  const indexAt = end - xzFooterBytes - (footer.readUInt32LE(4) + 1) * 4;
  const index = indexAt > start ? await read(file, indexAt, 1) : Buffer.alloc(0);
  return index[0] === 0 ? { at: file.sizeBytes } : { why: "has no index before its end" };
}

/** Where the file ends without the zeros that pad it to 512 octets or less. */
async function lastOctet(file: OpenFile): Promise<number> {
  const tailBytes = Math.min(1024, file.sizeBytes);
  const tail = await read(file, file.sizeBytes - tailBytes, tailBytes);
  return file.sizeBytes - tailBytes + tail.findLastIndex((octet) => octet !== 0) + 1;
}

interface Unpacked {
  readonly crc: number;
  readonly bytes: number;
}

/** Unpacks a part of the file and throws the result away. */
async function unpack(
  file: OpenFile,
  part: { readonly start: number; readonly end?: number },
  unpacker: Transform,
): Promise<Unpacked | { readonly why: string }> {
  const source: Readable = createReadStream(file.path, { ...part, highWaterMark: 1024 * 1024 });
  source.on("error", (error) => unpacker.destroy(error));
  source.pipe(unpacker);
  let crc = 0;
  let bytes = 0;
  try {
    for await (const octets of unpacker as AsyncIterable<Buffer>) {
      crc = crc32(octets, crc);
      bytes += octets.length;
    }
    return { crc, bytes };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (code === "Z_BUF_ERROR") return { why: "is cut short" };
    if (/^(Z_|ZSTD_)/.test(code)) return { why: `can't be unpacked (${code})` };
    throw error;
  } finally {
    source.destroy();
  }
}

async function read(file: OpenFile, at: number, length: number): Promise<Buffer> {
  if (at < 0 || at >= file.sizeBytes) return Buffer.alloc(0);
  const { buffer, bytesRead } = await file.handle.read(Buffer.alloc(length), 0, length, at);
  return buffer.subarray(0, bytesRead);
}
