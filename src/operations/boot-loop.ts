// Notices a machine that boots from the network again and again and never gets anywhere (reliability.md, threat N). Pure;
// what is done about it is for the steps to say.

import type { TimelineEvent } from "../nodes/ports.ts";
import { asksForBootFile, type BootStage, stageAfter } from "./boot-stage.ts";

const windowMs = 10 * 60_000;
const mostBoots = 3;

// From its script on a machine knows what it boots; asking for a boot file after that, it starts over.
const arrived: ReadonlySet<BootStage["name"]> = new Set(["script", "images", "keys", "system"]);

/** When each network boot began that came as far as its script, ascending. `events` are one machine's, oldest first. */
export function networkBoots(events: readonly TimelineEvent[]): number[] {
  const starts: number[] = [];
  let stage: BootStage["name"] = "silent";
  let beganMs: number | undefined;
  const leave = () => {
    if (beganMs !== undefined && arrived.has(stage)) starts.push(beganMs);
  };
  for (const event of events) {
    const next = stageAfter(event, stage);
    if (next === undefined) continue;
    if (next === "dhcp") {
      if (!asksForBootFile(event.detail)) continue;
      leave();
      if (arrived.has(stage)) beganMs = undefined;
    }
    beganMs ??= event.atMs;
    stage = next;
  }
  leave();
  return starts;
}

/** A sentence about a machine that began three such boots within ten minutes; undefined for any other. */
export function bootLoop(events: readonly TimelineEvent[], nowMs: number): string | undefined {
  const boots = networkBoots(events).filter((atMs) => atMs > nowMs - windowMs);
  if (boots.length < mostBoots) return undefined;
  return `it booted from the network ${boots.length} times in ${windowMs / 60_000} minutes and came to no end`;
}
