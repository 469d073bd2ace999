// Several sources as one: what two of them know of a machine is joined, and where they differ the first one counts. Pure.

import type { Mac } from "../../net/mac.ts";
import type { HostFacts, OldBmc, OldConfig, OldHost } from "./model.ts";
import type { Note } from "./source.ts";

/** Configurations in the order of the command line. Within one of them a machine that stands twice is left as it is. */
export function mergeConfigs(configs: readonly OldConfig[]): OldConfig {
  const [only] = configs;
  if (only !== undefined && configs.length === 1) return only;
  const notes = configs.flatMap((config) => config.notes);
  const hosts: OldHost[] = [];
  for (const config of configs) {
    const before = new Map<Mac, number>(hosts.map(({ mac }, i) => [mac, i]));
    for (const host of config.hosts) {
      const at = before.get(host.mac);
      const known = at === undefined ? undefined : hosts[at];
      if (at === undefined || known === undefined) hosts.push(host);
      else hosts[at] = joinHosts(known, host, notes);
    }
  }
  return {
    networks: configs.flatMap(({ networks }) => networks),
    hosts,
    server: Object.assign({}, ...configs.toReversed().map(({ server }) => server ?? {})),
    notes,
  };
}

function joinHosts(first: OldHost, second: OldHost, notes: Note[]): OldHost {
  const differs = (what: string, kept: string, other: string) =>
    notes.push({
      place: second.place,
      what: `machine ${first.name ?? first.mac}: ${what} ${other}`,
      instead: `it is ${kept} in ${first.place.file}:${first.place.line}, which counts: correct one of the two`,
    });
  const address = first.addresses[0];
  const other = second.addresses.find((one) => !first.addresses.includes(one));
  if (address !== undefined && other !== undefined) differs("address", address, other);
  const short = (name: string | undefined) => name?.split(".")[0]?.toLowerCase();
  if (
    first.name !== undefined &&
    second.name !== undefined &&
    short(first.name) !== short(second.name)
  )
    differs("name", first.name, second.name);
  const { bmc: firstBmc, ...firstFacts } = first.facts ?? {};
  const { bmc: secondBmc, ...secondFacts } = second.facts ?? {};
  for (const [key, value] of Object.entries(secondFacts)) {
    const kept = firstFacts[key as keyof typeof firstFacts];
    if (kept !== undefined && kept !== value) differs(key, kept, String(value));
  }
  const bmc: OldBmc = { ...secondBmc, ...firstBmc };
  const facts: HostFacts = {
    ...secondFacts,
    ...firstFacts,
    ...(Object.keys(bmc).length > 0 && { bmc }),
  };
  return {
    ...first,
    name: longer(first.name, second.name),
    addresses: address === undefined ? second.addresses : first.addresses,
    facts,
  };
}

/** The full name where one of them is. */
function longer(first: string | undefined, second: string | undefined): string | undefined {
  if (first === undefined) return second;
  return second?.startsWith(`${first}.`) ? second : first;
}
