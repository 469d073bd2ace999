// What generators are given, and the line that each of their files begins with. They ask nobody and read no clock.

import type { Inventory } from "../inventory/schema.ts";

/** Whether the cluster exists, as far as anybody can say. Full names throughout. */
export type ClusterState =
  /** Nobody ever saw a member of it. `founder` has the claim to form it; absent: the first of its peers is to. */
  | { readonly state: "unformed"; readonly founder?: string | undefined }
  /** It exists, and is joined through the first of these that is not the joining node itself. */
  | { readonly state: "formed"; readonly through: readonly string[] }
  /** Nobody can say, so no node may be told to form it. */
  | { readonly state: "unknown"; readonly reason: string; readonly next: string };

export interface Site {
  readonly inventory: Inventory;
  /** The inventory's file name, for the first line of what is generated from it. */
  readonly source: string;
  readonly cluster: ClusterState;
  /** The text that a file of the tree has before this run; undefined when there is none. */
  readonly previous: (path: string) => string | undefined;
  readonly nowMs: number;
}

/** The first line of a generated file. `comment` begins a comment in its format. */
export function madeFrom(source: string, comment: string): string {
  return `${comment} Made by rackstrap generate from ${source}. Change that file: once this one is edited by hand, it is left alone.`;
}
