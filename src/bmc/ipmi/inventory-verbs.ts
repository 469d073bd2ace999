// The verbs that take many commands: sensors, event log, inventory, password.

import type { Secret } from "../../net/secret.ts";
import { type BmcDescription, BmcError, type LogEntry, type SensorReading } from "../bmc.ts";
import type { Turn } from "./client.ts";
import { decodeDeviceId, decodeGuid, getDeviceId, getSystemGuid } from "./device.ts";
import { decodeFru, type FruInventory, getFruAreaInfo, readFru } from "./fru.ts";
import { completionCodes } from "./message.ts";
import * as sdr from "./sdr.ts";
import * as sel from "./sel.ts";
import type { Command } from "./session.ts";
import * as users from "./users.ts";

// No BMC has more; one that goes in circles must not be followed for ever.
const maxRecords = 4096;
const maxFruBytes = 4096;
const fruChunkBytes = 32;

/** What the BMC says of itself, with the machine's own inventory where it keeps one. */
export async function describe(turn: Turn): Promise<BmcDescription> {
  const device = decodeDeviceId(await turn.run(getDeviceId));
  if (device === undefined) throw turn.fail("protocol", "its device id is cut short");
  const guid = await turn.ask(getSystemGuid);
  const fru = await readInventory(turn);
  return {
    protocol: `IPMI ${device.ipmiVersion}`,
    manufacturer: fru.manufacturer ?? device.manufacturer,
    model: fru.model,
    serial: fru.serial,
    firmware: device.firmware,
    uuid: guid.completion === completionCodes.ok ? decodeGuid(guid.data) : undefined,
  };
}

async function readInventory({ ask }: Turn): Promise<FruInventory> {
  const info = await ask(getFruAreaInfo);
  if (info.completion !== completionCodes.ok || info.data.length < 2) return {};
  const size = Math.min(info.data.readUInt16LE(0), maxFruBytes);
  const parts: Buffer[] = [];
  let offset = 0;
  while (offset < size) {
    const part = await ask(readFru(offset, Math.min(fruChunkBytes, size - offset)));
    const count = part.data[0] ?? 0;
    if (part.completion !== completionCodes.ok || count === 0) break;
    parts.push(part.data.subarray(1, 1 + count));
    offset += count;
  }
  return decodeFru(Buffer.concat(parts));
}

/** All sensors of the BMC itself, each with its reading. */
export async function readSensors(turn: Turn): Promise<readonly SensorReading[]> {
  const readings: SensorReading[] = [];
  const sensors = await reserved(turn, sdr.reserveSdr, (reservation) =>
    readSensorRecords(turn, reservation),
  );
  for (const sensor of sensors) {
    const reading = await turn.ask(sdr.getSensorReading(sensor.number));
    // A sensor without a reading refuses; the others are still worth seeing.
    const data = reading.completion === completionCodes.ok ? reading.data : Buffer.alloc(0);
    readings.push(sdr.decodeSensorReading(sensor, data));
  }
  return readings;
}

const reservations = 3;

/** Does `work` with a reservation, and begins again when it was cancelled: by somebody else, or because the BMC restarted. */
async function reserved<T>(
  turn: Turn,
  reserve: Command,
  work: (reservation: number) => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      // Once: a second copy would cancel the reservation that the first one's answer brings.
      const answer = await turn.run(reserve, { once: true });
      if (answer.length < 2) throw turn.fail("protocol", "its reservation is cut short");
      return await work(answer.readUInt16LE(0));
    } catch (error) {
      const cancelled =
        error instanceof BmcError && (error.kind === "busy" || error.kind === "timeout");
      if (!cancelled || tries >= reservations) throw error;
    }
  }
}

