// The diagnosis of a machine in no inventory: whether it was heard, and what to do so that it can be installed. Pure.

import type { Discovered } from "../nodes/ports.ts";
import { type CauseId, causeOf } from "./causes.ts";
import type { Diagnosis, StageView } from "./diagnose.ts";

export interface StrangerEvidence {
  readonly mac: string;
  readonly nowMs: number;
  readonly found: Discovered | undefined;
  /** What a retired machine was. */
  readonly retired: string | undefined;
  /** Name of the declared node that has a card with this MAC. */
  readonly cardOf: string | undefined;
  /** The state of this server's DHCP. */
  readonly dhcp: string;
  /** What it would boot if it asked now, and why. */
  readonly reason: string;
}

export function diagnoseStranger(evidence: StrangerEvidence): Diagnosis {
  const { mac, found, retired, cardOf, dhcp, nowMs, reason } = evidence;
  const heard = found !== undefined;
  const isDown = dhcp === "stopped" || dhcp === "failed";
  const seconds = Math.round((nowMs - (found?.lastSeenMs ?? nowMs)) / 1000);
  const stages: readonly StageView[] = [
    {
      ...{ name: "dhcp", title: "asked for an address" },
      status: heard && !isDown ? "ok" : "missing",
      says: isDown
        ? `the service dhcp of this server is ${dhcp}`
        : heard
          ? `${mac} was heard ${seconds} s ago, address ${found.address ?? "none yet"}`
          : `${mac} was never heard`,
    },
    { name: "declared", title: "is in the inventory", status: "missing", says: reason },
  ];
  const verdict = (stage: string, id: CauseId, words: Readonly<Record<string, string>> = {}) => {
    const { means, confidence, next, runbook } = causeOf(id);
    const filled = next.replace(
      /\{(\w+)\}/g,
      (whole, word: string) => ({ mac, ...words })[word] ?? whole,
    );
    return {
      stages,
      verdict: { stage, cause: id, means, confidence, runbook, next: filled, lines: [] },
    };
  };
  if (isDown) return verdict("dhcp", "dhcp-down");
  if (retired !== undefined) return verdict("declared", "retired");
  if (cardOf !== undefined) return verdict("declared", "card-of-node", { node: cardOf });
  return heard ? verdict("declared", "undeclared") : verdict("dhcp", "never-heard");
}
