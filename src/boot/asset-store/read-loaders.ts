// The loaders of an asset directory, read into memory: a transfer cannot see one change.

import { createHash, type KeyObject } from "node:crypto";
import { readdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { loaderName } from "../../inventory/loader-name.ts";
import { type FileProblem, resolveFile } from "../asset-file.ts";
import { changing, readingFault, withFile } from "./image-file.ts";
import { loaderDamage } from "./loader-format.ts";
import { type LoaderRecord, readLoaderRecord } from "./loader-record.ts";

/** A loader such as ipxe.efi. */
export interface Loader {
  readonly data: Buffer;
  readonly identity: string;
  readonly sha256: string;
}

/** A file that can't be a loader, whenever it is looked at. */
interface SpoiltLoader extends FileProblem {
  readonly identity: string;
}

export interface ReadLoaders {
  readonly loaders: ReadonlyMap<string, Loader>;
  /** What was read, given or not, so that it need not be read again while it is the same. */
  readonly read: ReadonlyMap<string, Loader | SpoiltLoader>;
  /** Names of loaders that are there, or should be, and are not given to anyone, each with a sentence that says why. */
  readonly refused: ReadonlyMap<string, string>;
  readonly problems: readonly string[];
  /** Of the problems, those with loaders that are not what they should be. */
  readonly damaged: readonly string[];
}

export const noLoaders: ReadLoaders = {
  ...{ loaders: new Map(), read: new Map(), refused: new Map() },
  ...{ problems: [], damaged: [] },
};

export const maxLoaderBytes = 16 * 1024 * 1024;

/**
 * `root` is the asset directory. A file that is still one of those read `before` is not read again, unless all are to be read
 * `inFull`. When the whole directory is gone, such as one that is not mounted any more, what is known goes on being given.
 */
export async function readLoaders(
  root: string,
  before: ReadLoaders,
  { key, inFull }: { readonly key: KeyObject | undefined; readonly inFull: boolean },
): Promise<ReadLoaders> {
  const held = before.loaders.size > 0;
  const listed = await list(root, held);
  if ("problem" in listed) {
    const problems = [listed.problem];
    return { ...before, problems, damaged: held ? problems : [] };
  }
  const { base } = listed;
  const recorded = await readLoaderRecord(base, key);
  const record = "record" in recorded ? recorded.record : {};
  const loaders = new Map<string, Loader>();
  const read = new Map<string, Loader | SpoiltLoader>();
  const faults = new Map<string, FileProblem>();
  const names = new Set([...listed.names, ...Object.keys(record)]);
  for (const name of [...names].filter((entry) => loaderName.test(entry))) {
    const loader = await readLoader(base, name, inFull ? undefined : before.read.get(name));
    if ("identity" in loader) read.set(name, loader);
    const fault = faultOf(join(base, name), loader, record[name], key !== undefined);
    if (fault !== undefined)
      faults.set(name, { ...fault, problem: `${loaderLabel(name)}: ${fault.problem}` });
    else if ("data" in loader) loaders.set(name, loader);
  }
  const all = [...("problem" in recorded ? [recorded] : []), ...faults.values()];
  return {
    ...{ loaders, read },
    refused: new Map(Array.from(faults, ([name, { problem }]) => [name, problem])),
    problems: all.map(({ problem }) => problem),
    damaged: all.flatMap(({ problem, damaged }) => (damaged ? [problem] : [])),
  };
}

interface Listing {
  /** The directory without links. */
  readonly base: string;
  readonly names: readonly string[];
}

/** What is in the directory, or why that says nothing of the loaders; `held`: there were some. */
async function list(root: string, held: boolean): Promise<Listing | { readonly problem: string }> {
  const base = await realpath(root).catch(() => undefined);
  if (base === undefined)
    return { problem: `the asset directory ${root} does not exist or cannot be read` };
  try {
    const names = (await readdir(base)).filter((name) => !name.startsWith(".")).sort();
    if (names.length > 0 || !held) return { base, names };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { problem: `the asset directory ${root} cannot be read (${code})` };
  }
  return {
    problem: `the asset directory ${root} is empty, and held loaders a moment ago: mount it again, or install the loaders with rackstrap assets loaders`,
  };
}

/** Why a loader is not served; `signed`: only what is in the record is. */
function faultOf(
  path: string,
  loader: Loader | FileProblem,
  installed: LoaderRecord[string] | undefined,
  signed: boolean,
): FileProblem | undefined {
  const again = "install it again with rackstrap assets loaders";
  if (installed === undefined && signed) {
    const problem = "is not in a signed loaders.json, as server.assetKey asks for";
    return { problem: `${path} ${problem}: ${again}, then sign loaders.json`, damaged: false };
  }
  if (installed === undefined) {
    if ("data" in loader) return undefined;
    return { ...loader, problem: `${path} ${loader.problem}: replace or remove it` };
  }
  if ("problem" in loader) {
    const problem = `${path} ${loader.problem}: ${again}, or take it out of loaders.json`;
    return { problem, damaged: true };
  }
  if (installed.sha256 === loader.sha256) return undefined;
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
  known: Loader | SpoiltLoader | undefined,
): Promise<Loader | SpoiltLoader | FileProblem> {
  const file = await resolveFile(base, join(base, name));
  if ("problem" in file) return file;
  const { identity, sizeBytes } = file;
  if (known?.identity === identity) return known;
  if (sizeBytes > maxLoaderBytes)
    return { problem: `has ${sizeBytes} octets, too many for a loader`, damaged: true };
  try {
    const data = await withFile(file, (handle) => handle.readFile());
    const fault = loaderDamage(name, data);
    if (fault !== undefined) return { problem: fault, damaged: true, identity };
    return { data, identity, sha256: createHash("sha256").update(data).digest("hex") };
  } catch (error) {
    const problem = readingFault(error);
    return { problem, damaged: problem !== changing };
  }
}
