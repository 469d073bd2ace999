// Sets the clock of an installer that is far from this server's: its certificates count as not yet valid, or as expired, on a machine whose
// battery ran out, and where there is no NTP nobody else mends that (reliability F22).

import { runOverSsh, SshError, type SshTarget } from "./ssh.ts";

/** Seconds that a machine's clock may be off without being set. */
const farOffSeconds = 60;

const timeoutMs = 20_000;

const clockOutcomes = ["agrees", "set", "set-until-restart", "refused"] as const;

/** How far the clock was off, in seconds, ahead of this server's above zero; and what became of it. */
export interface ClockCorrection {
  readonly offSeconds: number;
  readonly outcome: (typeof clockOutcomes)[number];
}

/** `now`: milliseconds since the epoch, by this server. Undefined where the machine does not answer, or not in these words. */
export async function correctClock(
  target: SshTarget,
  now: number,
  signal: AbortSignal,
): Promise<ClockCorrection | undefined> {
  try {
    const options = { hostKey: "pinned", timeoutMs } as const;
    return readCorrection(await runOverSsh(target, clockCommand(now), options, signal));
  } catch (error) {
    if (error instanceof SshError) return undefined;
    throw error;
  }
}

/** For the shell of an installer, busybox's included. The installed system begins with the hardware's clock. */
export function clockCommand(now: number): string {
  const seconds = Math.round(now / 1000);
  return `
off=$(($(date -u +%s) - ${seconds}))
outcome=agrees
if [ "$off" -gt ${farOffSeconds} ] || [ "$off" -lt -${farOffSeconds} ]; then
  outcome=refused
  if date -u -s @${seconds} > /dev/null 2>&1; then
    outcome=set-until-restart
    if hwclock -w -u > /dev/null 2>&1; then outcome=set; fi
  fi
fi
echo "$off $outcome"`;
}

export function readCorrection(answer: string): ClockCorrection | undefined {
  const [, off, word] = /^(-?\d{1,15}) ([a-z-]+)\s*$/.exec(answer) ?? [];
  const outcome = clockOutcomes.find((each) => each === word);
  return outcome === undefined ? undefined : { offSeconds: Number(off), outcome };
}
