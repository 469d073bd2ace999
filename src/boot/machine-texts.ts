// What is common to the texts that start one machine, whatever loader reads them: their parts, and the plain words of a reason.

import type { Node } from "../inventory/schema.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import type { Mac } from "../net/mac.ts";
import type { AssetSet } from "./assets.ts";

/** The server as machines see it. */
export interface BootServer {
  readonly address: Ipv4;
  /** Such as `http://10.0.100.10:8080`, without a slash at its end. */
  readonly baseUrl: string;
}

/** Whom a text is for, as far as that is known. */
export interface Machine {
  readonly mac: Mac | undefined;
  /** Undefined for a machine in no inventory. */
  readonly node: Node | undefined;
}

/** The texts for one machine, in the language of its loader. All but `plain` throw when a template of the site is at fault. */
export interface MachineTexts {
  /**
   * Starts the installer of `set` on `node`. The set's arguments come first, then the profile's and node's.
   * `nonce` is that of the armed install; it stands in the names of its documents and nowhere else.
   */
  installer(server: BootServer, node: Node, set: AssetSet, nonce: string): string;
  /** Starts the discovery image of `set` on the machine with that MAC, which is in no inventory. */
  discovery(server: BootServer, mac: Mac, set: AssetSet): string;
  /** Leaves the network and boots the disk, saying why on the console. */
  localDisk(machine: Machine, reason: string): string;
  /** The same from the product's own template. */
  plain(machine: Machine, reason: string): string;
}

export const product = "rackstrap";

/** What the installer's kernel is started with, one word each. */
export function kernelArguments(set: AssetSet, node: Node): readonly string[] {
  return [...set.arguments, ...node.kernelArguments, `hostname=${node.name}`];
}

/** What the discovery image's kernel is started with, one word each: where it reports, and in which machine's name. */
export function discoveryArguments(
  set: AssetSet,
  { baseUrl }: BootServer,
  mac: Mac,
): readonly string[] {
  return [
    ...set.arguments,
    `rackstrap.report=${baseUrl}${discoveryReportPath}`,
    `rackstrap.mac=${mac}`,
  ];
}

/** Where the discovery image's reports go. */
export const discoveryReportPath = "/boot/discovery/report";

/** A sentence as every loader shows it: all but plain words and their punctuation becomes one space. */
export function plainText(text: string): string {
  return text
    .slice(0, 256)
    .replace(/[^A-Za-z0-9.,:/()_-]+/g, " ")
    .trim();
}
