// The loaders of an asset directory, read into memory: a transfer cannot see one change.

import { createHash, type KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { resolveFile } from "../asset-file.ts";
import { namesIn } from "./layout.ts";
import { type LoaderRecord, readLoaderRecord } from "./loader-record.ts";

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
  const recorded = await readLoaderRecord(base, key);
  const record = "record" in recorded ? recorded.record : {};
  const loaders = new Map<string, Loader>();
  const faults: Fault[] = "problem" in recorded ? [recorded] : [];
  const names = new Set([...(await namesIn(base)), ...Object.keys(record)]);
  for (const name of [...names].filter((entry) => loaderName.test(entry))) {
    const loader = await readLoader(base, name, known.get(name));
    const fault = faultOf(join(base, name), loader, record[name], key !== undefined);
    if (fault !== undefined)
      faults.push({ ...fault, problem: `${loaderLabel(name)}: ${fault.problem}` });
    else if ("data" in loader) loaders.set(name, loader);
  }
  return {
    loaders,
    problems: faults.map(({ problem }) => problem),
    damaged: faults.flatMap(({ problem, damaged }) => (damaged ? [problem] : [])),
  };
}

interface Fault {
  readonly problem: string;
  readonly damaged: boolean;
}

/** Why a loader is not served; `signed`: only what is in the record is. */
function faultOf(
  path: string,
  loader: Loader | { readonly problem: string },
  installed: LoaderRecord[string] | undefined,
  signed: boolean,
): Fault | undefined {
  const again = "install it again with rackstrap assets loaders";
  if (installed === undefined && signed) {
    const problem = "is not in a signed loaders.json, as server.assetKey asks for";
    return { problem, damaged: false };
  }
  if ("problem" in loader) {
    const hint = installed === undefined ? "" : `: ${again}, or take it out of loaders.json`;
    return { problem: `${path} ${loader.problem}${hint}`, damaged: false };
  }
  if (installed === undefined || installed.sha256 === loader.sha256) return undefined;
  const problem = `${path} is not the file that was installed from ${installed.source}: ${again}`;
  return { problem, damaged: true };
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
    return { problem: `has ${sizeBytes} octets, too many for a loader` };
  const data = await readFile(file.path).catch(() => undefined);
  if (data === undefined) return { problem: "cannot be read" };
  return { data, identity, sha256: createHash("sha256").update(data).digest("hex") };
}
