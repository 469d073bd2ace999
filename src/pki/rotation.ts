// How a CA is replaced by the next one without a moment in which two nodes don't trust each other. Pure: what each step does, and may do.
//
//   one ──begin──▶ begun ──switch──▶ switched ──finish──▶ one
//
// one       one CA; nodes trust it alone
// begun     the next CA is there, and nodes trust both; the old one signs
// switched  the next one signs; nodes trust both
//
// Every step may be repeated, after a crash too: a rotation is named by the CA that it replaces, so that it is never done twice.

export const rotationSteps = ["begin", "switch", "finish"] as const;
export type RotationStep = (typeof rotationSteps)[number];
export type RotationStage = "one" | "begun" | "switched";

/** Where the CA that shall be replaced is found. */
export type Outgoing =
  /** It is the only one. */
  | "in-use"
  | "begun"
  | "switched"
  /** Nobody trusts it any more: the rotation is over. */
  | "retired"
  /** It is not the one that is in use, or being replaced. */
  | "unknown";

export type Move =
  | { readonly kind: "go" }
  /** Nothing is left to do. */
  | { readonly kind: "done" }
  | { readonly kind: "refused"; readonly why: string };

const go: Move = { kind: "go" };
const done: Move = { kind: "done" };
const refused = (why: string): Move => ({ kind: "refused", why });

const notBegun = refused("no rotation of the CA has begun");
const notSwitched = refused("the next CA does not sign yet");
const another = refused("another CA is in use, or being replaced, than the one that was to be");

const moves: Readonly<Record<Outgoing, Readonly<Record<RotationStep, Move>>>> = {
  "in-use": { begin: go, switch: notBegun, finish: notBegun },
  begun: { begin: done, switch: go, finish: notSwitched },
  switched: { begin: done, switch: done, finish: go },
  retired: { begin: done, switch: done, finish: done },
  unknown: { begin: another, switch: another, finish: another },
};

export function moveOf(outgoing: Outgoing, step: RotationStep): Move {
  return moves[outgoing][step];
}

/** The CAs of a site by SHA-256 of their certificates. */
export interface CaStanding {
  readonly stage: RotationStage;
  readonly signing: string;
  /** The one that comes or goes; undefined while there is one alone. */
  readonly other: string | undefined;
  readonly retired: readonly string[];
}

/** Where the CA `fingerprint` is in a rotation that replaces it. */
export function outgoingOf(standing: CaStanding, fingerprint: string): Outgoing {
  const { stage, signing, other, retired } = standing;
  const replaced = stage === "switched" ? other : signing;
  if (replaced === fingerprint) return stage === "one" ? "in-use" : stage;
  return retired.includes(fingerprint) && stage === "one" ? "retired" : "unknown";
}
