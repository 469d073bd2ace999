// The BMC's own event log.

import type { z } from "zod";
import type { LogEntry } from "../bmc.ts";
import { memberPaths, members } from "./collection.ts";
import type { Places } from "./discovery.ts";
import { clean } from "./failure.ts";
import { idOf } from "./path.ts";
import { type Entry, logEntry, logService, manager, system } from "./shapes.ts";
import type { Resource, Turn } from "./turn.ts";

const maxEntries = 1000;

/** Oldest first; at most a thousand. */
export async function readEvents(turn: Turn, places: Places): Promise<readonly LogEntry[]> {
  const { value } = await eventLog(turn, places);
  if (!value.Entries) throw turn.fail("unsupported", "its event log can't be read");
  const path = value.Entries["@odata.id"];
  const entries = await members(turn, path, logEntry, { max: maxEntries });
  return inOrder(entries.map(logEntryOf));
}

export async function clearEvents(turn: Turn, places: Places): Promise<void> {
  const { value } = await eventLog(turn, places);
  const clear = value.Actions?.["#LogService.ClearLog"];
  if (!clear) throw turn.fail("unsupported", "its event log can't be cleared");
  await turn.post(clear.target, {});
}

/** The system event log among the logs of system and manager: by what it says it is, by its maker's name for it, or the first. */
async function eventLog(
  turn: Turn,
  { vendor, system: systemPath, manager: managerPath }: Places,
): Promise<Resource<z.output<typeof logService>>> {
  const ofSystem = (await turn.get(systemPath, system)).value.LogServices;
  const ofManager = managerPath && (await turn.get(managerPath, manager)).value.LogServices;
  const collections = [ofSystem, ofManager].flatMap((link) => (link ? link["@odata.id"] : []));
  const paths: string[] = [];
  for (const path of collections) paths.push(...(await memberPaths(turn, path)));
  const named = vendor.eventLogs
    .map((id) => paths.find((path) => idOf(path).toLowerCase() === id))
    .find((path) => path !== undefined);
  const chosen = named ?? paths[0];
  if (chosen === undefined) throw turn.fail("unsupported", "it has no event log");
  return await turn.get(chosen, logService);
}

const severities = new Map<string, LogEntry["severity"]>([
  ["OK", "ok"],
  ["Warning", "warning"],
  ["Critical", "critical"],
]);

/** An entry as the BMC gives it. A clock that was never set counts from 1970. */
export function logEntryOf({ Id, Created, Severity, Message }: Entry): LogEntry {
  const timeMs = Date.parse(Created ?? "");
  const isSet = Number.isFinite(timeMs) && timeMs > Date.UTC(2000, 0);
  return {
    id: clean(Id ?? ""),
    time: isSet ? new Date(timeMs).toISOString() : undefined,
    severity: severities.get(Severity ?? "") ?? "ok",
    message: clean(Message ?? ""),
  };
}

/** Some BMCs give the newest first. Turned only when every entry has a time, and the entries of one moment stay as they are. */
export function inOrder(entries: readonly LogEntry[]): readonly LogEntry[] {
  if (entries.some(({ time }) => time === undefined)) return entries;
  return entries.toSorted((one, other) =>
    (one.time ?? "") < (other.time ?? "") ? -1 : one.time === other.time ? 0 : 1,
  );
}
