// Is this server's clock right? A certificate is issued by it, and a node that disagrees refuses it.

import { bootNetworks } from "../inventory/networks.ts";
import type { Inventory } from "../inventory/schema.ts";
import { type CheckLine, error, ok, warning } from "./line.ts";
import type { Surroundings } from "./surroundings.ts";

const noticeMs = 1_000;
// Two servers that differ by more than this can't agree on leases and certificates.
const wrongMs = 30_000;

export async function checkClock(
  inventory: Inventory,
  { clockOffsetMs }: Pick<Surroundings, "clockOffsetMs">,
): Promise<readonly CheckLine[]> {
  const servers = [...new Set(bootNetworks(inventory).flatMap(({ settings }) => settings.ntp))];
  const title = "clock";
  const area = "network" as const;
  if (servers.length === 0)
    return [
      warning(
        { area, title },
        "no NTP server is declared, so it can't be compared",
        "set networks.provisioning.ntp; the nodes are told it, too",
      ),
    ];
  return await Promise.all(
    servers.map(async (server) => {
      const subject = { area, title: `${title} against ${server}` };
      const offset = await clockOffsetMs(server);
      if (offset === undefined)
        return error(
          subject,
          "the NTP server does not answer",
          "correct networks.provisioning.ntp, or see to the server and the way there (udp 123)",
        );
      const detail = `this machine is ${describe(offset)}`;
      const next = "synchronise this machine: timedatectl set-ntp true, or chronyc makestep";
      if (Math.abs(offset) > wrongMs) return error(subject, detail, next);
      return Math.abs(offset) > noticeMs ? warning(subject, detail, next) : ok(subject, detail);
    }),
  );
}

/** `offset`: by how much the other clock is ahead, milliseconds. */
function describe(offset: number): string {
  const amount = Math.abs(offset);
  const text = amount < 1000 ? `${Math.round(amount)} ms` : `${(amount / 1000).toFixed(1)} s`;
  return offset === 0 ? "on time" : `${text} ${offset > 0 ? "behind" : "ahead"}`;
}
