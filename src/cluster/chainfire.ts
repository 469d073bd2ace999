// Chainfire: the runbook's API on port 2379 (runbook 3.4, 5.4). Its health tells the size of the cluster (6.1).

import type { Driver, DriverOptions } from "./driver.ts";
import { runbookDriver } from "./runbook-api.ts";

export function chainfire(options: DriverOptions): Driver {
  return runbookDriver("chainfire", { port: 2379, raftPort: 2380 }, options);
}
