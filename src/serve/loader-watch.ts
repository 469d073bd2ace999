// Looks for new, replaced and damaged loaders, so that DHCP never names one that TFTP and HTTP would refuse.

import { isDeepStrictEqual } from "node:util";
import type { ReadLoaders } from "../boot/asset-store/read-loaders.ts";
import type { Assets } from "../boot/assets.ts";
import type { Clock } from "../operations/runner.ts";
import type { DhcpService } from "./dhcp-service.ts";
import type { LoaderNames } from "./dhcp-thread.ts";

export interface LoaderWatchTools {
  readonly assets: Pick<Assets, "loaders">;
  readonly clock: Clock;
  readonly dhcp: Pick<DhcpService, "setLoaders">;
  readonly onFault: (error: Error) => void;
}

// Firmware asks again after four seconds (PXE 2.1 §2.2.1). A look costs a listing of one folder.
const everyMs = 1_000;

/** Looks until it is closed. The first look is told whatever it finds. */
export function startLoaderWatch(tools: LoaderWatchTools): { close(): Promise<void> } {
  const { assets, clock, dhcp } = tools;
  const stop = new AbortController();
  let told: LoaderNames | undefined;
  const run = async () => {
    for (;;) {
      await clock.sleep(everyMs, stop.signal);
      if (stop.signal.aborted) return;
      const names = loaderNames(await assets.loaders());
      if (isDeepStrictEqual(names, told)) continue;
      told = names;
      dhcp.setLoaders(names);
    }
  };
  const running = run().catch(tools.onFault);
  return {
    close: async () => {
      stop.abort();
      await running;
    },
  };
}

/** What DHCP needs to know of the loaders. */
export function loaderNames({ loaders, refused }: ReadLoaders): LoaderNames {
  return { usable: new Set(loaders.keys()), refused };
}
