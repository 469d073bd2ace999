// Could the server listen where it has to? For a machine on which it does not run yet.

import { servedInterfaces } from "../inventory/networks.ts";
import type { Inventory } from "../inventory/schema.ts";
import { type CheckLine, error, ok, warning } from "./line.ts";
import type { Binding, Surroundings } from "./surroundings.ts";

interface Listener {
  readonly what: string;
  readonly protocol: "udp" | "tcp";
  readonly address: string;
  readonly port: number;
}

export async function checkPorts(
  inventory: Inventory,
  { bind }: Pick<Surroundings, "bind">,
): Promise<readonly CheckLine[]> {
  return await Promise.all(
    listenersOf(inventory).map(async (listener) =>
      judge(listener, await bind(listener.protocol, listener.address, listener.port)),
    ),
  );
}

/** DHCP hears broadcasts, which come to no address of this machine. */
function listenersOf(inventory: Inventory): readonly Listener[] {
  const { httpPort, api } = inventory.server;
  return [
    { what: "DHCP", protocol: "udp", address: "0.0.0.0", port: 67 },
    { what: "the API", protocol: "tcp", address: api.address, port: api.port },
    ...servedInterfaces(inventory).flatMap(({ address }): Listener[] => [
      { what: "TFTP", protocol: "udp", address, port: 69 },
      { what: "the boot plane", protocol: "tcp", address, port: httpPort },
    ]),
  ];
}

function judge({ what, protocol, address, port }: Listener, binding: Binding): CheckLine {
  const subject = { area: "boot-server" as const, title: `${protocol} port ${port}` };
  switch (binding.kind) {
    case "free":
      return ok(subject, `free on ${address} for ${what}`);
    case "taken":
      return error(
        subject,
        `${what} needs it on ${address}, and something else listens there`,
        `find out what and stop it: ss -lnp${protocol === "udp" ? "u" : "t"} sport = :${port}; if it is rackstrap, ask it: rackstrap check --server`,
      );
    case "refused":
      return warning(
        subject,
        binding.why === "EADDRNOTAVAIL"
          ? `this machine has no address ${address}`
          : `this user may not listen on ${address} (${binding.why})`,
        binding.why === "EADDRNOTAVAIL"
          ? `give this machine the address ${address}`
          : "run the check as the server's user; the server needs CAP_NET_BIND_SERVICE or sockets of systemd",
      );
  }
}
