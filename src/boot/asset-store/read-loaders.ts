// The loaders of an asset directory, read into memory: a transfer cannot see one change.

import { createHash, type KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { resolveFile } from "../asset-file.ts";
import { namesIn } from "./layout.ts";
import { readLoaderRecord } from "./loader-record.ts";

/** A loader such as ipxe.efi. */
export interface Loader {
  readonly data: Buffer;
  readonly identity: string;
  readonly sha256: string;
}

export interface ReadLoaders {
  readonly loaders: ReadonlyMap<string, Loader>;
  readonly problems: readonly string[];
  /** Of the problems, those with loaders that are not what was installed. */
  readonly damaged: readonly string[];
}

export const loaderName = /^[A-Za-z0-9][A-Za-z0-9._-]*\.(?:efi|kpxe|kkpxe|pxe|0|c32|signed)$/;
export const maxLoaderBytes = 16 * 1024 * 1024;

/** `base` is the asset directory with all links resolved; a file that is still one of `known` is not read again. */
export async function readLoaders(
  base: string,
  known: ReadonlyMap<string, Loader>,
  key: KeyObject | undefined,
): Promise<ReadLoaders> {
  const loaders = new Map<string, Loader>();
  const problems: string[] = [];
  const damaged: string[] = [];
  const recorded = await readLoaderRecord(base, key);
  if ("problem" in recorded) problems.push(recorded.problem);
  const record = "record" in recorded ? recorded.record : {};
  for (const name of (await namesIn(base)).filter((entry) => loaderName.test(entry))) {
    const loader = await readLoader(base, name, known.get(name));
    if (key !== undefined && record[name] === undefined)
      problems.push(
        `${loaderLabel(name)}: is not in a signed loaders.json, as server.assetKey asks for`,
      );
    else if ("problem" in loader) problems.push(`${loaderLabel(name)}: ${loader.problem}`);
    else if (loader.sha256 === (record[name]?.sha256 ?? loader.sha256)) loaders.set(name, loader);
    else
      damaged.push(
        `${loaderLabel(name)}: ${join(base, name)} is not the file that was installed from ${record[name]?.source}: install it again with rackstrap assets loaders`,
      );
  }
  return { loaders, problems: [...problems, ...damaged], damaged };
}

/** The name of a loader in problems. */
export function loaderLabel(name: string): string {
  return `loader ${name}`;
}

async function readLoader(
  base: string,
  name: string,
  known: Loader | undefined,
): Promise<Loader | { readonly problem: string }> {
  const file = await resolveFile(base, join(base, name));
  if ("problem" in file) return file;
  const { identity, sizeBytes } = file;
  if (known?.identity === identity) return known;
  if (sizeBytes > maxLoaderBytes)
    return { problem: `${sizeBytes} bytes is too large for a loader` };
  const data = await readFile(file.path).catch(() => undefined);
  if (data === undefined) return { problem: "cannot be read" };
  return { data, identity, sha256: createHash("sha256").update(data).digest("hex") };
}
