// How the further files of an inventory are named.

import { matching } from "./values.ts";

/** Relative, below the inventory's own folder, and of a kind that editors do not leave behind. */
export const includePattern = matching(
  /^(?:[A-Za-z0-9_*?][A-Za-z0-9_.*?-]*\/){0,8}(?!\*\*)[A-Za-z0-9_*?][A-Za-z0-9_.*?-]*\.(?:yaml|yml|json)$/,
  "a file below the inventory's own folder, such as networks.yaml or nodes/*.yaml",
);
