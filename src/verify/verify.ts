// The runbook's sections 6.1 to 6.6 as one report on a live cluster, one area after the other. It changes nothing but keys of its own.

import type { Inventory } from "../inventory/schema.ts";
import { messageOf } from "../net/error-text.ts";
import { error } from "../preflight/line.ts";
import { checkBandwidth } from "./bandwidth.ts";
import { checkCertificates } from "./certificates.ts";
import { type Area, type AreaReport, areas, type VerifyLine, writingAreas } from "./line.ts";
import { checkLinks } from "./links.ts";
import { checkLeaders, checkMembers, noNodes } from "./members.ts";
import type { Probes } from "./probes.ts";
import { checkRoundTrips } from "./round-trip.ts";
import { type Scope, scopeOf } from "./scope.ts";
import { checkServices } from "./services.ts";
import { checkSmoke } from "./smoke.ts";

export interface VerifyOptions {
  /** Absent: all areas. */
  readonly only?: Area | undefined;
  /** Write nothing: leave the areas out that do. */
  readonly skipSmoke: boolean;
  /** Also measure what goes over the links. */
  readonly bandwidth: boolean;
}

export interface VerifySite {
  readonly inventory: Inventory;
  /** Whether a node was ever installed from here. */
  readonly wasInstalled: (node: string) => boolean;
}

/**
 * One report for each area, in their order. Those that only look are under way at the same time; those that write wait for them, one
 * after the other, so that nothing is timed while something else is busy. A check that breaks is a line of its own.
 */
export async function* verify(
  { inventory, wasInstalled }: VerifySite,
  probes: Probes,
  options: VerifyOptions,
  signal: AbortSignal,
): AsyncGenerator<AreaReport, void> {
  const chosen = areas.filter((area) => isChosen(area, options));
  const beganMs = probes.elapsed();
  const scope = scopeOf(inventory, wasInstalled, await probes.observe(signal));
  const run = (area: Area, fromMs: number) =>
    report(area, () => check(area, scope, probes, options, signal), probes.elapsed, fromMs);
  const looking = chosen
    .filter((area) => !writingAreas.includes(area))
    .map((area) => run(area, beganMs));
  for (const each of looking) yield await each;
  for (const area of chosen.filter((each) => writingAreas.includes(each))) {
    signal.throwIfAborted();
    yield await run(area, probes.elapsed());
  }
}

/** Those that look at one node after the other; the others judge the layers as a whole. */
const nodeAreas: readonly Area[] = ["services", "certificates", "links"];

function isChosen(area: Area, { only, skipSmoke }: VerifyOptions): boolean {
  return (only === undefined || only === area) && !(skipSmoke && writingAreas.includes(area));
}

async function check(
  area: Area,
  scope: Scope,
  probes: Probes,
  { bandwidth }: VerifyOptions,
  signal: AbortSignal,
): Promise<readonly VerifyLine[]> {
  if (scope.nodes.length === 0 && nodeAreas.includes(area)) return [noNodes(area, scope.leftOut)];
  switch (area) {
    case "services":
      return await checkServices(scope, probes, signal);
    case "members":
      return checkMembers(scope);
    case "leader":
      return checkLeaders(scope);
    case "certificates":
      return await checkCertificates(scope, probes, signal);
    case "links": {
      const links = await checkLinks(scope, probes, signal);
      return bandwidth ? [...links, ...(await checkBandwidth(scope, probes, signal))] : links;
    }
    case "kv":
      return await checkRoundTrips(scope, probes, signal);
    case "smoke":
      return await checkSmoke(scope, probes, signal);
  }
}

/** Never rejects. */
async function report(
  area: Area,
  lines: () => Promise<readonly VerifyLine[]>,
  elapsed: () => number,
  fromMs: number,
): Promise<AreaReport> {
  const ended = (found: readonly VerifyLine[]): AreaReport => ({
    ...{ area, lines: found },
    tookMs: Math.round(elapsed() - fromMs),
  });
  try {
    return ended(await lines());
  } catch (cause) {
    const next = "see to what it says; the other areas do not depend on it";
    return ended([error({ area, title: area }, `could not be checked: ${messageOf(cause)}`, next)]);
  }
}
