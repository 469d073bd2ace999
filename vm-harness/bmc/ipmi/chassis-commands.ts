// Chassis commands: power, identify lamp and boot options (IPMI 2.0 §28), as a BMC does them.

import type { PowerAction } from "../../../src/bmc/bmc.ts";
import { completionCodes as code, netFns } from "../../../src/bmc/ipmi/message.ts";
import type { SimulatedMachine } from "../machine.ts";
import { createBootOptions } from "./boot-options.ts";
import { type Call, type Command, commandsOf, nothing } from "./command.ts";

const chassis = commandsOf(netFns.chassis);
const actions: readonly (PowerAction | undefined)[] = [
  ...(["off", "on", "cycle", "reset"] as const),
  // Diagnostic interrupt.
  ...[undefined, "soft" as const],
];

// Table 28-3, octet 4.
const lampSupported = 0x40;
const temporarilyLit = 0x10;

/** `failed` hears of an action that the machine could not do: the command was answered before. */
export function chassisCommands(
  machine: SimulatedMachine,
  failed: (error: unknown) => void,
): readonly Command[] {
  const options = createBootOptions(machine);
  const control = ({ data, now }: Call) => {
    const action = actions[data.readUInt8(0) & 0x0f];
    if (action === undefined) return code.invalidDataField;
    // §28.3 recommends this answer for cycle, and BMCs give it for reset too.
    const needsPower = action === "cycle" || action === "reset";
    if (needsPower && machine.power() === "off") return code.notInThisState;
    options.powerCommand(now);
    machine.act(action).catch(failed);
    return nothing;
  };
  return [
    // Get Chassis Capabilities.
    chassis(0x00, "user", 0, () => Buffer.of(0x00, 0x20, 0x20, 0x20, 0x20)),
    chassis(0x01, "user", 0, ({ now }) => {
      const lamp = machine.identifyUntilMs > now ? temporarilyLit : 0;
      const power = machine.power() === "on" ? 0x01 : 0x00;
      return Buffer.of(power, 0x00, lampSupported | lamp, 0x00);
    }),
    chassis(0x02, "operator", 1, control),
    chassis(0x04, "operator", 0, ({ data, now }) => {
      machine.identifyUntilMs = lampUntil(data, now);
      return nothing;
    }),
    // Set Power Restore Policy: taken, always "stay off".
    chassis(0x06, "operator", 1, () => Buffer.of(0x01)),
    // Get System Restart Cause: Chassis Control command.
    chassis(0x07, "user", 0, () => Buffer.of(0x01, 0x01)),
    chassis(0x08, "operator", 1, ({ data, now }) => options.write(data, now)),
    chassis(0x09, "operator", 3, ({ data, now }) => options.read(data, now)),
    // Get POH Counter: an hour is 60 minutes, none has passed.
    chassis(0x0f, "user", 0, () => Buffer.of(60, 0, 0, 0, 0)),
  ];
}

/** §28.5: without an interval it is 15 s; the second octet lights it until it is put out. */
function lampUntil(data: Buffer, now: number): number {
  const seconds = data[0] ?? 15;
  if (((data[1] ?? 0) & 0x01) !== 0) return Number.POSITIVE_INFINITY;
  return seconds === 0 ? 0 : now + seconds * 1000;
}
