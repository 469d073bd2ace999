// The event log of a simulated BMC as IPMI has it, the System Event Log (IPMI 2.0 §31), and its records (§32.1).

import { completionCodes as code, netFns } from "../../../src/bmc/ipmi/message.ts";
import type { SimulatedLogEntry, SimulatedMachine } from "../machine.ts";
import { type Call, type Command, commandsOf, doubleWord, type Reply, word } from "./command.ts";
import { createReservation, readPart } from "./reservation.ts";

const storage = commandsOf(netFns.storage);
const capacity = 512;
const recordLength = 16;
const erased = Buffer.of(0x01);

export function selCommands(machine: SimulatedMachine): readonly Command[] {
  const { log } = machine;
  const reservation = createReservation();
  // Records that were added as they are, which may say more than a log entry.
  const written = new WeakMap<SimulatedLogEntry, Buffer>();
  let clockAheadMs = 0;
  let addedMs = 0;
  let erasedMs = 0;
  const free = () => Math.max(0, capacity - log.length);
  const info = () =>
    Buffer.concat([
      Buffer.of(0x51),
      word(log.length),
      word(free() * recordLength),
      seconds(Math.max(addedMs, log.at(-1)?.timeMs ?? 0)),
      seconds(erasedMs),
      // Reserve, delete and allocation info are supported; bit 7: it is full.
      Buffer.of(0x0b | (free() === 0 ? 0x80 : 0)),
    ]);
  const read = ({ data }: Call) => {
    const entries = log.map((entry) => ({
      id: entry.id & 0xffff,
      record: () => written.get(entry) ?? encodeRecord(entry, machine),
    }));
    return readPart(entries, reservation, data);
  };
  const add = ({ data, now }: Call): Reply => {
    if (free() === 0) return code.outOfSpace;
    const entry = { ...decodeRecord(data), id: (log.at(-1)?.id ?? 0) + 1, timeMs: now };
    const record = Buffer.concat([word(entry.id), data.subarray(2, recordLength)]);
    record.writeUInt32LE(toSeconds(now + clockAheadMs), 3);
    written.set(entry, record);
    log.push(entry);
    addedMs = now;
    return word(entry.id);
  };
  const clear = ({ data, now }: Call): Reply => {
    if (!reservation.holds(data.readUInt16LE(0))) return code.invalidReservation;
    if (data.toString("latin1", 2, 5) !== "CLR") return code.invalidDataField;
    // AAh: do it. 00h: tell how far it is.
    if (data.readUInt8(5) !== 0xaa) return erased;
    log.length = 0;
    erasedMs = now;
    reservation.cancel();
    return erased;
  };
  const remove = ({ data }: Call): Reply => {
    if (!reservation.holds(data.readUInt16LE(0))) return code.invalidReservation;
    const index = log.findIndex(({ id }) => (id & 0xffff) === data.readUInt16LE(2));
    if (index < 0) return code.notPresent;
    log.splice(index, 1);
    reservation.cancel();
    return data.subarray(2, 4);
  };
  return [
    storage(0x40, "user", 0, info),
    storage(0x41, "user", 0, () =>
      Buffer.concat([...[capacity, recordLength, free(), free()].map(word), Buffer.of(1)]),
    ),
    storage(0x42, "user", 0, reservation.take),
    storage(0x43, "user", 6, read),
    storage(0x44, "operator", recordLength, add),
    storage(0x46, "operator", 4, remove),
    storage(0x47, "operator", 6, clear),
    storage(0x48, "user", 0, ({ now }) => seconds(now + clockAheadMs)),
    storage(0x49, "operator", 4, ({ data, now }) => {
      clockAheadMs = data.readUInt32LE(0) * 1000 - now;
      return Buffer.alloc(0);
    }),
  ];
}

function seconds(ms: number): Buffer {
  return doubleWord(toSeconds(ms));
}

function toSeconds(ms: number): number {
  return Math.max(0, Math.floor(ms / 1000));
}

// Sensor types (table 42-3) by a word that an entry's message has. System Event is for all others.
const sensorTypes: readonly (readonly [RegExp, number])[] = [
  [/temp/i, 0x01],
  [/volt/i, 0x02],
  [/fan/i, 0x04],
  [/power|psu/i, 0x08],
  [/memory|dimm|ecc/i, 0x0c],
  [/drive|disk/i, 0x0d],
];
const systemEvent = 0x12;
// "Severity": transition to OK, to non-critical from OK, to critical from less (table 42-2).
const severityEvents = 0x07;
const severities = ["ok", "warning", "critical"] as const;
// Of a sensor: above upper non-critical, above upper critical, and no longer so.
const thresholdEvents = {
  warning: [0x01, 0x07],
  critical: [0x01, 0x09],
  ok: [0x81, 0x09],
} as const;

//  id (2) | 02 | time (4) | 20 00 (by the BMC) | 04 | sensor type | sensor | event type | data (3)
function encodeRecord(entry: SimulatedLogEntry, { sensors }: SimulatedMachine): Buffer {
  const { id, timeMs, severity, message } = entry;
  const type = sensorTypes.find(([pattern]) => pattern.test(message))?.[1] ?? systemEvent;
  // The sensor that the message names, or none.
  const sensor = sensors.findIndex(({ name }) => message.includes(name)) + 1;
  const [event, offset] =
    sensor > 0 ? thresholdEvents[severity] : [severityEvents, severities.indexOf(severity)];
  return Buffer.concat([
    ...[word(id), Buffer.of(0x02), seconds(timeMs)],
    Buffer.of(0x20, 0x00, 0x04, type, sensor, event, offset, 0xff, 0xff),
  ]);
}

function decodeRecord(record: Buffer): Pick<SimulatedLogEntry, "severity" | "message"> {
  const [type, event, offset] = [record.readUInt8(10), record.readUInt8(12), record.readUInt8(13)];
  const severity = (event & 0x7f) === severityEvents ? severities[offset & 0x0f] : undefined;
  return { severity: severity ?? "warning", message: `event of sensor type ${type}` };
}
