// The CA as the running server has it: what signs and what is trusted may change from one call to the next.

import type { Ca } from "./ca.ts";
import type { RotationStep } from "./rotation.ts";

export interface CaInForce {
  ca(): Ca;
  /** Why it is not rotated from here, whatever the step; undefined where it is. */
  readonly refusal: Refused | undefined;
  /**
   * Does one step of the rotation that replaces the CA whose certificate has the SHA-256 `replaced`; may be repeated. `why` and `next` are
   * sentences for people. Rejects when the disk fails; the CA in force is then the one before.
   */
  rotate(step: RotationStep, replaced: string): Promise<Rotated>;
}

interface Refused {
  readonly why: string;
  readonly next: string;
}

export type Rotated = { readonly ok: true } | ({ readonly ok: false } & Refused);
