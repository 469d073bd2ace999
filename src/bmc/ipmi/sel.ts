// The system event log of a BMC (IPMI 2.0 §31 and §32) as bytes and back.

import type { LogEntry } from "../bmc.ts";
import { netFns } from "./message.ts";
import { describeEvent, type EventFacts } from "./sel-text.ts";
import type { Command } from "./session.ts";

const storage = (command: number, ...data: number[]): Command => ({
  netFn: netFns.storage,
  command,
  data: Buffer.from(data),
});

export const reserveSel = storage(0x42);

export const firstRecord = 0x0000;
export const noMoreRecords = 0xffff;

/** Get SEL Entry, all 16 octets of it: needs no reservation (§31.5). */
export function getSelEntry(id: number): Command {
  return storage(0x43, 0, 0, id & 0xff, id >> 8, 0, 0xff);
}

/** Clear SEL (§31.9): begins it, or asks whether it is done. */
export function clearSel(reservation: number, verb: "begin" | "ask"): Command {
  const letters = [...Buffer.from("CLR")];
  const what = verb === "begin" ? 0xaa : 0x00;
  return storage(0x47, reservation & 0xff, reservation >> 8, ...letters, what);
}

/** Whether a clearing is over, from the response data of Clear SEL. */
export function isCleared(data: Buffer): boolean {
  return ((data[0] ?? 0) & 0x0f) === 0x01;
}

/** Reads the response data of Get SEL Entry. Undefined when it is cut short. */
export function decodeSelEntry(
  data: Buffer,
): { readonly next: number; readonly entry: LogEntry } | undefined {
  if (data.length < 18) return undefined;
  return { next: data.readUInt16LE(0), entry: decodeRecord(data.subarray(2, 18)) };
}

//  +----+------+-----------+-----------+-----+------+--------+-----------+--------+
//  | id | type | timestamp | generator | rev | type | number | direction | data   |
//  +----+------+-----------+-----------+-----+------+--------+-----------+--------+
//    2     1        4           2         1     1       1     and kind 1     3      (table 32-1)
function decodeRecord(record: Buffer): LogEntry {
  const id = record.readUInt16LE(0).toString(16).padStart(4, "0");
  const type = record.readUInt8(2);
  // Records of E0h and above have no timestamp (table 32-3).
  const time = type < 0xe0 ? timeOf(record.readUInt32LE(3)) : undefined;
  if (type !== 0x02)
    return {
      ...{ id, time, severity: "warning" },
      message: `record of type ${type.toString(16)}h: ${record.subarray(3).toString("hex")}`,
    };
  const facts: EventFacts = {
    sensorType: record.readUInt8(10),
    sensorNumber: record.readUInt8(11),
    asserted: (record.readUInt8(12) & 0x80) === 0,
    eventType: record.readUInt8(12) & 0x7f,
    data: record.subarray(13, 16),
  };
  return { id, time, ...describeEvent(facts) };
}

/** Seconds since 1970. Up to 20000000h they count from the BMC's own start, and FFFFFFFFh is "unknown" (§37.1). */
function timeOf(seconds: number): string | undefined {
  if (seconds <= 0x2000_0000 || seconds === 0xffff_ffff) return undefined;
  return new Date(seconds * 1000).toISOString();
}
