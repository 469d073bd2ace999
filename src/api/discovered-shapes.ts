// The JSON of machines in no inventory: the list, and all that is known of one.

import { z } from "zod";
import { machineReport } from "../nodes/machine-report.ts";

const text = z.string();

/** What an operator tells machines apart by. */
const machineSummary = z.object({
  vendor: text.optional(),
  product: text.optional(),
  serial: text.optional(),
  cpu: text.optional(),
  threads: z.number(),
  memoryBytes: z.number(),
  disks: z.array(z.object({ name: text, sizeBytes: z.number() })).readonly(),
  /** By LLDP, of the card that it booted by, else of the first that has a neighbour. */
  switchPort: text.optional(),
});

const discoveredShape = z.object({
  mac: text,
  firstSeenMs: z.number(),
  lastSeenMs: z.number(),
  address: text.optional(),
  /** What it said of itself in its packets. */
  facts: z.record(text, text).readonly(),
  /** What the discovery image said of it. */
  machine: machineSummary.optional(),
  /** When the image was last heard to wait there. */
  waitingMs: z.number().optional(),
  /** What it was, of a machine that is retired: it gets no address and nothing to boot. */
  retired: text.optional(),
});

export const discoveredAnswer = z.object({ discovered: z.array(discoveredShape).readonly() });

export const discoveryShape = discoveredShape.extend({
  /** The declared node with this MAC: it was accepted. */
  node: text.optional(),
  /** The reports that differ, newest first. */
  reports: z
    .array(z.object({ atMs: z.number(), address: text, machine: machineReport }))
    .readonly(),
});

export type DiscoveredView = z.output<typeof discoveredShape>;
export type DiscoveryView = z.output<typeof discoveryShape>;
export type MachineSummary = z.output<typeof machineSummary>;
