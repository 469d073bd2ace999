// What the checks ask of the machine and the network around them. system.ts is the real one.

import type { BmcProbe } from "../bmc/probe.ts";
import type { Node } from "../inventory/schema.ts";

export interface NetworkInterface {
  /** None are seen on one without a link. */
  readonly addresses: readonly string[];
  /** False when the cable, the switch port or the interface is down. */
  readonly carrier: boolean;
}

export type Binding =
  | { readonly kind: "free" }
  | { readonly kind: "taken" }
  /** The kernel refuses the port or the address; `why` is its error code. */
  | { readonly kind: "refused"; readonly why: string };

export interface Ended {
  /** Undefined when it was ended by a signal, or took too long. */
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Names {
  /** Addresses of a name. Throws an error with a code such as ENOTFOUND. */
  addressesOf(name: string): Promise<readonly string[]>;
  namesOf(address: string): Promise<readonly string[]>;
}

/** Each call ends by itself within seconds, `run` within its limit. */
export interface Surroundings {
  now(): number;
  /** By name. */
  interfaces(): ReadonlyMap<string, NetworkInterface>;
  /** Tries whether this process could listen there. */
  bind(protocol: "udp" | "tcp", address: string, port: number): Promise<Binding>;
  /** Undefined when there is no such program. */
  run(argv: readonly string[], timeoutMs: number): Promise<Ended | undefined>;
  names(servers: readonly string[]): Names;
  /** By how much the server's clock is ahead of this one's; undefined when it does not answer. */
  clockOffsetMs(server: string): Promise<number | undefined>;
  /** Octets that may still be written below `directory`, or below the nearest parent that exists. */
  freeBytes(directory: string): Promise<number>;
  /** Permission bits of a file; undefined when it is not there. */
  mode(file: string): Promise<number | undefined>;
  readText(file: string): Promise<string>;
  probeBmc(node: Node, tryDefaults: boolean): Promise<BmcProbe>;
}
