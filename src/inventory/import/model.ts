// What is read from another DHCP server's configuration, whichever server it was. Types only.

import type { Cidr } from "../../net/cidr.ts";
import type { Ipv4 } from "../../net/ipv4.ts";
import type { Ipv4Range } from "../../net/ipv4-range.ts";
import type { Mac } from "../../net/mac.ts";
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

/** A reservation. */
export interface OldHost {
  readonly place: Place;
  readonly name: string | undefined;
  readonly mac: Mac;
  /** More than one where the machine may ask in several networks. */
  readonly addresses: readonly Ipv4[];
}

export interface OldConfig {
  readonly networks: readonly OldNetwork[];
  readonly hosts: readonly OldHost[];
  readonly notes: readonly Note[];
}
