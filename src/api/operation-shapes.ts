// The JSON of orders, of what they would do, and of the operations they became.

import { z } from "zod";
import { operationKinds } from "../operations/operation.ts";

const text = z.string();
const count = z.int().min(0);
const nodeNames = z
  .array(text.min(1).max(253))
  .max(1000)
  .refine((all) => new Set(all).size === all.length, "a name stands there twice");

/** What an operator asks for. */
export const orderBody = z.strictObject({
  verb: z.enum(operationKinds),
  /** Empty for a verb about the whole cluster. */
  nodes: nodeNames,
  /** As the verb has them. */
  options: z.record(text, z.unknown()).default({}),
  /** The nodes whose names were typed to go against the quorum budget. */
  force: nodeNames.default([]),
});

const draftedStepShape = z.object({
  id: text,
  /** What it does, whichever node or layer it does it to: `test` for `test-node02`. */
  kind: text,
  title: text,
  /** The one of several nodes that it is about. */
  node: text.optional(),
});

/** What an order would do. Nothing of it was begun. */
export const planShape = z.object({
  operations: z
    .array(
      z.object({
        node: text,
        nodes: z.array(text).readonly(),
        steps: z.array(draftedStepShape).readonly(),
      }),
    )
    .readonly(),
  /** One sentence for each thing that is lost. */
  destroys: z.array(text).readonly(),
  /** The quorum sum of each layer and each taking. */
  quorum: z.array(text).readonly(),
  /** What else to know before saying yes; lines of a diff, too. */
  notes: z.array(text).readonly(),
  /** Why it would not be begun; empty when it would. */
  refusals: z.array(z.object({ reason: text, next: text })).readonly(),
});

const stepShape = draftedStepShape.extend({
  status: z.enum(["pending", "running", "waiting", "done", "failed", "skipped"]),
  attempts: count.optional(),
  startedAtMs: z.number().optional(),
  endedAtMs: z.number().optional(),
  /** The newest thing the step had to say. */
  lastLine: text.optional(),
  evidence: z.record(text, z.unknown()).readonly().optional(),
});

export const operationShape = z.object({
  id: text,
  kind: z.enum(operationKinds),
  /** The node it is about; the cluster's name where it is about several. */
  node: text,
  /** Those that nothing else may touch while it runs. */
  nodes: z.array(text).readonly(),
  /** What was ordered besides the nodes. */
  parameters: z.record(text, z.unknown()).readonly().optional(),
  status: z.enum(["running", "done", "failed", "cancelled"]),
  steps: z.array(stepShape).readonly(),
  createdAtMs: z.number(),
  endedAtMs: z.number().optional(),
  failure: z
    .object({
      stage: text,
      reason: text,
      next: text,
      /** The command for after that: it goes on where it stopped, or is ordered again from its beginning. Absent: another order is needed. */
      carryOn: z.enum(["resume", "retry"]).optional(),
    })
    .optional(),
});

/** The most that a list has. */
export const mostOperations = 1000;

export const operationsQuery = z.strictObject({
  limit: z.coerce.number().pipe(z.int().min(1).max(mostOperations)).default(200),
});

export const operationsAnswer = z.object({ operations: z.array(operationShape).readonly() });

export type OrderRequest = z.output<typeof orderBody>;
export type PlanView = z.output<typeof planShape>;
export type DraftedStepView = z.output<typeof draftedStepShape>;
export type StepView = z.output<typeof stepShape>;
export type OperationView = z.output<typeof operationShape>;
