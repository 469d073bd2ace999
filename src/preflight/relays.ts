// Can the networks behind relays be reached? A reply to a relayed request goes to the relay's address there (RFC 2131 §4.1).

import { bootNetworks } from "../inventory/networks.ts";
import type { Inventory } from "../inventory/schema.ts";
import { type CheckLine, error, ok, warning } from "./line.ts";
import type { Surroundings } from "./surroundings.ts";

export async function checkRelays(
  inventory: Inventory,
  { run }: Pick<Surroundings, "run">,
): Promise<readonly CheckLine[]> {
  const remote = bootNetworks(inventory).flatMap(({ name, interface: attached, settings }) =>
    attached === undefined && settings.mode !== "off" && settings.gateway !== undefined
      ? [{ name: `network ${name}`, address: settings.gateway }]
      : [],
  );
  const relays = inventory.dhcp.relays.map((address) => ({ name: "relay", address }));
  return await Promise.all(
    [...remote, ...relays].map(async ({ name, address }) => {
      const subject = { area: "network" as const, title: `${name}, ${address}` };
      const ping = await run(["ping", "-n", "-c", "2", "-W", "2", address], 10_000);
      if (ping === undefined)
        return warning(subject, "there is no ping here to try it with", "install iputils-ping");
      if (ping.exitCode === 0) return ok(subject, "answers");
      return error(
        subject,
        "does not answer ping",
        `check the route (ip route get ${address}) and the relay's helper address, which is this server's: ${inventory.server.address}`,
      );
    }),
  );
}