async function readSensorRecords(turn: Turn, reservation: number): Promise<readonly sdr.Sensor[]> {
  const sensors: sdr.Sensor[] = [];
  const { completion } = await turn.ask(
    sdr.getSdr(reservation, sel.firstRecord, 0, sdr.sdrHeaderBytes),
  );
  // An empty repository has no first record.
  if (completion === completionCodes.notPresent) return sensors;
  let id = sel.firstRecord;
  for (let records = 0; records < maxRecords && id !== sel.noMoreRecords; records += 1) {
    const head = await readSdr(turn, reservation, id, 0, sdr.sdrHeaderBytes);
    const parts = [head.data];
    const end = sdr.sdrHeaderBytes + (head.data[4] ?? 0);
    for (let offset = sdr.sdrHeaderBytes; offset < end; offset += sdr.sdrChunkBytes) {
      const length = Math.min(sdr.sdrChunkBytes, end - offset);
      parts.push((await readSdr(turn, reservation, id, offset, length)).data);
    }
    const sensor = sdr.decodeSensorRecord(Buffer.concat(parts));
    if (sensor !== undefined) sensors.push(sensor);
    id = head.next;
  }
  return sensors;
}

async function readSdr(
  { run, fail }: Turn,
  reservation: number,
  id: number,
  offset: number,
  length: number,
): Promise<{ readonly next: number; readonly data: Buffer }> {
  const data = await run(sdr.getSdr(reservation, id, offset, length));
  if (data.length < 2 + length) throw fail("protocol", `its sensor record ${id} is cut short`);
  return { next: data.readUInt16LE(0), data: data.subarray(2) };
}

/** The event log, oldest first. */
export async function readEvents({ ask, refused, fail }: Turn): Promise<readonly LogEntry[]> {
  const entries: LogEntry[] = [];
  let id = sel.firstRecord;
  while (entries.length < maxRecords && id !== sel.noMoreRecords) {
    const response = await ask(sel.getSelEntry(id));
    // An empty log has no first record.
    if (response.completion === completionCodes.notPresent && id === sel.firstRecord) break;
    if (response.completion !== completionCodes.ok) throw refused(response);
    const record = sel.decodeSelEntry(response.data);
    if (record === undefined) throw fail("protocol", "a record of its event log is cut short");
    entries.push(record.entry);
    id = record.next;
  }
  return entries;
}

const clearTries = 100;
const clearPollMs = 200;

/** Clears the event log and waits until it is cleared. */
export async function clearEvents(turn: Turn): Promise<void> {
  await reserved(turn, sel.reserveSel, async (reservation) => {
    let answer = await turn.run(sel.clearSel(reservation, "begin"));
    for (let tries = 0; !sel.isCleared(answer); tries += 1) {
      if (tries >= clearTries) throw turn.fail("protocol", "its event log is never cleared");
      await turn.sleep(clearPollMs);
      answer = await turn.run(sel.clearSel(reservation, "ask"));
    }
  });
}

/** Changes the password of `user` and asks the BMC whether it is the new one. */
export async function setPassword(turn: Turn, user: string, password: Secret): Promise<void> {
  const { run, fail } = turn;
  const text = password.reveal();
  const bytes = Buffer.byteLength(text);
  if (bytes === 0 || bytes > users.maxPasswordBytes)
    throw fail("unsupported", `a password of ${bytes} octets; IPMI takes 1 to 20`);
  const id = await userId(turn, user);
  await run(users.setUserPassword(id, "set", text));
  try {
    await run(users.setUserPassword(id, "test", text));
  } catch (error) {
    if (error instanceof BmcError && error.kind === "protocol")
      throw fail("protocol", "it took a new password and says that it has another");
    throw error;
  }
}

async function userId({ run, ask, fail }: Turn, user: string): Promise<number> {
  const count = users.decodeMaxUsers(await run(users.getUserAccess(1)));
  for (let id = 1; id <= count; id += 1) {
    const { completion, data } = await ask(users.getUserName(id));
    if (completion === completionCodes.ok && users.decodeUserName(data) === user) return id;
  }
  throw fail("authentication", `none of its ${count} users is called ${user}`);
}
