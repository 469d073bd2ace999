// What the API says and takes about serial consoles. Octets are in base64: a console may print anything.

import { z } from "zod";

const text = z.string();
const data = z.base64().max(8192);

/** One line of the stream that a console is followed by. */
export const consoleLine = z.discriminatedUnion("kind", [
  /** Always first: what was printed before, at most 64 KiB of it. */
  z.object({ kind: z.literal("recent"), atMs: z.number(), data: text }),
  z.object({ kind: z.literal("output"), atMs: z.number(), data: text }),
  z.object({
    kind: z.literal("state"),
    atMs: z.number(),
    state: z.enum(["connecting", "open", "away"]),
    /** Why it is away, which kind of failure that is, and when it is tried again. */
    reason: text.optional(),
    failure: text.optional(),
    retryMs: z.number().optional(),
  }),
  /** Comes where nothing else does, so that a dead connection is noticed. */
  z.object({ kind: z.literal("alive"), atMs: z.number() }),
]);

export const consoleQuery = z.strictObject({
  /** End a session that somebody else has with the console. */
  take: z.enum(["true", "false"]).default("false"),
});

/** What is typed, or a break. */
export const consoleInput = z.union([
  z.strictObject({ data }),
  z.strictObject({ break: z.literal(true) }),
]);

export const consoleTyped = z.object({ bytes: z.int() });

export const consoleLogShape = z.object({
  node: text,
  /** The one that it was captured in. */
  operation: text,
  data: text,
});

export type ConsoleLine = z.output<typeof consoleLine>;
export type ConsoleInput = z.output<typeof consoleInput>;
export type ConsoleLogView = z.output<typeof consoleLogShape>;
