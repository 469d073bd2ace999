// Sensors as IPMI describes them: Full Sensor Records (IPMI 2.0 §43.1) and readings of one octet.

import type { SimulatedMachine, SimulatedSensor } from "../machine.ts";
import { word } from "./command.ts";

interface SensorKind {
  /** Table 42-3. */
  readonly sensorType: number;
  /** Table 43-15. */
  readonly unit: number;
  /** A raw octet of 1 is `factor` × 10^`exponent` units. */
  readonly factor: number;
  readonly exponent: number;
  /** Table 43-13. */
  readonly entity: number;
}

const kinds: Readonly<Record<SimulatedSensor["kind"], SensorKind>> = {
  temperature: { sensorType: 0x01, unit: 1, factor: 1, exponent: 0, entity: 0x37 },
  voltage: { sensorType: 0x02, unit: 4, factor: 6, exponent: -2, entity: 0x14 },
  fan: { sensorType: 0x04, unit: 18, factor: 100, exponent: 0, entity: 0x1d },
  power: { sensorType: 0x0b, unit: 6, factor: 5, exponent: 0, entity: 0x0a },
};

export function sensorType({ kind }: SimulatedSensor): number {
  return kinds[kind].sensorType;
}

/** `value` in the sensor's unit as its raw octet: as near as it comes. */
export function rawValue({ kind }: SimulatedSensor, value: number): number {
  const { factor, exponent } = kinds[kind];
  return Math.min(255, Math.max(0, Math.round(value / (factor * 10 ** exponent))));
}

/** Machines that are off have no fans that turn and no voltages; the temperature of their room they know. */
export function readable(machine: SimulatedMachine, { kind }: SimulatedSensor): boolean {
  return kind === "temperature" || machine.power() === "on";
}

const upperCritical = 0x10;
export const readableThresholds = upperCritical;

/** The record of sensor `number`, whose record id is the same. */
export function sensorRecord(sensor: SimulatedSensor, number: number): Buffer {
  const { unit, factor, exponent, entity } = kinds[sensor.kind];
  const name = Buffer.from(sensor.name.slice(0, 16), "latin1");
  const critical = rawValue(sensor, sensor.criticalAbove);
  const body = Buffer.concat([
    // Owner (the BMC), LUN, number, entity, its instance.
    Buffer.of(0x20, 0x00, number, entity, number),
    // All is initialised; re-arms itself, thresholds can be read; threshold-based.
    Buffer.of(0x7f, 0x44, sensorType(sensor), 0x01),
    // Events when it rises above upper critical, and falls below again; that threshold can be read.
    Buffer.concat([word(0x0200), word(0x2200), word(readableThresholds)]),
    // Unsigned; unit; linear.
    Buffer.of(0x00, unit, 0x00, 0x00),
    // M, B, accuracy, exponents of result and of B.
    Buffer.of(factor, 0x00, 0x00, 0x00, 0x00, (exponent & 0x0f) << 4),
    // Nominal and normal values are not given; sensor maximum and minimum.
    Buffer.of(0x00, 0x00, 0x00, 0x00, 0xff, 0x00),
    // Upper and lower thresholds, from the worst inward; hysteresis; reserved; OEM.
    Buffer.of(0x00, critical, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00),
    // 8-bit ASCII.
    Buffer.of(0xc0 | name.length),
    name,
  ]);
  return Buffer.concat([word(number), Buffer.of(0x51, 0x01, body.length), body]);
}
