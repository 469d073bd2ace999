// The octets of an image as a stream: out of the shared memory or from disk, as fast as they are taken or as a rate allows.

import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { type AssetFile, openAsset } from "../boot/asset-file.ts";
import type { ImageCache } from "../boot/image-cache.ts";
import { type Rate, sliceBytesAt } from "./pacing.ts";
import type { Slice } from "./range.ts";
import { largestReadBytes, slicesOfFile, slicesOfMemory } from "./slices.ts";

export interface ImageBody {
  readonly stream: Readable;
  /** To be called when the response is over. */
  readonly release: () => void;
}

export interface Pacing {
  readonly rate: Rate;
  /** Milliseconds to wait before so many octets more may go. */
  readonly waitMs: (octets: number, rate: number) => number;
}

/** Rejects as ImageCache.hold and openAsset do. */
export async function openImageBody(
  images: ImageCache,
  image: AssetFile,
  part: Slice,
  { rate, waitMs }: Pacing,
): Promise<ImageBody> {
  const paced = (slices: Slices) =>
    rate === undefined ? slices : pacedSlices(slices, (octets) => waitMs(octets, rate));
  const held = await images.hold(image);
  if (held !== undefined) {
    const sliceBytes = sliceBytesAt(rate);
    const stream = streamOf(paced(slicesOfMemory(held.data, part, sliceBytes)), sliceBytes);
    return { stream, release: held.release };
  }
  const handle = await openAsset(image);
  const sliceBytes = Math.min(sliceBytesAt(rate), largestReadBytes);
  const stream = streamOf(paced(slicesOfFile(handle, image, part, sliceBytes)), sliceBytes);
  // After the stream's end, when no reading is under way any more.
  stream.once("close", () => void handle.close());
  return { stream, release: () => undefined };
}

type Slices = Iterable<Buffer> | AsyncIterable<Buffer>;

function streamOf(slices: Slices, sliceBytes: number): Readable {
  return Readable.from(slices, { objectMode: false, highWaterMark: sliceBytes });
}

async function* pacedSlices(
  slices: Slices,
  waitMs: (octets: number) => number,
): AsyncGenerator<Buffer, void, undefined> {
  for await (const slice of slices) {
    const pauseMs = waitMs(slice.length);
    if (pauseMs > 0) await delay(pauseMs);
    yield slice;
  }
}
