// Carries out what an operator asks of one machine's power, so that no lost answer makes it happen twice. Each call of a driver ends by
// itself, see guarded.ts.

import {
  type Bmc,
  BmcError,
  mayBeDone,
  mayPass,
  type PowerAction,
  type PowerState,
} from "./bmc.ts";
import type { Clock } from "./clock.ts";
import { withDeadline } from "./deadline.ts";
import { ensurePower } from "./power.ts";
import type { Slots } from "./slots.ts";

export type PowerVerb = PowerAction | "status";

export interface PowerVerbTools {
  readonly node: string;
  /** Who it is, for messages: "node node01 (BMC 10.0.10.50)". */
  readonly subject: string;
  readonly clock: Clock;
  /** The machine's turn to start, see stagger.ts. */
  readonly turn: (signal: AbortSignal) => Promise<void>;
  readonly slots: Slots;
  /** How long the operating system may take to shut down. */
  readonly softOffMs: number;
  /** Called when its turn has come, before the BMC is asked for anything. */
  readonly onAsked: () => void;
}

/** For each change of state, in whole. */
const limitMs = 60_000;
// Leaves a last try the time it takes.
const changeMs = 50_000;
const softPollMs = 5_000;
// How long after its turn a machine may still start.
const lateMs = 250;

/**
 * Does it and resolves when it is seen: `on` and `off` when the BMC reports the state, `cycle` when it reported off and then on,
 * `soft` when the operating system has switched off. `reset` is sent once and resolves when the BMC accepted it. Throws a BmcError:
 * "timeout" for a change that was not seen, and for a reset whose answer was lost.
 */
export async function carryOut(
  bmc: Bmc,
  verb: PowerVerb,
  tools: PowerVerbTools,
  signal: AbortSignal,
): Promise<void> {
  const { onAsked, slots } = tools;
  const ensure = (target: PowerState) => ensureSoon(bmc, target, tools, signal);
  switch (verb) {
    case "soft":
      return await shutDown(bmc, tools, signal);
    case "status":
      return await slots(async () => {
        onAsked();
        await bmc.powerState(signal);
      }, signal);
    case "off":
      return await slots(async () => {
        onAsked();
        await ensure("off");
      }, signal);
    case "on":
      return await atItsTurn(tools, signal, async () => {
        onAsked();
        await ensure("on");
      });
    case "cycle":
      // Off and on, each seen, rather than the BMC's own cycle: a cycle can't be told from one that was ignored.
      await slots(async () => {
        onAsked();
        await ensure("off");
      }, signal);
      return await atItsTurn(tools, signal, () => ensure("on"));
    case "reset":
      return await reset(bmc, tools, signal);
  }
}

/**
 * Does what starts a machine, in a slot. Its turn is waited for outside, so that others can be asked meanwhile; if there is no slot
 * when it has come, it waits for another: machines that were held up must not start all at once.
 */
async function atItsTurn(
  { turn, slots, clock }: PowerVerbTools,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  for (let started = false; !started; ) {
    await turn(signal);
    const turnMs = clock.now();
    started = await slots(async () => {
      if (clock.now() - turnMs > lateMs) return false;
      await work();
      return true;
    }, signal);
  }
}

async function ensureSoon(
  bmc: Bmc,
  target: PowerState,
  { subject, clock }: PowerVerbTools,
  signal: AbortSignal,
): Promise<void> {
  await withDeadline({ subject, ms: limitMs, clock }, signal, (within) =>
    ensurePower(bmc, target, { subject, deadlineMs: changeMs, clock }, within),
  );
}

async function reset(bmc: Bmc, tools: PowerVerbTools, signal: AbortSignal): Promise<void> {
  const { node, subject, slots } = tools;
  // Read first, so that a BMC that is away is told from one that took the reset and did not say so.
  if ((await slots(() => bmc.powerState(signal), signal)) === "off")
    throw new BmcError(
      "unsupported",
      `${subject} is off, so there is nothing to reset: rackstrap power on ${node}`,
    );
  try {
    await atItsTurn(tools, signal, async () => {
      tools.onAsked();
      await bmc.power("reset", signal);
    });
  } catch (error) {
    if (!mayBeDone(error)) throw error;
    throw new BmcError(
      "timeout",
      `${subject}: the answer to the reset was lost, so it may have restarted or not; it is not sent again: look at its console before you repeat it`,
      { cause: error },
    );
  }
}

async function shutDown(bmc: Bmc, tools: PowerVerbTools, signal: AbortSignal): Promise<void> {
  const { node, subject, clock, slots, softOffMs } = tools;
  let seen: PowerState = await slots(async () => {
    tools.onAsked();
    return await requestShutdown(bmc, signal);
  }, signal);
  const startedMs = clock.now();
  let obstacle: BmcError | undefined;
  while (seen === "on") {
    if (clock.now() - startedMs >= softOffMs) {
      const after = `after ${Math.round(softOffMs / 1000)} s`;
      const said =
        obstacle === undefined
          ? `is still on ${after}: its operating system did not shut down; look at its console, or: rackstrap power off ${node}`
          : `is not seen off ${after}: ${obstacle.message}`;
      throw new BmcError("timeout", `${subject} ${said}`, { cause: obstacle });
    }
    await clock.sleep(softPollMs, signal);
    signal.throwIfAborted();
    try {
      seen = await slots(() => bmc.powerState(signal), signal);
      obstacle = undefined;
    } catch (error) {
      if (!(error instanceof BmcError) || !mayPass(error)) throw error;
      obstacle = error;
    }
  }
}

/** Asks a machine that is on to shut down; returns what it was before. An answer that is lost is waited for like one that came. */
async function requestShutdown(bmc: Bmc, signal: AbortSignal): Promise<PowerState> {
  const before = await bmc.powerState(signal);
  if (before === "off") return "off";
  try {
    await bmc.power("soft", signal);
  } catch (error) {
    if (!mayBeDone(error)) throw error;
  }
  return before;
}
