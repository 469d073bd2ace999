// The JSON about the inventory itself: what is in force, and what became of a reading of its files.

import { z } from "zod";

const text = z.string();

const problemShape = z.object({
  file: text,
  line: z.int(),
  column: z.int(),
  /** Dotted path of the value, empty for the file as a whole. */
  path: text,
  message: text,
});

const settingShape = z.object({ path: text, from: text.optional(), to: text.optional() });

const diffShape = z.object({
  added: z.array(text).readonly(),
  removed: z.array(text).readonly(),
  changed: z.array(z.object({ node: text, changes: z.array(settingShape).readonly() })).readonly(),
  /** What is not a node's own. */
  settings: z.array(settingShape).readonly(),
});

/** `node` is absent where it is about no single one. */
const refusalShape = z.object({ node: text.optional(), reason: text, next: text });

const found = {
  /** What is wrong in the files. */
  problems: z.array(problemShape).readonly(),
  /** What is sound and can't be done at the moment. */
  refused: z.array(refusalShape).readonly(),
  /** Settings that take effect when the server is started again. */
  needsRestart: z.array(settingShape).readonly(),
  /** What is in the files, works, and is to be looked at. */
  warnings: z.array(problemShape).readonly(),
};

export const inventoryStatusShape = z.object({
  site: text,
  nodes: z.int(),
  /** Every file that was read, the one that names the others first. */
  files: z.array(text).readonly(),
  /** Whether the files as they were read last are in force. If not, what was in force before still is. */
  valid: z.boolean(),
  /** When the inventory in force was taken, milliseconds since the epoch. */
  loadedAtMs: z.number(),
  /** When the files were read last. */
  readAtMs: z.number(),
  ...found,
});

/** `diff` is what the inventory in force lacks, or lacked before it was taken; nothing while there are problems. */
export const inventoryVerdictShape = z.object({ ...found, diff: diffShape });

/** Files as the command line has read them, the one that names the others first. */
export const inventoryFilesBody = z.strictObject({
  files: z
    .array(z.strictObject({ path: z.string().min(1).max(4096), text }))
    .min(1)
    .max(1000),
});

/** Of a body with an inventory. */
export const maxInventoryBodyBytes = 32 * 1024 * 1024;

export type InventoryStatusView = z.output<typeof inventoryStatusShape>;
export type InventoryVerdict = z.output<typeof inventoryVerdictShape>;
export type InventoryFile = z.output<typeof inventoryFilesBody>["files"][number];
