// Whom a node's private key can be given to. nixos-anywhere changes the owner of what it copied itself
// (--chown), and only it can: what it installs restarts before anybody else is let in.

import { nodeKeyPath } from "./extra-files.ts";

const root = "0:0";

/** The script prints paths and owners in two columns with `pr -2t`, which cuts each after this many characters. */
const longestPath = 35;
const longestName = longestPath - nodeKeyPath("").length;

/** What of the extra files is not root's, as `installArgv` takes it. */
export function keyOwners(node: string, keyOwner: string): readonly (readonly [string, string])[] {
  return keyOwner === root ? [] : [[nodeKeyPath(node), keyOwner]];
}

/** Why an install would fail to hand the node's key over, after the disk was wiped; undefined when it would not. */
export function refuseKeyOwner(
  node: string,
  keyOwner: string,
): { readonly reason: string; readonly next: string } | undefined {
  if (keyOwner === root || node.length <= longestName) return undefined;
  const path = nodeKeyPath(node);
  return {
    reason: `pki.keyOwner is ${keyOwner}, and nixos-anywhere cuts the path ${path} of node ${node} after ${longestPath} characters when it sets the owner: the install would fail after the disk was wiped`,
    next: `set pki.keyOwner: "0:0" and hand the key on with LoadCredential= (docs/certificates.md), or give the node a name of at most ${longestName} characters`,
  };
}
