// Installs loaders into an asset directory: from Debian's packages, a folder, or a URL with a sum.

import { createHash } from "node:crypto";
import { mkdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { loaderName } from "../../inventory/loader-name.ts";
import { writeFileDurably } from "./durable.ts";
import { namesIn } from "./layout.ts";
import { loaderFault } from "./loader-format.ts";
import { type LoaderRecord, readLoaderRecord, writeLoaderRecord } from "./loader-record.ts";
import { maxLoaderBytes } from "./read-loaders.ts";

const sourcesShape = z.array(
  z.strictObject({
    /** The name it is served by. */
    name: z.string().regex(loaderName),
    /** What it is for, for people. */
    for: z.string(),
    package: z.string(),
    /** Where the package has it. */
    path: z.string().startsWith("/"),
    /** Sums of package versions that do not change any more. */
    known: z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/)).optional(),
  }),
);

export type LoaderSources = Readonly<z.output<typeof sourcesShape>>;

/** Reads the table of known sources. Throws when it can't be understood: it is part of the product. */
export async function readLoaderSources(file: string): Promise<LoaderSources> {
  return sourcesShape.parse(JSON.parse(await readFile(file, "utf8")));
}

export interface FoundLoader {
  readonly name: string;
  /** A package, a path or a URL, for people. */
  readonly source: string;
  readonly data: Buffer;
}

/** The loaders of the packages that are installed on this host; `prefix` is where else a package was unpacked. */
export async function findPackagedLoaders(
  sources: LoaderSources,
  prefix = "",
): Promise<FoundLoader[]> {
  const found = sources.map(async ({ name, package: packageName, path, known = {} }) => {
    const data = await readIfThere(`${prefix}${path}`);
    if (data === undefined) return [];
    const sum = sumOf(data);
    const version = Object.keys(known).find((one) => known[one] === sum);
    const origin = version === undefined ? packageName : `${packageName} ${version}`;
    return [{ name, source: `${origin}, ${path}`, data }];
  });
  return (await Promise.all(found)).flat();
}

/**
 * The loaders of a folder: files with a loader's name, those that packages call otherwise (`shimx64.efi.signed`), and those
 * of packages that were unpacked there. Or a single file, under its own name or `name`. Throws when there is none.
 */
export async function findLoadersIn(
  sources: LoaderSources,
  path: string,
  single: SingleLoader = {},
): Promise<FoundLoader[]> {
  const facts = await stat(path).catch(() => undefined);
  if (facts?.isFile() === true) return [await readSingle(path, facts.size, single)];
  if (facts === undefined) throw new Error(`${path} does not exist or can't be read`);
  if (!facts.isDirectory()) throw new Error(`${path} is neither a file nor a folder`);
  if (single.name !== undefined || single.sha256 !== undefined)
    throw new Error(`${path} is a folder: --name and --sha256 are for a single file or a URL`);
  const renamed = new Map(
    sources
      .map((one): [string, string] => [basename(one.path), one.name])
      .filter(([from]) => from.endsWith(".signed")),
  );
  const found = new Map<string, FoundLoader>();
  for (const loader of await findPackagedLoaders(sources, path)) found.set(loader.name, loader);
  for (const entry of (await namesIn(path)).filter((one) => loaderName.test(one))) {
    const data = await readIfThere(join(path, entry));
    const served = renamed.get(entry) ?? entry;
    if (data !== undefined) found.set(served, { name: served, source: join(path, entry), data });
  }
  if (found.size === 0)
    throw new Error(`${path} holds no loader: expected a file such as ipxe.efi`);
  return [...found.values()];
}

/** What is said of a single file. */
export interface SingleLoader {
  /** To be served by; else its own. */
  readonly name?: string | undefined;
  /** That it must have. */
  readonly sha256?: string | undefined;
}

async function readSingle(
  path: string,
  sizeBytes: number,
  { name, sha256 }: SingleLoader,
): Promise<FoundLoader> {
  const served = requireName(name ?? basename(path));
  if (sizeBytes > maxLoaderBytes) throw new Error(`${path} is too large for a loader`);
  const data = await readFile(path);
  if (sha256 !== undefined) requireSum(path, data, sha256);
  return { name: served, source: path, data };
}

/** Fetches a loader. `sha256` is required, so that what is fetched is what somebody looked at. Throws with the URL. */
export async function fetchLoader(
  url: URL,
  sha256: string,
  name: string | undefined,
  signal: AbortSignal,
): Promise<FoundLoader> {
  const served = requireName(name ?? basename(url.pathname));
  const response = await fetch(url, { signal });
  if (!response.ok || response.body === null)
    throw new Error(`${url.href} was answered with ${response.status}`);
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response.body) {
    size += piece.length;
    if (size > maxLoaderBytes) throw new Error(`${url.href} is too large for a loader`);
    pieces.push(piece);
  }
  const data = Buffer.concat(pieces);
  requireSum(url.href, data, sha256);
  return { name: served, source: url.href, data };
}

/**
 * Installs loaders, and notes where they came from. Throws before anything is changed when one is not what its name says.
 * Each is replaced as a whole; its note is taken out first, so that a crash leaves a loader that can be served.
 */
export async function installLoaders(
  root: string,
  loaders: readonly FoundLoader[],
  nowMs: number,
): Promise<LoaderRecord> {
  for (const { name, source, data } of loaders) {
    const fault = data.length > maxLoaderBytes ? "is too large" : loaderFault(name, data);
    if (fault !== undefined) throw new Error(`loader ${name} (${source}) ${fault}`);
  }
  await mkdir(root, { recursive: true });
  const recorded = await readLoaderRecord(root);
  const names = new Set(loaders.map(({ name }) => name));
  const others = Object.entries("record" in recorded ? recorded.record : {}).filter(
    ([name]) => !names.has(name),
  );
  await writeLoaderRecord(root, Object.fromEntries(others));
  for (const { name, data } of loaders) await writeFileDurably(join(root, name), data);
  const installedAt = new Date(nowMs).toISOString();
  const installed = loaders.map(
    ({ name, source, data }) => [name, { source, sha256: sumOf(data), installedAt }] as const,
  );
  const record = Object.fromEntries(
    [...others, ...installed].sort(([one], [other]) => (one < other ? -1 : 1)),
  );
  await writeLoaderRecord(root, record);
  return record;
}

function requireSum(source: string, data: Buffer, expected: string): void {
  const sum = sumOf(data);
  if (sum !== expected)
    throw new Error(
      `${source} has the SHA-256 ${sum}, expected ${expected}: look where it comes from, then give the sum of what you trust`,
    );
}

function requireName(name: string): string {
  if (loaderName.test(name)) return name;
  throw new Error(
    `${name} is no name of a loader: add --name NAME, such as ipxe.efi or undionly.kpxe`,
  );
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  const facts = await stat(path).catch(() => undefined);
  return facts?.isFile() === true && facts.size <= maxLoaderBytes ? readFile(path) : undefined;
}

function sumOf(data: Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}
