// Kernels and initrds, each held once in memory, whole and checked, for everyone who serves them. What the budget has no room
// for stays on disk.

import { createHash } from "node:crypto";
import { BoundedMap } from "../net/bounded-map.ts";
import { AssetChangedError, type AssetFile, isUnchanged, openAsset } from "./asset-file.ts";

/** The file has other octets than it was published with. Nothing of it may be served. */
export class DamagedImageError extends Error {
  override name = "DamagedImageError";
}

/** An image in memory, shared: nobody writes into `data`. It counts against the budget until it is released. */
export interface HeldImage {
  readonly data: Buffer;
  /** To be called when nothing of `data` is to be sent any more; more often does no harm. */
  release(): void;
}

export interface ImageCache {
  /**
   * The image in memory, or undefined when it is sound and has to be read from disk, because the budget has no room.
   * Calls that overlap share one reading. Rejects with AssetChangedError when the file is no longer that of the manifest,
   * with DamagedImageError when its sum is wrong.
   */
  hold(image: AssetFile): Promise<HeldImage | undefined>;
}

interface Entry {
  readonly sizeBytes: number;
  readonly data: Promise<Buffer>;
  users: number;
}

const mebibyte = 1024 * 1024;
// Hashing one chunk is the longest that the event loop is kept from its other work: about a millisecond.
const chunkBytes = mebibyte;
const remembered = 256;

/** What images may take of `memoryBytes`: the setting, or a quarter and at most 4 GiB. */
export function imageBudgetBytes(settingMiB: number | undefined, memoryBytes: number): number {
  return (settingMiB ?? Math.min(memoryBytes / 4 / mebibyte, 4096)) * mebibyte;
}

/** Holds `budgetBytes` of images at most, the least recently used out first; never one that is being sent. */
export function createImageCache(budgetBytes: number): ImageCache {
  // The least recently used first.
  const entries = new Map<string, Entry>();
  const checkedOnDisk = new BoundedMap<string, Promise<unknown>>(remembered);

  const read = async (key: string, image: AssetFile, target?: Buffer): Promise<void> => {
    try {
      await readChecked(image, target);
    } catch (error) {
      entries.delete(key);
      checkedOnDisk.delete(key);
      throw error;
    }
  };
  const admit = (key: string, image: AssetFile): Entry | undefined => {
    const { sizeBytes } = image;
    const leaving = makeRoom(entries, budgetBytes - sizeBytes);
    if (leaving === undefined) return undefined;
    for (const other of leaving) entries.delete(other);
    const target = Buffer.allocUnsafeSlow(sizeBytes);
    const data = read(key, image, target).then(() => target);
    return { sizeBytes, data, users: 0 };
  };
  const check = (key: string, image: AssetFile): Promise<unknown> => {
    const checking = checkedOnDisk.get(key) ?? read(key, image);
    checkedOnDisk.set(key, checking);
    return checking;
  };
  return {
    hold: async (image) => {
      const key = keyOf(image);
      const entry = entries.get(key) ?? admit(key, image);
      if (entry === undefined) {
        await check(key, image);
        return undefined;
      }
      entries.delete(key);
      entries.set(key, entry);
      return take(entry);
    },
  };
}

/** The entries that have to leave so that the others have `mostBytes`; undefined when those in use are already more. */
function makeRoom(
  entries: ReadonlyMap<string, Entry>,
  mostBytes: number,
): readonly string[] | undefined {
  let heldBytes = [...entries.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const leaving: string[] = [];
  for (const [key, { sizeBytes, users }] of entries) {
    if (heldBytes <= mostBytes) break;
    if (users > 0) continue;
    leaving.push(key);
    heldBytes -= sizeBytes;
  }
  return heldBytes <= mostBytes ? leaving : undefined;
}

async function take(entry: Entry): Promise<HeldImage> {
  // From the start of the reading on, so that nothing that is being read can leave.
  entry.users += 1;
  let held = true;
  const release = () => {
    if (held) entry.users -= 1;
    held = false;
  };
  try {
    return { data: await entry.data, release };
  } catch (error) {
    release();
    throw error;
  }
}

/** Reads the file once from start to end, into `target` where there is one, and checks its sum. */
async function readChecked(image: AssetFile, target: Buffer | undefined): Promise<void> {
  const { path, sizeBytes, sha256 } = image;
  const handle = await openAsset(image);
  try {
    const hash = createHash("sha256");
    const scratch = target ?? Buffer.allocUnsafe(Math.min(chunkBytes, sizeBytes));
    for (let at = 0; at < sizeBytes; ) {
      const offset = target === undefined ? 0 : at;
      const length = Math.min(chunkBytes, sizeBytes - at);
      const { bytesRead } = await handle.read(scratch, offset, length, at);
      if (bytesRead === 0)
        throw new AssetChangedError(`${path} ends at ${at} of ${sizeBytes} octets`);
      hash.update(scratch.subarray(offset, offset + bytesRead));
      at += bytesRead;
    }
    if (!(await isUnchanged(handle, image)))
      throw new AssetChangedError(`${path} changed while it was read`);
    const found = hash.digest("hex");
    if (found !== sha256)
      throw new DamagedImageError(
        `${path} is damaged: its sha256 is ${found}, it is to be ${sha256}: import the set again`,
      );
  } finally {
    await handle.close();
  }
}

function keyOf({ path, identity, sha256 }: AssetFile): string {
  return [path, identity, sha256].join("\n");
}
