// loaders.json: where the installed loaders came from, and the sums they had then.

import type { KeyObject } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { readSmallFile } from "../asset-file.ts";
import { writeFileDurably } from "./durable.ts";
import { type SignatureFault, signatureFault } from "./signature.ts";

const entryShape = z.strictObject({
  /** A path, a URL or a package, for people. */
  source: z.string(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  installedAt: z.iso.datetime(),
});
const shape = z.record(z.string(), entryShape);

/** By the loader's file name. */
export type LoaderRecord = Readonly<z.output<typeof shape>>;

const fileName = "loaders.json";

/** The record of an asset directory, signed with `key` if there is one: empty when there is none. */
export async function readLoaderRecord(
  root: string,
  key?: KeyObject,
): Promise<{ readonly record: LoaderRecord } | SignatureFault> {
  const path = join(root, fileName);
  try {
    const text = (await readSmallFile(path))?.toString();
    if (text === undefined) return { record: {} };
    const unsigned = await signatureFault(path, text, key);
    if (unsigned !== undefined) return unsigned;
    return { record: shape.parse(JSON.parse(text)) };
  } catch {
    return {
      damaged: true,
      problem: `${path} can't be understood: remove it, and install the loaders again with rackstrap assets loaders`,
    };
  }
}

export async function writeLoaderRecord(root: string, record: LoaderRecord): Promise<void> {
  await writeFileDurably(join(root, fileName), `${JSON.stringify(record, undefined, 2)}\n`);
}
