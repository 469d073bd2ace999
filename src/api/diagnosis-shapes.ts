// The JSON of a diagnosis.

import { z } from "zod";

const text = z.string();

export const diagnosisShape = z.object({
  /** What was asked about, as it was asked. */
  subject: text,
  mac: text,
  node: text.optional(),
  state: text.optional(),
  /** The operation that is at work on the node now, and what it said last. */
  operation: z.object({ id: text, step: text, line: text.optional() }).optional(),
  /** What a machine in no inventory said of itself. */
  facts: z.record(text, text).readonly().optional(),
  /** In the order in which one needs the other. */
  stages: z
    .array(
      z.object({
        name: text,
        title: text,
        status: z.enum(["ok", "missing", "unknown"]),
        says: text,
      }),
    )
    .readonly(),
  /** The first missing stage and its cause; absent when nothing is missing. */
  verdict: z
    .object({
      stage: text,
      /** As docs/diagnose.md lists them. */
      cause: text,
      /** The item of the runbook that names it. */
      runbook: text.optional(),
      means: text,
      confidence: z.enum(["certain", "likely", "possible"]),
      next: text,
      lines: z.array(text).readonly(),
    })
    .optional(),
});

export type DiagnosisView = z.output<typeof diagnosisShape>;
