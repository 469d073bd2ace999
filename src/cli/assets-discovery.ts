// rackstrap assets build-discovery: builds the discovery image from Debian's packages and takes it into the store.

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { activateSet } from "../boot/asset-store/activate.ts";
import { importSet } from "../boot/asset-store/import.ts";
import { assetDirectoryOf, directoryOption, type StoreOptions, siteOf } from "./asset-directory.ts";
import { requestFor } from "./asset-request.ts";
import { importedLine, switchedLine } from "./assets-text.ts";
import { CliError, exitCodes } from "./exit.ts";
import { type Done, optionsOf, print } from "./output.ts";

interface BuildOptions extends StoreOptions {
  readonly work?: string;
  readonly kernel?: string;
  readonly package: readonly string[];
  readonly activate?: boolean;
}

const buildScript = join(import.meta.dirname, "../../boot-assets/discovery/build.sh");
const defaultProfile = "discovery";

export function addBuildDiscoveryCommand(assets: Command, done: Done): void {
  assets
    .command("build-discovery")
    .description("build the discovery image from Debian 12's packages and take it into the store")
    .option("--work <dir>", "keep packages and image there; else a temporary folder")
    .option("--kernel <package>", "the kernel's package; else linux-image-amd64")
    .option(
      "--package <package>",
      "one more, such as firmware of network cards; may be repeated",
      (name: string, names: readonly string[]) => [...names, name],
      [],
    )
    .option("--activate", "give it to machines from the next boot on")
    .addOption(directoryOption())
    .action(async (_options, command: Command) => {
      const options = optionsOf<BuildOptions>(command);
      const profile = siteOf(options)?.discovery.profile ?? defaultProfile;
      const request = requestFor(options, profile, assetDirectoryOf);
      const work = options.work ?? mkdtempSync(join(tmpdir(), "rackstrap-discovery-"));
      try {
        mkdirSync(work, { recursive: true });
        await build(work, options);
        const imported = await importSet({ ...request, path: work });
        const activated =
          options.activate === true ? await activateSet(request, imported.set.id) : undefined;
        print(options, { ...imported, ...(activated && { activated }) }, () => [
          importedLine(imported),
          ...(activated === undefined ? [] : [switchedLine(profile, activated)]),
        ]);
      } finally {
        if (options.work === undefined) rmSync(work, { recursive: true, force: true });
      }
      done(exitCodes.ok);
    });
}

/** The script says on stderr what it does, and what keeps it from it. */
async function build(work: string, options: BuildOptions): Promise<void> {
  const argv = [
    ...[buildScript, "--out", work],
    ...(options.kernel === undefined ? [] : ["--kernel", options.kernel]),
    ...options.package.flatMap((name) => ["--package", name]),
  ];
  const child = spawn("sh", argv, { stdio: ["ignore", "ignore", "inherit"] });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0)
    throw new CliError(
      exitCodes.failed,
      `the discovery image was not built: ${buildScript} ended with ${code ?? "a signal"}`,
      "its last line says why; it needs Debian 12 with apt, dpkg, kmod, cpio and zstd",
    );
}
