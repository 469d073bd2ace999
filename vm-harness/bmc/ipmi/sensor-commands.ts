// Sensors and the repository of their descriptions (IPMI 2.0 §35, §33).

import { completionCodes as code, netFns } from "../../../src/bmc/ipmi/message.ts";
import type { SimulatedMachine, SimulatedSensor } from "../machine.ts";
import { type Call, type Command, commandsOf, doubleWord, type Reply, word } from "./command.ts";
import { createReservation, readPart } from "./reservation.ts";
import {
  rawValue,
  readable,
  readableThresholds,
  sensorRecord,
  sensorType,
} from "./sensor-records.ts";

const sensorFunction = commandsOf(netFns.sensor);
const storage = commandsOf(netFns.storage);

export function sensorCommands(machine: SimulatedMachine): readonly Command[] {
  const { sensors } = machine;
  const reservation = createReservation();
  const entries = sensors.map((sensor, index) => ({
    id: index + 1,
    record: () => sensorRecord(sensor, index + 1),
  }));
  /** Sensors are numbered from 1, as their records are. */
  const ofSensor =
    (answer: (sensor: SimulatedSensor) => Reply) =>
    ({ data }: Call): Reply => {
      const sensor = sensors[data.readUInt8(0) - 1];
      return sensor === undefined ? code.notPresent : answer(sensor);
    };
  const info = Buffer.concat([
    Buffer.of(0x51),
    word(sensors.length),
    word(0),
    ...[doubleWord(0), doubleWord(0)],
    // Not modal; reservations are supported.
    Buffer.of(0x22),
  ]);
  return [
    storage(0x20, "user", 0, () => info),
    storage(0x22, "user", 0, reservation.take),
    storage(0x23, "user", 6, ({ data }) => readPart(entries, reservation, data)),
    storage(0x28, "user", 0, ({ now }) => doubleWord(Math.floor(now / 1000))),
    // Get Sensor Hysteresis: none.
    sensorFunction(
      0x25,
      "user",
      1,
      ofSensor(() => Buffer.of(0, 0)),
    ),
    sensorFunction(0x27, "user", 1, ofSensor(thresholds)),
    // Get Sensor Event Enable and Event Status: events and scanning are on, nothing has happened.
    sensorFunction(
      0x29,
      "user",
      1,
      ofSensor(() => Buffer.of(0xc0, 0, 0x02, 0, 0x02)),
    ),
    sensorFunction(
      0x2b,
      "user",
      1,
      ofSensor(() => Buffer.of(0xc0, 0, 0, 0, 0)),
    ),
    sensorFunction(
      0x2d,
      "user",
      1,
      ofSensor((sensor) => reading(machine, sensor)),
    ),
    sensorFunction(
      0x2f,
      "user",
      1,
      ofSensor((sensor) => Buffer.of(sensorType(sensor), 0x01)),
    ),
  ];
}

/** Get Sensor Reading (§35.14). */
function reading(machine: SimulatedMachine, sensor: SimulatedSensor): Buffer {
  const there = readable(machine, sensor);
  const critical = there && sensor.value >= sensor.criticalAbove ? readableThresholds : 0;
  const raw = there ? rawValue(sensor, sensor.value) : 0;
  return Buffer.of(raw, 0xc0 | (there ? 0 : 0x20), 0xc0 | critical);
}

/** Get Sensor Thresholds (§35.9): only "upper critical" means something. */
function thresholds(sensor: SimulatedSensor): Buffer {
  const critical = rawValue(sensor, sensor.criticalAbove);
  return Buffer.of(readableThresholds, 0, 0, 0, 0, critical, 0);
}
