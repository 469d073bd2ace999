// What must hold between the networks that machines boot in, this server's addresses there, and the API's address.

import { type Cidr, cidrContains, formatCidr } from "../net/cidr.ts";
import { anyAddress, ipv4ToNumber } from "../net/ipv4.ts";
import { formatRange, type Ipv4Range } from "../net/ipv4-range.ts";
import { outside, pooled } from "./address-check.ts";
import type { Finding } from "./check.ts";
import {
  type BootNetwork,
  bootNetworks,
  type ServedInterface,
  servedInterfaces,
} from "./networks.ts";
import type { ParsedInventory } from "./schema.ts";

type Path = Finding["path"];

/** Every rule that the networks of DHCP break; empty when they are sound. */
export function networkFindings(file: ParsedInventory): Finding[] {
  const networks = bootNetworks(file);
  const interfaces = servedInterfaces(file);
  return [
    ...nameFindings(file),
    ...overlapFindings(networks),
    ...interfaces.flatMap((served) => interfaceFindings(served, networks)),
    ...apiFindings(file, networks),
    ...networks.flatMap((network) => [
      ...attachmentFindings(network, interfaces),
      ...poolFindings(network),
      ...excludeFindings(network),
      ...routerFindings(network),
      ...leaseFindings(network),
    ]),
  ];
}

function nameFindings({ server, networks, dhcp }: ParsedInventory): Finding[] {
  const known = Object.keys(networks);
  const repeated = Object.keys(dhcp.subnets).filter((name) => known.includes(name));
  return [
    ...repeated.map((name) => ({
      path: ["dhcp", "subnets", name],
      at: "key" as const,
      message: `"${name}" is the name of a network under networks: choose another`,
    })),
    ...(Object.hasOwn(server.interfaces, server.interface)
      ? [
          {
            path: ["server", "interfaces", server.interface],
            at: "key" as const,
            message: `${server.interface} is server.interface, with server.address: remove it here`,
          },
        ]
      : []),
  ];
}

function overlapFindings(networks: readonly BootNetwork[]): Finding[] {
  return networks.flatMap((network, index) => {
    const { cidr } = network.settings;
    const other = networks.slice(0, index).find(({ settings }) => overlap(settings.cidr, cidr));
    return other === undefined
      ? []
      : [
          {
            path: [...network.path, "cidr"],
            message: `${formatCidr(cidr)} overlaps the ${other.name} network ${formatCidr(other.settings.cidr)}: correct one of the two`,
          },
        ];
  });
}

function overlap(a: Cidr, b: Cidr): boolean {
  return cidrContains(a, b.network) || cidrContains(b, a.network);
}

/** Several networks may share an interface; this server has its address in one of them. */
function interfaceFindings(served: ServedInterface, networks: readonly BootNetwork[]): Finding[] {
  const { name, address, path } = served;
  const [first, ...others] = networks.filter((network) => network.interface === name);
  if (first === undefined)
    return [
      {
        path,
        at: "key",
        message: `no network is attached to ${name}: name it as the interface of one under dhcp.subnets, or remove it here`,
      },
    ];
  // The provisioning network is the one that server.address is in, whatever else shares its interface.
  const candidates = first.name === "provisioning" ? [] : others;
  const home =
    [first, ...candidates].find(({ settings }) => cidrContains(settings.cidr, address)) ?? first;
  const remedy = "move the server, shrink the pool or exclude the address";
  return [
    ...outside(path, address, home.settings.cidr, home.name),
    ...pooled(path, address, home.settings, remedy),
  ];
}

function attachmentFindings(
  network: BootNetwork,
  interfaces: readonly ServedInterface[],
): Finding[] {
  const attached = network.interface;
  if (attached === undefined || interfaces.some(({ name }) => name === attached)) return [];
  const served = interfaces.map(({ name }) => name).join(", ");
  return [
    {
      path: [...network.path, "interface"],
      message: `"${attached}" is not served: add it to server.interfaces with this server's address there, or remove it for a network behind a relay. Served: ${served}`,
    },
  ];
}

