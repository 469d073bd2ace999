// One kernel or initrd: its sum, and whether it is whole. Reading a file takes as long as the disk takes; see examiner.ts for what is remembered.

import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { AssetChangedError, type FoundFile, isUnchanged, openAsset } from "../asset-file.ts";
import { checkInitrd } from "./initrd.ts";
import { type Kernel, kernelHeadBytes, readKernel } from "./kernel.ts";

export type ImageKind = "kernel" | "initrd";

/** Called with the octets of each piece that was read; what it waits for slows the reading down. */
export type Pace = (octets: number) => Promise<void> | void;

// Hashing holds the thread up for about half a millisecond for each piece.
const pieceBytes = 256 * 1024;

/** SHA-256 of an open file in hexadecimal; every piece goes to `onPiece`, which is done with it before the next is read. */
export async function hashFile(
  handle: FileHandle,
  onPiece: (piece: Buffer) => Promise<void> | void,
): Promise<string> {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(pieceBytes);
  for (let at = 0; ; ) {
    const { bytesRead } = await handle.read(buffer, 0, pieceBytes, at);
    if (bytesRead === 0) return hash.digest("hex");
    const piece = buffer.subarray(0, bytesRead);
    hash.update(piece);
    await onPiece(piece);
    at += bytesRead;
  }
}

/** The sum of a file as it is now. Throws AssetChangedError when it is not, or not any more, the file that was found. */
export async function sumOf(file: FoundFile, pace: Pace): Promise<string> {
  return withFile(file, (handle) => hashFile(handle, ({ length }) => pace(length)));
}

/** The beginning of a kernel read; undefined for a file that is no kernel that is known here. */
export async function readKernelFile(file: FoundFile): Promise<Kernel | undefined> {
  return withFile(file, async (handle) => {
    const { buffer, bytesRead } = await handle.read(
      Buffer.alloc(kernelHeadBytes),
      0,
      kernelHeadBytes,
      0,
    );
    return readKernel(buffer.subarray(0, bytesRead));
  });
}

/** Why the file can't be a whole image, as a predicate such as "is cut short"; undefined for one that is whole or of a kind that can't be told. */
export async function faultOf(file: FoundFile, kind: ImageKind): Promise<string | undefined> {
  if (kind === "kernel") {
    const kernel = await readKernelFile(file);
    return kernel === undefined ? undefined : kernelFault(file, kernel);
  }
  const { path, sizeBytes } = file;
  const check = await withFile(file, (handle) => checkInitrd({ path, handle, sizeBytes }, false));
  return check.kind === "damaged" ? check.why : undefined;
}

/** Says so when the file is shorter than its headers account for. */
export function kernelFault(file: FoundFile, kernel: Kernel): string | undefined {
  return file.sizeBytes < kernel.endBytes
    ? `is cut short: ${file.sizeBytes} of ${kernel.endBytes} octets`
    : undefined;
}

/** The fault of a file that somebody writes at this moment. */
export const changing = "changes while it is read";

/** What went wrong with the reading of a file, as a predicate; throws what has nothing to do with the file. */
export function readingFault(error: unknown): string {
  const source = error instanceof AssetChangedError ? error.cause : error;
  const { code } = (source ?? {}) as NodeJS.ErrnoException;
  if (code !== undefined && !goneCodes.has(code)) return `can't be read (${code})`;
  if (error instanceof AssetChangedError) return changing;
  throw error;
}

// Removed, or replaced by a link or a pipe, between the look at it and the opening.
const goneCodes = new Set(["ENOENT", "ENOTDIR", "ELOOP", "ENXIO"]);

/** Opens the file for `use`. Throws AssetChangedError when it is not the file that was found, or changes meanwhile. */
export async function withFile<T>(
  file: FoundFile,
  use: (handle: FileHandle) => Promise<T>,
): Promise<T> {
  const handle = await openAsset(file);
  try {
    const result = await use(handle);
    if (await isUnchanged(handle, file)) return result;
    throw new AssetChangedError(`${file.path} changed while it was read`);
  } finally {
    await handle.close();
  }
}
