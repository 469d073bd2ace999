// The JSON of power: what is asked of machines, what became of it, and what is known of each.

import { z } from "zod";

const text = z.string();

/** Names of nodes, each once. */
export const names = z
  .array(z.string().min(1).max(253))
  .min(1)
  .max(2048)
  .refine((list) => new Set(list).size === list.length, "a name stands there twice")
  .readonly();

const verb = z.enum(["on", "off", "soft", "cycle", "reset", "status"]);
const failure = z.object({ kind: text, reason: text });

export const powerBody = z.strictObject({
  action: verb,
  nodes: names,
  /** Also machines that an operation is at work on. */
  despiteOperations: z.boolean().default(false),
  /** Also when that takes its majority from a cluster. */
  despiteQuorum: z.boolean().default(false),
});

/** Times are milliseconds since the epoch. */
export const powerShape = z.object({
  /** `unknown`: never read, or not readable when it was last tried. */
  state: z.enum(["on", "off", "unknown"]),
  /** The last reading that came, and when. */
  last: z.enum(["on", "off"]).optional(),
  readAtMs: z.number().optional(),
  /** Why the last try gave nothing. */
  failure: failure.optional(),
  /** What was last asked for. */
  asked: z.enum(["on", "off"]).optional(),
  /** Nobody is at work on it, and it is not as asked. */
  differs: z.boolean(),
});

const taskShape = z.object({
  node: text,
  group: text.optional(),
  status: z.enum(["waiting", "asked", "done", "accepted", "uncertain", "failed", "refused"]),
  /** Its turn by the plan. */
  startAtMs: z.number(),
  askedAtMs: z.number().optional(),
  endedAtMs: z.number().optional(),
  failure: failure.optional(),
  power: powerShape,
});

export const powerPlanShape = z.object({
  action: verb,
  createdAtMs: z.number(),
  /** In the order of their turns; those that are refused come last. */
  tasks: z.array(taskShape).readonly(),
});

export const powerJobShape = powerPlanShape.extend({
  id: text,
  /** When the last machine had ended. */
  endedAtMs: z.number().optional(),
});

export const powerJobsAnswer = z.object({ jobs: z.array(powerJobShape).readonly() });

export type PowerRequest = z.output<typeof powerBody>;
export type PowerStateView = z.output<typeof powerShape>;
export type PowerTaskView = z.output<typeof taskShape>;
export type PowerPlanView = z.output<typeof powerPlanShape>;
export type PowerJobView = z.output<typeof powerJobShape>;
