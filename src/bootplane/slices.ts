// A part of an image in slices that are handed to the network one by one: out of memory, or out of an open file.

import type { FileHandle } from "node:fs/promises";
import { type AssetFile, isUnchanged } from "../boot/asset-file.ts";
import type { Slice } from "./range.ts";

/** Enough to keep a 10 Gbit/s link busy, small enough for hundreds of downloads at once: each has buffers of its own. */
export const largestReadBytes = 128 * 1024;

/** Views of `data`, which are not copied. */
export function* slicesOfMemory(
  data: Buffer,
  part: Slice,
  sliceBytes: number,
): Generator<Buffer, void, undefined> {
  for (let at = part.start; at <= part.end; at += sliceBytes)
    yield data.subarray(at, Math.min(at + sliceBytes, part.end + 1));
}

/**
 * Reads the next slice only when the last one was taken; the caller closes the handle.
 * A file that is truncated or changed underneath makes this fail before the last slice, which cuts the connection: the
 * client must never take a broken image for a whole one.
 */
export async function* slicesOfFile(
  handle: FileHandle,
  file: AssetFile,
  part: Slice,
  sliceBytes: number,
): AsyncGenerator<Buffer, void, undefined> {
  for (let at = part.start; at <= part.end; ) {
    const length = Math.min(sliceBytes, part.end + 1 - at);
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(length), 0, length, at);
    if (bytesRead === 0) throw new Error(`${file.path} ends at ${at} of ${file.sizeBytes} octets`);
    at += bytesRead;
    // Asked before the last slice leaves, while the client can still be told by an incomplete body.
    if (at > part.end && !(await isUnchanged(handle, file)))
      throw new Error(`${file.path} changed while it was served`);
    yield buffer.subarray(0, bytesRead);
  }
}
