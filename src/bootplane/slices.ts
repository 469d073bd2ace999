// A part of an open file as a stream that ends well only when every octet was sent from an unchanged file.

import type { FileHandle } from "node:fs/promises";
import { Readable } from "node:stream";
import { type AssetFile, isUnchanged } from "../boot/asset-file.ts";
import type { Slice } from "./range.ts";

// Large enough to keep a 10 Gbit/s link busy, small enough for hundreds of downloads at once.
const sliceBytes = 128 * 1024;

/**
 * Streams `part` of the file and closes the handle. The next slice is read only when the reader took the last one.
 * A file that is truncated or changed underneath makes the stream fail, which cuts the connection: the
 * client must never take a broken image for a whole one.
 */
export function streamSlices(handle: FileHandle, file: AssetFile, part: Slice): Readable {
  return Readable.from(slices(handle, file, part), {
    objectMode: false,
    highWaterMark: sliceBytes,
  });
}

async function* slices(handle: FileHandle, file: AssetFile, part: Slice): AsyncGenerator<Buffer> {
  try {
    for (let at = part.start; at <= part.end; ) {
      const length = Math.min(sliceBytes, part.end + 1 - at);
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(length), 0, length, at);
      if (bytesRead === 0)
        throw new Error(`${file.path} ends at ${at} of ${file.sizeBytes} octets`);
      at += bytesRead;
      // Asked before the last slice leaves, while the client can still be told by an incomplete body.
      if (at > part.end && !(await isUnchanged(handle, file)))
        throw new Error(`${file.path} changed while it was served`);
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}
