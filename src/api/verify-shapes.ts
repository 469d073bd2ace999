// The JSON of `rackstrap verify`: what is asked for, and one report for each area.

import { z } from "zod";
import { type AreaReport, areas } from "../verify/line.ts";

const text = z.string();

export const verifyBody = z.strictObject({
  only: z.enum(areas).optional(),
  skipSmoke: z.boolean().default(false),
  bandwidth: z.boolean().default(false),
});

export type VerifyRequest = z.output<typeof verifyBody>;

export const areaReport = z.object({
  area: z.enum(areas),
  lines: z
    .array(
      z.object({
        area: z.enum(areas),
        title: text,
        level: z.enum(["ok", "warning", "error"]),
        detail: text,
        /** What to do about it; absent when all is well. */
        next: text.optional(),
      }),
    )
    .readonly(),
  tookMs: z.number(),
}) satisfies z.ZodType<AreaReport>;
