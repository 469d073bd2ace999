// rackstrap assets verify: reads every image and loader in full and says what is missing or damaged, by the file's name.

import type { Command } from "commander";
import { type AssetManifest, assetProblems, createAssets, loaderFaults } from "../boot/assets.ts";
import { missingAssets } from "../serve/self-check.ts";
import {
  assetKeyOf,
  directoryOption,
  existingDirectoryOf,
  type StoreOptions,
  siteOf,
} from "./asset-directory.ts";
import { formatBytes } from "./assets-text.ts";
import { exitCodes } from "./exit.ts";
import { type Done, optionsOf, print } from "./output.ts";
import { printable } from "./table.ts";

/** Without an inventory: what the runbook's machines are sent to. */
const usualLoaders = ["undionly.kpxe", "ipxe.efi"];

export function addVerifyCommand(assets: Command, done: Done): void {
  assets
    .command("verify")
    .description(
      "read every image and loader in full; with --inventory also look for what is missing",
    )
    .addOption(directoryOption())
    .action(async (_options, command: Command) => {
      const options = optionsOf<StoreOptions>(command);
      const site = siteOf(options);
      // Nothing is remembered from earlier readings, so this one reads every octet.
      const manifest = (
        await createAssets(existingDirectoryOf(options), { key: assetKeyOf(options) })
      ).current();
      const missing =
        site === undefined
          ? assetProblems(manifest, { profiles: [], loaders: usualLoaders })
          : missingAssets(site, manifest, site.nodes, "all");
      const problems = [...missing, ...loaderFaults(manifest)];
      print(options, { directory: manifest.root, ...found(manifest), problems }, () => [
        ...soundLines(manifest),
        ...problems.map((problem) => printable(`failed  ${problem}`)),
      ]);
      done(problems.length === 0 ? exitCodes.ok : exitCodes.failed);
    });
}

function found({ versions, loaders }: AssetManifest) {
  return {
    sets: [...versions.values()].map(({ profile, version, kernel, initrd }) => ({
      ...{ profile, version, kernel, initrd },
    })),
    loaders: [...loaders].map(([name, { data }]) => ({ name, sizeBytes: data.length })),
  };
}

function soundLines(manifest: AssetManifest): string[] {
  const sets = [...manifest.versions.values()].map(({ profile, version, kernel, initrd }) => {
    const active = manifest.sets.get(profile)?.version === version ? ", active" : "";
    return `set ${profile} ${version}: kernel ${formatBytes(kernel.sizeBytes)}, initrd ${formatBytes(initrd.sizeBytes)}${active}`;
  });
  const loaders = [...manifest.loaders].map(
    ([name, { data }]) => `loader ${name}: ${formatBytes(data.length)}`,
  );
  return [...sets, ...loaders].map((line) => printable(`ok      ${line}`));
}
