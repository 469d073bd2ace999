// Writes what the protocols saw to the timelines: all of a tenth of a second in one commit, for each is a wait for the disk that the
// leases are on too. What is lost when the process ends by force is a line of history, and no machine's state.

import type { Logger } from "pino";
import type { Sighting } from "../nodes/timeline.ts";
import type { Store } from "../store/store.ts";

export interface Recorder {
  /** To be called as often as there is something to tell; never throws. */
  record(sightings: readonly Sighting[]): void;
  /** Writes what is left. */
  close(): void;
}

const gatherMs = 100;

/** `write` writes one sighting. A store that can't be written (a full disk) must not keep a machine from its boot file. */
export function createRecorder(
  store: Pick<Store, "atomically">,
  write: (sighting: Sighting) => void,
  logger: Logger,
): Recorder {
  let gathered: Sighting[] = [];
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    const sightings = gathered;
    gathered = [];
    try {
      if (sightings.length > 0) store.atomically(() => sightings.forEach(write));
    } catch (error) {
      logger.error({ err: error, events: sightings.length }, "events not recorded");
    }
  };
  return {
    record(sightings) {
      gathered.push(...sightings);
      timer ??= setTimeout(flush, gatherMs);
    },
    close: flush,
  };
}
