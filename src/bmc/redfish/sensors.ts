// Sensor readings of a chassis: the Thermal and Power resources, or the newer collection of Sensors in their place.

import type { SensorReading } from "../bmc.ts";
import { members } from "./collection.ts";
import type { Places } from "./discovery.ts";
import { clean } from "./failure.ts";
import {
  chassis,
  type Power,
  power,
  type Sensor,
  sensor,
  type Thermal,
  thermal,
} from "./shapes.ts";
import type { Turn } from "./turn.ts";

// Each may have to be asked for by itself.
const maxSensors = 256;

export async function readSensors(turn: Turn, places: Places): Promise<readonly SensorReading[]> {
  if (places.chassis === undefined) throw turn.fail("unsupported", "it has no chassis");
  const { Thermal, Power, Sensors } = (await turn.get(places.chassis, chassis)).value;
  // Two answers with everything in them are cheaper for the BMC than one for each sensor.
  if (Sensors && (places.expand || (!Thermal && !Power))) {
    const options = { expand: places.expand, max: maxSensors };
    const all = await members(turn, Sensors["@odata.id"], sensor, options);
    return all.filter(isPresent).map(readingOf);
  }
  return [
    ...(Thermal ? thermalReadings((await turn.get(Thermal["@odata.id"], thermal)).value) : []),
    ...(Power ? powerReadings((await turn.get(Power["@odata.id"], power)).value) : []),
  ];
}

/** What a Thermal resource says. */
export function thermalReadings({ Temperatures, Fans }: Thermal): readonly SensorReading[] {
  const temperatures = (Temperatures ?? []).map((one) => ({
    ...one,
    Reading: one.ReadingCelsius,
    ReadingUnits: "Cel",
  }));
  const fans = (Fans ?? []).map((one) => ({ ...one, Name: one.Name ?? one.FanName }));
  return [...temperatures, ...fans].filter(isPresent).map(readingOf);
}

/** What a Power resource says. */
export function powerReadings({ Voltages, PowerControl }: Power): readonly SensorReading[] {
  const volts = (Voltages ?? []).map((one) => ({
    ...one,
    Reading: one.ReadingVolts,
    ReadingUnits: "V",
  }));
  const watts = (PowerControl ?? []).map((one) => ({
    ...one,
    Reading: one.PowerConsumedWatts,
    ReadingUnits: "W",
  }));
  return [...volts, ...watts].filter(isPresent).map(readingOf);
}

type Reading = Partial<Sensor> & { readonly MemberId?: string | null | undefined };

/** Slots that are empty are listed as well. */
const isPresent = ({ Status }: Reading) => Status?.State !== "Absent";

// UCUM as Redfish uses it, and Thermal's own word for fans; to the words that IPMI has for them.
const units = new Map([
  ["Cel", "degrees C"],
  ["RPM", "RPM"],
  ["{rev}/min", "RPM"],
  ["V", "Volts"],
  ["W", "Watts"],
  ["A", "Amps"],
  ["%", "percent"],
  ["Percent", "percent"],
]);

const healths = new Map<string, SensorReading["health"]>([
  ["OK", "ok"],
  ["Warning", "warning"],
  ["Critical", "critical"],
]);

function readingOf(one: Reading): SensorReading {
  const unit = one.ReadingUnits ?? "";
  return {
    name: clean(one.Name ?? one.MemberId ?? one.Id ?? "unnamed"),
    value: one.Reading ?? undefined,
    unit: units.get(unit) ?? clean(unit),
    health: healths.get(one.Status?.Health ?? "") ?? "unknown",
  };
}
