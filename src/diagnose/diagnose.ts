// The diagnosis of a node: every stage in order, the first one that is missing, why, and the one command to run next. Pure.

import { bootStages } from "./boot-stages.ts";
import type { Confidence } from "./cause.ts";
import { type CauseId, causeOf } from "./causes.ts";
import { type Evidence, installerLives, stepDone, systemLives } from "./evidence.ts";
import type { Finding } from "./finding.ts";
import { nodeStages } from "./node-stages.ts";
import { redactLines } from "./redact.ts";

export interface StageView {
  readonly name: string;
  /** What is reached there, in a few words. */
  readonly title: string;
  readonly status: Finding["status"];
  /** What was seen, in one sentence. */
  readonly says: string;
}

/** The first missing stage, and what it means. */
export interface Verdict {
  readonly stage: string;
  readonly cause: string;
  /** The item of the runbook that names the cause. */
  readonly runbook?: string | undefined;
  readonly means: string;
  readonly confidence: Confidence;
  /** One command, of rackstrap or of a shell. */
  readonly next: string;
  /** What the machine wrote about it, without secrets. */
  readonly lines: readonly string[];
}

export interface Diagnosis {
  readonly stages: readonly StageView[];
  /** Absent when nothing is missing. */
  readonly verdict?: Verdict | undefined;
}

export const stages = [...bootStages, ...nodeStages];

/**
 * The stage that a machine proves now to have come to: what is missing before that is not what keeps it. A BMC that can't be asked does
 * not stop a service; it is the verdict only while nothing later is missing.
 */
function provenStage(evidence: Evidence): (typeof stages)[number]["name"] {
  if (systemLives(evidence)) return "ssh";
  return installerLives(evidence) ? "installer" : "power";
}

export function diagnose(evidence: Evidence): Diagnosis {
  const found = stages.map((stage) => ({ ...stage, finding: stage.judge(evidence) }));
  const views = found.map(({ name, title, finding }) => {
    const [says = ""] = redactLines([finding.says]);
    return { name, title, status: finding.status, says };
  });
  const proven = provenStage(evidence);
  const start = found.findIndex(({ name }) => name === proven);
  const isMissing = ({ finding }: (typeof found)[number]) => finding.status === "missing";
  const isNeeded = ({ name }: (typeof found)[number]) => !bootsFromDisk(evidence, name);
  const first =
    found.slice(start).find((each) => isMissing(each) && isNeeded(each)) ?? found.find(isMissing);
  if (first?.finding.status !== "missing") return { stages: views };
  return { stages: views, verdict: verdictOf(first.name, first.finding, evidence) };
}

/** True of a stage of the network boot for a machine whose own disk has a system: it needs none of them. */
function bootsFromDisk(evidence: Evidence, stage: string): boolean {
  return (
    stepDone(evidence, "disk-boot") &&
    stage !== "power" &&
    bootStages.some(({ name }) => name === stage)
  );
}

function verdictOf(
  stage: string,
  { cause, about, lines }: Extract<Finding, { status: "missing" }>,
  { node, operation }: Evidence,
): Verdict {
  const { means, confidence, next, runbook } = causeOf(cause);
  const words: Readonly<Record<string, string | undefined>> = {
    ...{ node: node.name, mac: node.mac, bmc: node.bmc.address, operation: operation?.id },
    ...{ address: node.productionAddress, provisioning: node.provisioningAddress },
    ...about,
  };
  return {
    ...{ stage, cause: cause satisfies CauseId, means, confidence, runbook },
    next: next.replace(/\{(\w+)\}/g, (whole, word: string) => words[word] ?? whole),
    lines: redactLines(lines),
  };
}
