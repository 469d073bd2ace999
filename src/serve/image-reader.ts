// Whole images for TFTP, which sends from one buffer: machines that boot at the same time share it.

import { type AssetFile, openAsset } from "../boot/asset-file.ts";
import { BoundedMap } from "../net/bounded-map.ts";

// A kernel and an initrd of two sets.
const kept = 4;

/** Reads an image once while it stays what it is. Rejects with AssetChangedError when it is another file by now. */
export function createImageReader(): (image: AssetFile) => Promise<Buffer> {
  const readings = new BoundedMap<string, Promise<Buffer>>(kept);
  return (image) => {
    const key = `${image.path} ${image.identity}`;
    const reading = readings.get(key) ?? read(image);
    readings.set(key, reading);
    // What failed is tried again by the next machine.
    reading.catch(() => readings.delete(key));
    return reading;
  };
}

async function read(image: AssetFile): Promise<Buffer> {
  const handle = await openAsset(image);
  try {
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}
