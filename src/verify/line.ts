// What `rackstrap verify` reports: its areas, in the order of the runbook's sections 6.1 to 6.6, and what was found in one of them.

import type { ReportLine } from "../preflight/line.ts";

export const areas = [
  "services",
  "members",
  "leader",
  "certificates",
  "links",
  "kv",
  "smoke",
] as const;

export type Area = (typeof areas)[number];

/** Those that write keys of their own into the cluster. */
export const writingAreas: readonly Area[] = ["kv", "smoke"];

export type VerifyLine = ReportLine<Area>;

export interface AreaReport {
  readonly area: Area;
  readonly lines: readonly VerifyLine[];
  readonly tookMs: number;
}
