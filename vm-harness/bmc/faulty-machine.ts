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
  const { description, users, sensors, log, actions } = machine;
  return {
    ...{ description, users, sensors, log, actions },
    get boot() {
      if (faults.forgetsBoot) Object.assign(machine.boot, noBoot);
      return machine.boot;
    },
    get identifyUntilMs() {
      return machine.identifyUntilMs;
    },
    set identifyUntilMs(value) {
      machine.identifyUntilMs = value;
    },
    get media() {
      return machine.media;
    },
    set media(value) {
      machine.media = value;
    },
    power: () => (old !== undefined && now() < old.untilMs ? old.power : machine.power()),
    act: async (action) => {
      if (faults.ignoresPower) return;
      old = { power: machine.power(), untilMs: now() + faults.powerLagSeconds * 1000 };
      const act = () => machine.act(action);
      await (faults.ignoresBoot ? withoutBoot(machine, act) : act());
    },
    listenConsole: machine.listenConsole,
    typeConsole: machine.typeConsole,
    breakConsole: machine.breakConsole,
  };
}

const noBoot: KeptBoot = { device: "none", persistent: false, uefi: false };

async function withoutBoot(machine: SimulatedMachine, act: () => Promise<void>): Promise<void> {
  const kept = { ...machine.boot };
  Object.assign(machine.boot, noBoot);
  await act();
  if (kept.persistent) Object.assign(machine.boot, kept);
}
