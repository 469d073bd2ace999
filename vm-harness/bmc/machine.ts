// The machine behind a simulated BMC, as both of the BMC's protocols see it. One that is memory alone stands here, for tests and
// benchmarks; one that is a QEMU machine is in qemu-machine.ts.

import type { BootDevice, PowerAction, PowerState } from "../../src/bmc/bmc.ts";

/** What the BMC keeps for the next boot. A boot clears it unless it is persistent. */
export interface KeptBoot {
  device: BootDevice;
  persistent: boolean;
  uefi: boolean;
}

export interface SimulatedSensor {
  readonly name: string;
  readonly kind: "temperature" | "fan" | "voltage" | "power";
  /** Degrees C, RPM, volts or watts. */
  value: number;
  readonly criticalAbove: number;
}

export interface SimulatedLogEntry {
  readonly id: number;
  readonly timeMs: number;
  readonly severity: "ok" | "warning" | "critical";
  readonly message: string;
}

export interface SimulatedUser {
  readonly id: number;
  name: string;
  password: string;
  /** Others may only look. */
  administrator: boolean;
  enabled: boolean;
}

export interface SimulatedMachine {
  readonly description: {
    readonly manufacturer: string;
    readonly model: string;
    readonly serial: string;
    readonly uuid: string;
    readonly bmcFirmware: string;
    readonly biosFirmware: string;
  };
  readonly users: SimulatedUser[];
  readonly sensors: readonly SimulatedSensor[];
  readonly log: SimulatedLogEntry[];
  readonly boot: KeptBoot;
  /** Epoch milliseconds until which the identify lamp is lit; 0: it is not. */
  identifyUntilMs: number;
  /** URL of the image in the virtual CD drive. */
  media: string | undefined;
  power(): PowerState;
  /** Does it and resolves when it is done. `cycle` and `reset` of a machine that is off do nothing. Counted in `actions`. */
  act(action: PowerAction): Promise<void>;
  /** Every action the machine was asked for, in order: how a test sees that nothing happened twice. */
  readonly actions: readonly PowerAction[];
  /** What the machine prints from now on. Returns what ends the listening. */
  listenConsole(listener: (data: Buffer) => void): () => void;
  typeConsole(data: Buffer): void;
  /** A break on its serial line. */
  breakConsole(): void;
}

/** A machine that exists in memory only. Its console gives back what is typed. */
export function createMemoryMachine(name: string): SimulatedMachine {
  const listeners = new Set<(data: Buffer) => void>();
  const actions: PowerAction[] = [];
  const boot: KeptBoot = { device: "none", persistent: false, uefi: false };
  let power: PowerState = "off";
  const print = (data: Buffer) => {
    for (const listener of listeners) listener(data);
  };
  const started = () => {
    if (!boot.persistent) Object.assign(boot, { device: "none", uefi: false });
    print(Buffer.from(`${name} starts\r\n`));
  };
  return {
    description: {
      manufacturer: "rackstrap",
      model: "Virtual Server",
      serial: `SN-${name}`,
      uuid: "3f2b8a10-52d4-4c1e-9d0a-525400123456",
      bmcFirmware: "1.02",
      biosFirmware: "2.16",
    },
    users: [{ id: 2, name: "admin", password: "secret", administrator: true, enabled: true }],
    sensors: [
      { name: "Inlet Temp", kind: "temperature", value: 23, criticalAbove: 47 },
      { name: "CPU Temp", kind: "temperature", value: 51, criticalAbove: 95 },
      { name: "Fan 1", kind: "fan", value: 5400, criticalAbove: 20_000 },
      { name: "12V", kind: "voltage", value: 12, criticalAbove: 13 },
    ],
    log: [],
    boot,
    identifyUntilMs: 0,
    media: undefined,
    actions,
    power: () => power,
    act: async (action) => {
      actions.push(action);
      const was = power;
      if (action === "on" || action === "off") power = action;
      if (action === "soft") power = "off";
      const starts = action === "on" ? was === "off" : was === "on" && action !== "off";
      if (starts && action !== "soft") started();
    },
    listenConsole: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    typeConsole: print,
    breakConsole: () => print(Buffer.from("<break>\r\n")),
  };
}
