// rackstrap assets loaders: installs boot loaders from Debian's packages, a folder, a file, or a URL with a sum.

import { join } from "node:path";
import type { Command } from "commander";
import {
  type FoundLoader,
  fetchLoader,
  findLoadersIn,
  findPackagedLoaders,
  installLoaders,
  type LoaderSources,
  readLoaderSources,
} from "../boot/asset-store/loaders.ts";
import {
  assetDirectoryOf,
  directoryOption,
  requireThere,
  type StoreOptions,
} from "./asset-directory.ts";
import { CliError, exitCodes } from "./exit.ts";
import { type Done, optionsOf, print } from "./output.ts";
import { formatTable, printable } from "./table.ts";

interface LoadersOptions extends StoreOptions {
  readonly from?: string;
  readonly sha256?: string;
  readonly name?: string;
}

const sourcesFile = join(import.meta.dirname, "../../boot-assets/loaders.json");
const fetchTimeoutMs = 120_000;

export function addLoadersCommand(assets: Command, done: Done): void {
  assets
    .command("loaders")
    .description("install boot loaders; without --from those of this host's Debian packages")
    .option("--from <place>", "a folder, a file, or an http or https URL")
    .option("--sha256 <sum>", "of the single file or of what the URL gives; required with a URL")
    .option("--name <name>", "the name to serve a single file by")
    .addOption(directoryOption())
    .action(async (_options, command: Command) => {
      const options = optionsOf<LoadersOptions>(command);
      const sources = await readLoaderSources(sourcesFile);
      const found = await findLoaders(options, sources);
      const record = await installLoaders(assetDirectoryOf(options), found, Date.now());
      const names = found.map(({ name }) => name);
      const installed = names.map((name) => ({ name, ...record[name] }));
      // Only of a host's packages is it known what could be there and is not.
      const missing = sources
        .filter(({ name }) => options.from === undefined && !names.includes(name))
        .map(({ name, for: purpose, package: packageName }) => ({ name, purpose, packageName }));
      print(options, { installed, missing }, () => [
        ...formatTable(
          ["LOADER", "SHA-256", "FROM"],
          installed.map(({ name, sha256 = "", source = "" }) => [
            name,
            sha256.slice(0, 16),
            source,
          ]),
        ),
        ...missing.map(({ name, packageName }) =>
          printable(`not there: ${name} (Debian package ${packageName})`),
        ),
      ]);
      done(exitCodes.ok);
    });
}

async function findLoaders(
  { from, sha256, name }: LoadersOptions,
  sources: LoaderSources,
): Promise<FoundLoader[]> {
  requireSum(sha256);
  if (from === undefined) {
    if (sha256 === undefined && name === undefined) return packagedLoaders(sources);
    throw new CliError(
      exitCodes.usage,
      `${sha256 === undefined ? "--name" : "--sha256"} is for a single file or a URL`,
      "name it with --from, or leave the option out",
    );
  }
  if (!/^https?:\/\//.test(from)) {
    requireThere(from);
    return findLoadersIn(sources, from, { name, sha256 });
  }
  if (!URL.canParse(from) || sha256 === undefined)
    throw new CliError(
      exitCodes.usage,
      `${from} is fetched only with the SHA-256 it must have`,
      `add --sha256 with ${sumForm}, from where the loader was published`,
    );
  const signal = AbortSignal.timeout(fetchTimeoutMs);
  return [await fetchLoader(new URL(from), sha256, name, signal)];
}

const sumForm = "64 hexadecimal digits in lower case";

function requireSum(sha256: string | undefined): void {
  if (sha256 === undefined || /^[0-9a-f]{64}$/.test(sha256)) return;
  const message = `--sha256 ${JSON.stringify(sha256)} is no SHA-256`;
  throw new CliError(exitCodes.usage, message, `give ${sumForm}`);
}

async function packagedLoaders(sources: LoaderSources): Promise<FoundLoader[]> {
  const found = await findPackagedLoaders(sources);
  if (found.length > 0) return found;
  throw new CliError(
    exitCodes.failed,
    "this host has no packages with loaders",
    "run apt-get install ipxe, or name a folder with --from DIR",
  );
}
