// Reads all images in full from time to time: a disk can damage a file without anyone touching it.

import type { AssetManifest, Assets } from "../boot/assets.ts";
import type { ServiceStatus } from "../bootplane/deps.ts";
import type { Clock } from "../operations/runner.ts";

export interface AssetChecks {
  /** When the last check ended, milliseconds since the epoch; undefined before the first one has. */
  lastCheckMs(): number | undefined;
  /** Ends a check that is running. */
  close(): Promise<void>;
}

export interface AssetCheckTools {
  readonly assets: Pick<Assets, "verify">;
  readonly clock: Clock;
  /** From the end of a check to the start of the next. */
  readonly everyMs: number;
  /** Called after each check with a sentence for each damaged file. */
  readonly onChecked: (damaged: readonly string[]) => void;
  readonly onFault: (error: Error) => void;
}

// A tenth of what a plain disk reads: machines that boot must not wait for the check.
const bytesPerMs = (16 * 1024 * 1024) / 1000;

/** Checks at once, then again and again. */
export function startAssetChecks(tools: AssetCheckTools): AssetChecks {
  const { assets, clock, everyMs } = tools;
  const stop = new AbortController();
  let lastMs: number | undefined;
  const pace = (octets: number) => clock.sleep(octets / bytesPerMs, stop.signal);
  const run = async () => {
    while (!stop.signal.aborted) {
      const { damaged } = await assets.verify(pace, stop.signal);
      if (stop.signal.aborted) return;
      lastMs = clock.now();
      tools.onChecked(damaged);
      await clock.sleep(everyMs, stop.signal);
    }
  };
  const running = run().catch(tools.onFault);
  return {
    lastCheckMs: () => lastMs,
    close: async () => {
      stop.abort();
      await running;
    },
  };
}

/** What damage in the asset directory makes of the service that gives it out: the machines that need it get nothing. */
export function assetStatus({ damaged }: Pick<AssetManifest, "damaged">): ServiceStatus {
  return damaged.length === 0 ? "running" : "degraded";
}

/** The reason for /health; undefined while nothing is damaged. */
export function assetTrouble({ damaged }: Pick<AssetManifest, "damaged">): string | undefined {
  return damaged.length === 0 ? undefined : damaged.join("; ");
}
