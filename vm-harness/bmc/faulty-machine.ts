// A machine as a BMC with faults shows it, whatever protocol asks: it lies about power, ignores power commands, forgets or
// ignores the boot override.

import type { PowerState } from "../../src/bmc/bmc.ts";
import type { Faults } from "./faults.ts";
import type { KeptBoot, SimulatedMachine } from "./machine.ts";

/** `now` gives milliseconds. What the machine was truly asked for is in the `actions` of `machine`. */
export function faultyMachine(
  machine: SimulatedMachine,
  faults: Faults,
  now: () => number,
): SimulatedMachine {
  let old: { readonly power: PowerState; readonly untilMs: number } | undefined;
  return Object.create(machine, {
    power: {
      value: () => (old !== undefined && now() < old.untilMs ? old.power : machine.power()),
    },
    // Written to by the BMC: what is set here must be set there.
    identifyUntilMs: {
      get: () => machine.identifyUntilMs,
      set: (value: number) => {
        machine.identifyUntilMs = value;
      },
    },
    media: {
      get: () => machine.media,
      set: (value: string | undefined) => {
        machine.media = value;
      },
    },
    boot: {
      get: () => {
        if (faults.forgetsBoot) Object.assign(machine.boot, noBoot);
        return machine.boot;
      },
    },
    act: {
      value: async (action: Parameters<SimulatedMachine["act"]>[0]) => {
        if (faults.ignoresPower) return;
        old = { power: machine.power(), untilMs: now() + faults.powerLagSeconds * 1000 };
        await (faults.ignoresBoot
          ? withoutBoot(machine, () => machine.act(action))
          : machine.act(action));
      },
    },
  });
}

const noBoot: KeptBoot = { device: "none", persistent: false, uefi: false };

async function withoutBoot(machine: SimulatedMachine, act: () => Promise<void>): Promise<void> {
  const kept = { ...machine.boot };
  Object.assign(machine.boot, noBoot);
  await act();
  if (kept.persistent) Object.assign(machine.boot, kept);
}
