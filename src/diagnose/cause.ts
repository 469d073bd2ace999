// What a cause is: why a stage is not reached, and what to do about it.

/** How far the evidence carries: it was seen as such, it is what usually is behind it, or nothing else is left. */
export type Confidence = "certain" | "likely" | "possible";

export interface Cause {
  /** The item of the runbook that names it: C12, C13, D24, E10, E11, E12. */
  readonly runbook?: "C12" | "C13" | "D24" | "E10" | "E11" | "E12";
  readonly means: string;
  readonly confidence: Confidence;
  /** The one command to run next. Words in braces are filled in by diagnose.ts. */
  readonly next: string;
}

/** Causes by id. */
export type Causes = Readonly<Record<string, Cause>>;

/** A command for root's shell on the installed node. */
export function onNode(command: string): string {
  return `ssh root@{address} "${command}"`;
}
