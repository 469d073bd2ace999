// What a look at one stage finds: it was reached, it is missing and why, or nobody can say.

import type { CauseId } from "./causes.ts";
import type { Evidence } from "./evidence.ts";

/** What fills the words in braces of a cause's next command, besides those that every node has. */
export type About = Readonly<
  Partial<Record<"unit" | "service" | "layer" | "peer" | "port", string>>
>;

export type Finding =
  | { readonly status: "ok"; readonly says: string }
  | { readonly status: "unknown"; readonly says: string }
  | {
      readonly status: "missing";
      readonly says: string;
      readonly cause: CauseId;
      readonly about: About;
      /** What the machine itself wrote about it; not yet fit to be shown. */
      readonly lines: readonly string[];
    };

export interface Stage {
  readonly name: string;
  /** What is reached, in a few words. */
  readonly title: string;
  readonly judge: (evidence: Evidence) => Finding;
}

/** A line of a journal that tells a cause. */
export interface Sign {
  readonly says: RegExp;
  readonly cause: CauseId;
}

export function reached(says: string): Finding {
  return { status: "ok", says };
}

export function unknown(says: string): Finding {
  return { status: "unknown", says };
}

export function missing(
  cause: CauseId,
  says: string,
  about: About = {},
  lines: readonly string[] = [],
): Finding {
  return { status: "missing", says, cause, about, lines };
}
