// Values at the border of the API: what came in is checked, what goes out is cut to its shape.

import type { z } from "zod";
import { BadRequest } from "./errors.ts";

/** What came in, in its shape; throws a `BadRequest` that names every wrong value. */
export function take<S extends z.ZodType>(shape: S, value: unknown): z.output<S> {
  const parsed = shape.safeParse(value);
  if (!parsed.success) throw new BadRequest(parsed.error);
  return parsed.data;
}

/** What goes out, cut to its shape. A value that does not fit is our fault and throws. */
export async function give<S extends z.ZodType>(shape: S, value: z.input<S>): Promise<z.output<S>> {
  return shape.parse(value);
}
