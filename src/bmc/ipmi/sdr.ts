// Sensors: their descriptions in the sensor data repository (IPMI 2.0 §33, §43.1, §43.2) and their readings (§35.14, §36).

import type { SensorReading } from "../bmc.ts";
import { decodeIdString } from "./id-string.ts";
import { netFns } from "./message.ts";
import type { Command } from "./session.ts";

export const reserveSdr: Command = { netFn: netFns.storage, command: 0x22 };

/** A BMC's buffer is small: of the records' 64 octets it is asked for this many at a time. */
export const sdrChunkBytes = 16;
export const sdrHeaderBytes = 5;

/** Get SDR (§33.12): `length` octets of a record from `offset`. */
export function getSdr(reservation: number, id: number, offset: number, length: number): Command {
  const data = Buffer.of(reservation & 0xff, reservation >> 8, id & 0xff, id >> 8, offset, length);
  return { netFn: netFns.storage, command: 0x23, data };
}

export function getSensorReading(number: number): Command {
  return { netFn: netFns.sensor, command: 0x2d, data: Buffer.of(number) };
}

/** What is needed of a sensor's record to read it. */
export interface Sensor {
  readonly name: string;
  readonly number: number;
  readonly unit: string;
  /** Absent: it has states and no number. */
  readonly toValue?: (raw: number) => number;
  readonly threshold: boolean;
}

const bmcOwner = 0x20;
const fullSensor = 0x01;
const compactSensor = 0x02;

/** Reads one record, header included. Undefined for what is no sensor of the BMC itself. */
export function decodeSensorRecord(record: Buffer): Sensor | undefined {
  const type = record[3];
  if (type !== fullSensor && type !== compactSensor) return undefined;
  const nameAt = type === fullSensor ? 47 : 31;
  if (record.length <= nameAt || record[5] !== bmcOwner || (record.readUInt8(6) & 0x03) !== 0)
    return undefined;
  const analogFormat = record.readUInt8(20) >> 6;
  const analog = type === fullSensor && analogFormat !== 3;
  const toValue = analog ? conversion(record, analogFormat) : undefined;
  return {
    name: decodeIdString(record.subarray(nameAt)),
    number: record.readUInt8(7),
    unit: toValue === undefined ? "" : unitOf(record.readUInt8(20), record.readUInt8(21)),
    threshold: record[13] === 0x01,
    ...(toValue !== undefined && { toValue }),
  };
}

/** y = L((M·x + B·10^Bexp) · 10^Rexp), §36.3. Undefined for sensors whose factors change with the reading. */
function conversion(record: Buffer, format: number): ((raw: number) => number) | undefined {
  const linearise = linearisations[record.readUInt8(23) & 0x7f];
  if (linearise === undefined) return undefined;
  const m = signed(record.readUInt8(24) | ((record.readUInt8(25) & 0xc0) << 2), 10);
  const b = signed(record.readUInt8(26) | ((record.readUInt8(27) & 0xc0) << 2), 10);
  const rExponent = signed(record.readUInt8(29) >> 4, 4);
  const bExponent = signed(record.readUInt8(29) & 0x0f, 4);
  return (raw) => {
    const x = format === 0 ? raw : format === 2 ? signed(raw, 8) : onesComplement(raw);
    return linearise((m * x + b * 10 ** bExponent) * 10 ** rExponent);
  };
}

function signed(value: number, bits: number): number {
  return value >= 2 ** (bits - 1) ? value - 2 ** bits : value;
}

function onesComplement(raw: number): number {
  return raw >= 0x80 ? raw - 0xff : raw;
}

// In the order of §43.1, octet 24.
const linearisations: readonly ((value: number) => number)[] = [
  (value) => value,
  Math.log,
  Math.log10,
  Math.log2,
  Math.exp,
  (value) => 10 ** value,
  (value) => 2 ** value,
  (value) => 1 / value,
  (value) => value ** 2,
  (value) => value ** 3,
  Math.sqrt,
  (value) => value ** -3,
];

// Table 43-15; those that servers have.
const units = new Map([
  [1, "degrees C"],
  [2, "degrees F"],
  [3, "K"],
  [4, "V"],
  [5, "A"],
  [6, "W"],
  [7, "J"],
  [8, "C"],
  [18, "RPM"],
  [19, "Hz"],
]);

function unitOf(units1: number, base: number): string {
  if ((units1 & 0x01) !== 0) return "%";
  return units.get(base) ?? (base === 0 ? "" : `unit ${base}`);
}

/** Reads the response data of Get Sensor Reading (§35.14). */
export function decodeSensorReading(sensor: Sensor, data: Buffer): SensorReading {
  const { name, unit, toValue, threshold } = sensor;
  const raw = data[0];
  const flags = data[1];
  // Bit 5: no reading now. Bit 6 is 0 while the sensor is not scanned.
  if (raw === undefined || flags === undefined || (flags & 0x20) !== 0 || (flags & 0x40) === 0)
    return { name, unit, health: "unknown" };
  const value = toValue === undefined ? {} : { value: rounded(toValue(raw)) };
  const health = threshold ? healthOf(data[2] ?? 0) : "ok";
  return { name, ...value, unit, health };
}

// Bits 0 and 3: non-critical; 1 and 4: critical; 2 and 5: non-recoverable.
function healthOf(crossed: number): SensorReading["health"] {
  if ((crossed & 0b11_0110) !== 0) return "critical";
  return (crossed & 0b00_1001) === 0 ? "ok" : "warning";
}

/** A reading is one of 256 values: more than three decimals are an artefact of the arithmetic. */
function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
