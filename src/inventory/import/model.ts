// What is read from another tool's configuration, whichever tool it was. Types only.

import type { Cidr } from "../../net/cidr.ts";
import type { Ipv4 } from "../../net/ipv4.ts";
import type { Ipv4Range } from "../../net/ipv4-range.ts";
import type { Mac } from "../../net/mac.ts";
import type { Firmware, Role } from "../schema.ts";
import type { Note, Place } from "./source.ts";

export interface Route {
  readonly to: Cidr;
  readonly via: Ipv4;
}

/** Of a network, or of a scope around it. What is undefined is inherited. */
export interface Settings {
  readonly gateway?: Ipv4;
  readonly dns?: readonly Ipv4[];
  readonly domain?: string;
  readonly searchDomains?: readonly string[];
  readonly ntp?: readonly Ipv4[];
  readonly mtu?: number;
  readonly routes?: readonly Route[];
  readonly leaseSeconds?: number;
  readonly minLeaseSeconds?: number;
  readonly maxLeaseSeconds?: number;
  readonly interface?: string;
}

export interface OldNetwork {
  readonly place: Place;
  /** The shared network's name, where it has one. */
  readonly name: string | undefined;
  readonly cidr: Cidr;
  readonly pools: readonly Ipv4Range[];
  readonly settings: Settings;
}

/** Where a machine's BMC is. A password is never kept: `passwordVariable` is the environment variable to put it into. */
export interface OldBmc {
  readonly kind?: "ipmi" | "redfish";
  readonly address?: Ipv4;
  readonly user?: string;
  readonly passwordVariable?: string;
  readonly keyVariable?: string;
  readonly cipherSuite?: 3 | 17;
}

/** What some tools know of a machine besides its name, MAC and address. */
export interface HostFacts {
  readonly profile?: string;
  readonly role?: Role;
  readonly firmware?: Firmware;
  readonly productionAddress?: Ipv4;
  readonly serial?: string;
  readonly disk?: string;
  readonly rack?: string;
  readonly zone?: string;
  readonly bmc?: OldBmc;
}

/** A reservation, or a machine of a list. */
export interface OldHost {
  readonly place: Place;
  readonly name: string | undefined;
  readonly mac: Mac;
  /** More than one where the machine may ask in several networks. */
  readonly addresses: readonly Ipv4[];
  readonly facts?: HostFacts;
}

/** What the configuration says of the server itself and its site. */
export interface OldServer {
  readonly address?: Ipv4;
  readonly interface?: string;
  /** Of the machines' full names. */
  readonly domain?: string;
}

export interface OldConfig {
  readonly networks: readonly OldNetwork[];
  readonly hosts: readonly OldHost[];
  readonly server?: OldServer;
  readonly notes: readonly Note[];
}
