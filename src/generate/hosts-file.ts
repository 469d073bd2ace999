// The same names as in the zones, for /etc/hosts of a machine that can't ask DNS. Pure.

import type { GeneratedFile } from "./file.ts";
import { nameGroups } from "./names.ts";
import { madeFrom, type Site } from "./site.ts";

/** Address, full name, host name: the first name is the canonical one (hosts(5)). */
export function hostsFiles({ inventory, source }: Site): readonly GeneratedFile[] {
  const lines = nameGroups(inventory).flatMap(({ title, names }) => [
    "",
    `# ${title}`,
    ...names.map(({ address, fqdn, name }) => `${address} ${fqdn} ${name}`),
  ]);
  const text = `${[madeFrom(source, "#"), "127.0.0.1 localhost", ...lines].join("\n")}\n`;
  return [{ path: "dns/hosts", text }];
}
