// When the BMC of which machine is read, so that all are known and none is bothered.

import { type Bmc, BmcError } from "../bmc/bmc.ts";
import type { Clock } from "../bmc/clock.ts";
import type { Node } from "../inventory/schema.ts";

export interface PowerPollTools {
  /** The nodes that an operation is at work on. */
  readonly operating: () => ReadonlySet<string>;
  readonly pollMs: () => number;
  /** BMCs that are read at one time. */
  readonly concurrency: () => number;
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly onFault: (error: unknown) => void;
}

/** A machine as far as its next reading depends on it. Times are those of the clock. */
export interface Polled {
  readonly node: Node;
  /** Power jobs that are at work on it. */
  readonly holders: number;
  /** Calls that its BMC has not ended. */
  readonly calls: number;
  /** When a reading first was not as asked. */
  readonly doubtMs: number | undefined;
  /** When it was last tried to read it. */
  triedMs: number;
  /** What the pause until the next reading is multiplied by. */
  jitter: number;
}

const tickMs = 1_000;
const hurriedMs = 5_000;
// BMCs that were switched on together are not to be asked together for ever.
const jitterShare = 0.2;

/** Reads those whose time has come, the longest overdue first, until the signal aborts. What comes of it is heard by the observers. */
export async function pollPower(
  tools: PowerPollTools,
  machines: () => readonly Polled[],
  bmc: (node: Node) => Bmc,
  signal: AbortSignal,
): Promise<void> {
  const reading = new Map<Polled, Promise<void>>();
  while (!signal.aborted) {
    try {
      const idle = machines().filter((machine) => !reading.has(machine));
      for (const machine of dueNow(tools, idle).slice(0, tools.concurrency() - reading.size)) {
        const ended = read(tools, machine, bmc(machine.node), signal);
        reading.set(
          machine,
          ended.finally(() => reading.delete(machine)),
        );
      }
    } catch (error) {
      // What can't be watched now must not end the server; the next tick tries again.
      tools.onFault(error);
    }
    await tools.clock.sleep(tickMs, signal);
  }
  await Promise.all(reading.values());
}

/** Those whose time has come, the longest overdue first. */
function dueNow(tools: PowerPollTools, machines: readonly Polled[]): readonly Polled[] {
  const nowMs = tools.clock.now();
  const operating = tools.operating();
  return (
    machines
      // A BMC that is at work for somebody is left alone; what is read there counts too.
      .filter(({ calls }) => calls === 0)
      .map((machine) => ({ machine, atMs: dueMs(tools, machine, operating) }))
      .filter(({ atMs }) => atMs <= nowMs)
      .toSorted((a, b) => a.atMs - b.atMs)
      .map(({ machine }) => machine)
  );
}

/** One reading; what comes of it is heard by the observer. Never rejects. */
async function read(
  tools: PowerPollTools,
  machine: Polled,
  bmc: Bmc,
  signal: AbortSignal,
): Promise<void> {
  machine.triedMs = tools.clock.now();
  machine.jitter = 1 + (tools.random() - 0.5) * jitterShare;
  try {
    await bmc.powerState(signal);
  } catch (error) {
    if (!(error instanceof BmcError) && !signal.aborted) tools.onFault(error);
  }
}

/** When a machine is to be read again: soon while somebody is at work on it, or its last reading was a surprise. */
function dueMs(
  { pollMs }: PowerPollTools,
  machine: Polled,
  operating: ReadonlySet<string>,
): number {
  const { holders, doubtMs, triedMs, node } = machine;
  const hurried = holders > 0 || doubtMs !== undefined || operating.has(node.name);
  return triedMs + (hurried ? Math.min(hurriedMs, pollMs()) : pollMs() * machine.jitter);
}
