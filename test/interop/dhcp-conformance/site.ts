// The site every server under test is started with: what the suite expects is read off this description.

export interface Subnet {
  readonly name: string;
  readonly cidr: string;
  readonly mode: "authoritative" | "proxy" | "off";
  /** The interface the subnet is attached to; the others are reached through relays on the first one. */
  readonly interface?: string;
  readonly router?: string;
  readonly dns: readonly string[];
  readonly domain?: string;
  readonly searchDomains: readonly string[];
  readonly ntp: readonly string[];
  readonly mtu?: number;
  readonly routes: readonly { readonly to: string; readonly via: string }[];
  readonly pools: readonly { readonly start: string; readonly end: string }[];
  readonly leaseSeconds: number;
  readonly minLeaseSeconds: number;
  readonly maxLeaseSeconds: number;
}

export interface Reservation {
  readonly mac: string;
  readonly address: string;
  readonly hostName: string;
}

export interface Site {
  /** The server's interfaces, each in the subnet of 24 bits around its address. */
  readonly interfaces: readonly { readonly name: string; readonly address: string }[];
  readonly subnets: readonly Subnet[];
  readonly reservations: readonly Reservation[];
  readonly scriptUrl: string;
  readonly fallbackLoader: string;
  readonly conflictProbe: boolean;
}

export const rackLink = "rsc-s0";
export const proxyLink = "rsc-s1";
export const offLink = "rsc-s2";

/** The other end of each wire, in the clients' namespace. */
export const clientEnd = (link: string) => link.replace("-s", "-c");

const terms = { leaseSeconds: 600, minLeaseSeconds: 60, maxLeaseSeconds: 7200 } as const;
const nothing = { searchDomains: [], ntp: [], routes: [] } as const;

function relayed(name: string, third: number, last: number, first = 100): Subnet {
  return {
    ...terms,
    ...nothing,
    name,
    cidr: `10.77.${third}.0/24`,
    mode: "authoritative",
    router: `10.77.${third}.1`,
    dns: ["10.77.0.1"],
    pools: [{ start: `10.77.${third}.${first}`, end: `10.77.${third}.${last}` }],
  };
}

const named = (name: string, third: number): Reservation => ({
  mac: `02:77:ee:00:${third.toString(16).padStart(2, "0")}:50`,
  address: `10.77.${third}.50`,
  hostName: `${name}-node`,
});

export const rack: Subnet = {
  ...relayed("rack", 0, 250),
  interface: rackLink,
  dns: ["10.77.0.1", "8.8.8.8"],
  domain: "prov.example.com",
  searchDomains: ["prov.example.com", "example.com"],
  ntp: ["10.77.0.1", "10.77.0.3"],
  mtu: 1400,
  routes: [
    { to: "10.90.0.0/16", via: "10.77.0.5" },
    { to: "10.91.1.128/25", via: "10.77.0.6" },
    { to: "10.92.1.7/32", via: "10.77.0.7" },
    { to: "0.0.0.0/0", via: "10.77.0.1" },
  ],
};

export const remote: Subnet = { ...relayed("remote", 1, 200), domain: "remote.example.com" };
/** Behind its own relay, for cases that fill or flood a pool. */
export const crowd: Subnet = relayed("crowd", 2, 149);

/** More parameters than 576 bytes hold, but not more than they hold with sname and file. */
export const wide: Subnet = {
  ...relayed("wide", 3, 200),
  dns: Array.from({ length: 40 }, (_, index) => `10.77.3.${index + 1}`),
  domain: "wide.example.com",
  ntp: Array.from({ length: 30 }, (_, index) => `10.77.3.${index + 201}`),
};

/** An option of more than 255 bytes. */
export const long: Subnet = {
  ...relayed("long", 4, 200),
  dns: Array.from({ length: 80 }, (_, index) => `10.77.4.${index + 1}`),
};

/** Subnets with a pool of one and of two addresses, one for each case that must be alone. */
const numbered = (count: number, first: number, size: number) =>
  Array.from({ length: count }, (_, index) =>
    relayed(`small${first + index}`, first + index, 99 + size),
  );
export const singles: readonly Subnet[] = numbered(20, 20, 1);
export const doubles: readonly Subnet[] = numbered(16, 50, 2);
/** A relay's subnet that no server knows. */
export const unknownRelay = "10.99.9.1";

const besides: readonly Subnet[] = [
  {
    ...terms,
    ...nothing,
    name: "guest",
    cidr: "10.78.0.0/24",
    mode: "proxy",
    interface: proxyLink,
    dns: [],
    pools: [],
  },
  {
    ...terms,
    ...nothing,
    name: "dark",
    cidr: "10.79.0.0/24",
    mode: "off",
    interface: offLink,
    dns: [],
    pools: [],
  },
];

export const serverAddress = "10.77.0.1";
export const proxyAddress = "10.78.0.1";

/** Reserved machines of the rack's subnet, each for one case; `node01` is the runbook's. */
const rackNodes: readonly Reservation[] = [
  { mac: "02:77:00:00:00:50", address: "10.77.0.50", hostName: "node01" },
  ...Array.from({ length: 9 }, (_, index) => ({
    mac: `02:77:00:00:00:5${index + 1}`,
    address: `10.77.0.5${index + 1}`,
    hostName: `node0${index + 2}`,
  })),
  // Inside the pool: nobody else may get it.
  { mac: "02:77:00:00:00:60", address: "10.77.0.110", hostName: "node-in-pool" },
];

/** The reservation of a subnet that has one. */
export const reservationOf = ({ name, cidr }: Subnet) => named(name, Number(cidr.split(".")[2]));

export const node = (index: number): Reservation => {
  const reservation = rackNodes[index];
  if (reservation === undefined) throw new Error(`there is no reserved machine ${index}`);
  return reservation;
};

/** The reserved machine whose address lies inside the pool. */
export const nodeInPool = node(10);

export const site: Site = {
  interfaces: [
    { name: rackLink, address: serverAddress },
    { name: proxyLink, address: proxyAddress },
    { name: offLink, address: "10.79.0.1" },
  ],
  subnets: [rack, remote, crowd, wide, long, ...singles, ...doubles, ...besides],
  reservations: [...rackNodes, ...[remote, crowd, ...singles, ...doubles].map(reservationOf)],
  scriptUrl: "http://10.77.0.1:8080/boot/ipxe/boot.ipxe",
  fallbackLoader: "fallback.efi",
  conflictProbe: false,
};

/** The `host`-th address of a subnet of the site. */
export const addressIn = (subnet: Subnet, host: number) =>
  subnet.cidr.replace(/\d+\/\d+$/, String(host));
/** Where the relay of a subnet stands. */
export const relayOf = (subnet: Subnet) => addressIn(subnet, 2);
/** The address of a subnet's pool that is handed out first. */
export const poolStart = (subnet: Subnet) => subnet.pools[0]?.start ?? "";

const pool = (subnet: Subnet) =>
  subnet.pools.map(({ start, end }) => [start, end].map((one) => Number(one.split(".")[3])));

/** Whether an address lies in a pool of the subnet. */
export function inPool(subnet: Subnet, address: string): boolean {
  const host = Number(address.split(".")[3]);
  return (
    addressIn(subnet, host) === address &&
    pool(subnet).some(([start = 0, end = 0]) => host >= start && host <= end)
  );
}
