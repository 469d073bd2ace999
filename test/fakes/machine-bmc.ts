// A BMC with a machine behind it, in memory: it takes time, loses answers, lies or fails where a test says so.

import { type Bmc, BmcError, type PowerAction, type PowerState } from "../../src/bmc/bmc.ts";
import { refusing } from "../../src/bmc/refusing.ts";

export interface MachineBmc extends Bmc {
  state: PowerState;
  /** Every change that was asked for, with the time. */
  readonly asked: [action: PowerAction, atMs: number][];
  readings: number;
  /** Thrown by every call while it is set. */
  fault: BmcError | undefined;
  /** Takes what it is asked and says nothing. */
  losesAnswers: boolean;
  /** Says "ok" and does nothing. */
  deaf: boolean;
  /** How long a change takes; `never` for a system that does not shut down. */
  offMs: number;
  softMs: number | "never";
}

export const silent = new BmcError("unreachable", "BMC 10.0.10.50: no answer");

export function machineBmc(state: PowerState, changes: Partial<MachineBmc> = {}): MachineBmc {
  const become = (next: PowerState, ms: number) =>
    void setTimeout(() => {
      machine.state = next;
    }, ms);
  const machine: MachineBmc = {
    ...refusing("unsupported", "BMC 10.0.10.50", "the fake has no such thing"),
    ...{ state, asked: [], readings: 0, fault: undefined, losesAnswers: false, deaf: false },
    ...{ offMs: 0, softMs: 0 },
    powerState: async () => {
      machine.readings += 1;
      if (machine.fault !== undefined) throw machine.fault;
      return machine.state;
    },
    power: async (action) => {
      if (machine.fault !== undefined) throw machine.fault;
      machine.asked.push([action, performance.now()]);
      if (!machine.deaf) {
        if (action === "on") become("on", 0);
        else if (action === "off") become("off", machine.offMs);
        else if (action === "soft" && machine.softMs !== "never") become("off", machine.softMs);
      }
      if (machine.losesAnswers) throw new BmcError("timeout", "BMC 10.0.10.50: no answer");
    },
    ...changes,
  };
  return machine;
}
