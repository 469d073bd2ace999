// What the boot plane reports, as a sighting for the timeline of the machine that it concerns.

import type { BootPlaneEvent } from "../bootplane/deps.ts";
import type { Sighting } from "../nodes/timeline.ts";
import type { AddressHolders } from "./address-holders.ts";

/** None for an address that no machine is known by. */
export function sightingOfBoot(
  event: BootPlaneEvent,
  holders: Pick<AddressHolders, "find">,
): Sighting[] {
  const { kind, client, ...detail } = event;
  const mac = "mac" in detail ? detail.mac : holders.find(client);
  if (mac === undefined) return [];
  return [{ mac, kind, address: client, detail, about: aboutOf(event) }];
}

/** What tells events of one kind apart, out of a list that is ours. */
function aboutOf(event: BootPlaneEvent): string | undefined {
  switch (event.kind) {
    case "image-served":
    case "image-refused":
    case "loader-served":
      return event.file;
    case "boot-refused":
      return event.asked;
    case "keys-served":
    case "keys-refused":
      // The second and the third within one second are no repeats of the first.
      return String(Math.min(event.times, 9));
    case "boot-reported":
      return event.stage;
    default:
      return undefined;
  }
}
