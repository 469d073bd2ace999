// What a command that changes the store of images asks it for.

import { profilePattern } from "../boot/asset-store/set-file.ts";
import { assetKeyOf, type StoreOptions, siteOf } from "./asset-directory.ts";
import { createCopyProgress } from "./assets-text.ts";
import { CliError, exitCodes } from "./exit.ts";

/** What every change of the store needs. Throws when the inventory has no such profile. */
export function requestFor(
  options: StoreOptions,
  profile: string,
  directoryOf: (options: StoreOptions) => string,
) {
  const site = siteOf(options);
  const profiles =
    site === undefined ? [] : [...Object.keys(site.profiles), site.discovery.profile];
  if (!profilePattern.test(profile) || (profiles.length > 0 && !profiles.includes(profile)))
    throw new CliError(
      exitCodes.usage,
      `${JSON.stringify(profile)} is no profile${profiles.length > 0 ? ` of the inventory, which has ${profiles.join(", ")}` : ""}`,
      "name a profile of the inventory: lower-case letters, digits and hyphens",
    );
  const onProgress = createCopyProgress(process.stderr, () => Date.now());
  return {
    ...{ root: directoryOf(options), key: assetKeyOf(options) },
    ...{ profile, nowMs: Date.now(), onProgress },
  };
}
