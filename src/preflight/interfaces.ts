// Is each served interface there, up, and does it have this server's address?

import { servedInterfaces } from "../inventory/networks.ts";
import type { Inventory } from "../inventory/schema.ts";
import { type CheckLine, error, ok, warning } from "./line.ts";
import type { Surroundings } from "./surroundings.ts";

export function checkInterfaces(
  inventory: Inventory,
  { interfaces }: Pick<Surroundings, "interfaces">,
): readonly CheckLine[] {
  const present = interfaces();
  return servedInterfaces(inventory).map(({ name, address, path }) => {
    const subject = { area: "network" as const, title: `interface ${name}` };
    const found = present.get(name);
    if (found === undefined)
      return error(
        subject,
        `this machine has ${[...present.keys()].join(", ") || "no interface"}`,
        `correct server.interface (or server.interfaces), or run on the provisioning server`,
      );
    if (!found.carrier)
      return warning(subject, "has no link", "check the cable and the switch port");
    if (!found.addresses.includes(address))
      return error(
        subject,
        `has ${found.addresses.join(", ") || "no address"}, and ${path.join(".")} says ${address}`,
        `give it the address: ip address add ${address}/PREFIX dev ${name}`,
      );
    return ok(subject, `${address}, link up`);
  });
}