function apiFindings({ server }: ParsedInventory, networks: readonly BootNetwork[]): Finding[] {
  const { address } = server.api;
  const reachable =
    address === anyAddress || networks.some(({ settings }) => cidrContains(settings.cidr, address));
  return reachable
    ? [
        {
          path: ["server", "api", "address"],
          message: `${address} would offer the API to machines that boot: use 127.0.0.1 or an address of the management network`,
        },
      ]
    : [];
}

function poolFindings({ name, path, settings }: BootNetwork): Finding[] {
  const { pool = [], cidr, mode } = settings;
  const at = [...path, "pool"];
  if (mode === "proxy" && settings.pool !== undefined)
    return [
      {
        path: at,
        message: "mode proxy leaves the addresses to another server: remove the pool or the mode",
      },
    ];
  if (!Array.isArray(pool)) return rangeFindings(at, pool, cidr, name);
  return pool.flatMap((range, index) => {
    const other = pool.slice(0, index).find((before) => rangesMeet(before, range));
    const meeting = `${formatRange(range)} overlaps ${formatRange(other ?? range)} of the same pool: keep them apart`;
    return [
      ...rangeFindings([...at, index], range, cidr, name),
      ...(other === undefined ? [] : [{ path: [...at, index], message: meeting }]),
    ];
  });
}

function rangeFindings(path: Path, range: Ipv4Range, cidr: Cidr, network: string): Finding[] {
  return [
    ...outside([...path, "start"], range.start, cidr, network),
    ...outside([...path, "end"], range.end, cidr, network),
    ...orderFindings(path, range, "pool"),
  ];
}

function orderFindings(path: Path, { start, end }: Ipv4Range, what: string): Finding[] {
  return ipv4ToNumber(start) > ipv4ToNumber(end)
    ? [{ path, message: `the ${what} starts at ${start}, after its end ${end}: exchange the two` }]
    : [];
}

function rangesMeet(a: Ipv4Range, b: Ipv4Range): boolean {
  return (
    ipv4ToNumber(a.start) <= ipv4ToNumber(b.end) && ipv4ToNumber(b.start) <= ipv4ToNumber(a.end)
  );
}

// The network's own and broadcast address are never in a pool; excluding them does no harm.
function excludeFindings({ name, path, settings }: BootNetwork): Finding[] {
  const { cidr, exclude } = settings;
  return exclude.flatMap((entry, index) => {
    const at = [...path, "exclude", index];
    const ends =
      typeof entry === "string"
        ? [{ address: entry, path: at }]
        : [
            { address: entry.start, path: [...at, "start"] },
            { address: entry.end, path: [...at, "end"] },
          ];
    const strays = ends.filter(({ address }) => !cidrContains(cidr, address));
    return [
      ...strays.flatMap((end) => outside(end.path, end.address, cidr, name)),
      ...(typeof entry === "string" ? [] : orderFindings(at, entry, "range")),
    ];
  });
}

function routerFindings({ name, path, settings }: BootNetwork): Finding[] {
  const { cidr, gateway, routes } = settings;
  const routers = [
    ...(gateway === undefined
      ? []
      : [{ address: gateway, path: [...path, "gateway"], what: "gateway" }]),
    ...routes.map(({ via }, index) => ({
      address: via,
      path: [...path, "routes", index, "via"],
      what: "router",
    })),
  ];
  return routers.flatMap(({ address, path: at, what }) => [
    ...outside(at, address, cidr, name),
    ...pooled(
      at,
      address,
      settings,
      `shrink the pool or exclude the address, or a machine gets the ${what}'s address`,
    ),
  ]);
}

function leaseFindings({ path, settings }: BootNetwork): Finding[] {
  const { minLeaseSeconds, leaseSeconds, maxLeaseSeconds } = settings;
  return [
    ...(minLeaseSeconds > leaseSeconds
      ? [
          {
            path: [...path, "minLeaseSeconds"],
            message: `${minLeaseSeconds} s is more than leaseSeconds ${leaseSeconds} s: lower it or raise leaseSeconds`,
          },
        ]
      : []),
    ...(leaseSeconds > maxLeaseSeconds
      ? [
          {
            path: [...path, "leaseSeconds"],
            message: `${leaseSeconds} s is more than maxLeaseSeconds ${maxLeaseSeconds} s: lower it or raise the maximum`,
          },
        ]
      : []),
  ];
}
