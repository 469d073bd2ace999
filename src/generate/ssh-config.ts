// An ssh_config that reaches every node by its short and its full name. Pure.

import type { Node } from "../inventory/schema.ts";
import type { GeneratedFile } from "./file.ts";
import { madeFrom, type Site } from "./site.ts";

/** Used with `ssh -F`, or by `Include` in ~/.ssh/config. Host keys are remembered by full name, whatever was typed. */
export function sshFiles({ inventory, source }: Site): readonly GeneratedFile[] {
  const { install, nodes } = inventory;
  const key = identityLines(install.sshKey);
  const text = [madeFrom(source, "#"), ...nodes.flatMap((node) => ["", ...hostLines(node, key)])];
  return [{ path: "ssh/config", text: `${text.join("\n")}\n` }];
}

function hostLines({ name, fqdn, productionAddress }: Node, key: readonly string[]): string[] {
  const settings = [
    `HostName ${productionAddress}`,
    `HostKeyAlias ${fqdn}`,
    "User root",
    "ProxyJump none",
    ...key,
  ];
  return [`Host ${name} ${fqdn}`, ...settings.map((line) => `  ${line}`)];
}

/** ssh expands % in this path (ssh_config(5), TOKENS). A path that would end the quotes is left to ssh's own defaults. */
function identityLines(path: string | undefined): string[] {
  if (path === undefined) return [];
  if (/["\\\p{Cc}]/u.test(path))
    return ["# install.sshKey has characters that ssh_config can't say"];
  return [`IdentityFile "${path.replaceAll("%", "%%")}"`, "IdentitiesOnly yes"];
}
