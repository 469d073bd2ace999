// Every generator, by the name that `rackstrap generate --only` has for it.

import { ansibleFiles } from "./ansible-inventory.ts";
import { clusterConfigFiles, type Skipped } from "./cluster-config-files.ts";
import { dnsFiles } from "./dns-zones.ts";
import type { GeneratedFile } from "./file.ts";
import { hostsFiles } from "./hosts-file.ts";
import { inventoryJsonFiles } from "./inventory-json.ts";
import { nixosFiles } from "./nixos.ts";
import type { OwnedFile } from "./plan.ts";
import { prometheusFiles } from "./prometheus-targets.ts";
import type { Site } from "./site.ts";
import { sshFiles } from "./ssh-config.ts";

interface Generator {
  readonly name: string;
  readonly files: (site: Site) => readonly GeneratedFile[] | Skipped;
}

/** In the order in which their files are shown. */
export const generators: readonly Generator[] = [
  { name: "nixos", files: nixosTree },
  { name: "cluster-config", files: clusterConfigFiles },
  { name: "dns", files: dnsFiles },
  { name: "hosts", files: hostsFiles },
  { name: "prometheus", files: prometheusFiles },
  { name: "ansible", files: ansibleFiles },
  { name: "ssh", files: sshFiles },
  { name: "inventory-json", files: inventoryJsonFiles },
];

/** Without a key nobody could log in to the nodes, this server included. */
function nixosTree({ inventory, sshKeys }: Site): readonly GeneratedFile[] | Skipped {
  return sshKeys.length > 0
    ? nixosFiles(inventory, { sshKeys, hardware: new Map() })
    : {
        skipped: "there is no public key yet that the nodes could let in",
        next: "start the server once, which makes one; with install.sshKey: ssh-keygen -y -f KEY > KEY.pub",
      };
}

export interface Generated {
  readonly files: readonly OwnedFile[];
  /** The generators that made all their files; only these can say that a file is no longer made. */
  readonly complete: ReadonlySet<string>;
  readonly skipped: readonly (Skipped & { readonly generator: string })[];
}

/** Runs the generators of these names. Throws when two of them make the same file, which is a fault of ours. */
export function generate(site: Site, names: ReadonlySet<string>): Generated {
  const files: OwnedFile[] = [];
  const complete = new Set<string>();
  const skipped: (Skipped & { readonly generator: string })[] = [];
  for (const { name, files: make } of generators) {
    if (!names.has(name)) continue;
    const made = make(site);
    if ("skipped" in made) skipped.push({ ...made, generator: name });
    else {
      complete.add(name);
      files.push(...made.map((file) => ({ ...file, by: name })));
    }
  }
  const paths = new Set<string>();
  for (const { path } of files) {
    if (paths.has(path)) throw new Error(`two generators make ${path}`);
    paths.add(path);
  }
  return { files, complete, skipped };
}
