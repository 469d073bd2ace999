// What every nix that is started from here needs, and a nix as it is installed has switched off.

export const nixFeatures = "nix-command flakes";

/** The same as a line of nix.conf, for NIX_CONFIG: it reaches each nix that a program starts, too. */
export const nixConfig = `extra-experimental-features = ${nixFeatures}`;
