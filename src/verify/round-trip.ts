// Does what is written on a layer's leader show on a follower (runbook §5.5, requirement D15)? Writes the one key that every such probe overwrites.

import { error, ok } from "../preflight/line.ts";
import type { VerifyLine } from "./line.ts";
import type { Probes } from "./probes.ts";
import type { LayerView, Scope } from "./scope.ts";

const limitMs = 12_000;

export async function checkRoundTrips(
  { views }: Scope,
  probes: Pick<Probes, "roundTrip" | "elapsed">,
  signal: AbortSignal,
): Promise<readonly VerifyLine[]> {
  return await Promise.all(views.map((view) => checkRoundTrip(view, probes, signal)));
}

async function checkRoundTrip(
  { layer, judgement }: LayerView,
  probes: Pick<Probes, "roundTrip" | "elapsed">,
  signal: AbortSignal,
): Promise<VerifyLine> {
  const subject = { area: "kv", title: layer } as const;
  const { leader, voters, healthyVoters } = judgement;
  const next = "rackstrap cluster status shows what each member says";
  if (leader === undefined)
    return error(subject, "not tried: there is no leader that all members agree on", next);
  // The only voter of a cluster has nobody else to show its writes.
  const alone = voters.length === 1 ? leader : undefined;
  const follower = healthyVoters.find((name) => name !== leader) ?? alone;
  if (follower === undefined)
    return error(subject, "not tried: there is no healthy follower to read from", next);
  const beganMs = probes.elapsed();
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
  const trip = await probes.roundTrip(layer, leader, follower, bounded);
  if (!trip.ok) return error(subject, trip.failed, next);
  const tookMs = Math.round(probes.elapsed() - beganMs);
  return ok(subject, `written on ${leader}, read on ${follower}, ${tookMs} ms`);
}
