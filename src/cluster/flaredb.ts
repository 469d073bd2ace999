// FlareDB: the runbook's API on port 2479 (runbook 3.4, 5.4). Its health tells whether it reaches Chainfire (6.1).

import type { Driver, DriverOptions } from "./driver.ts";
import { runbookDriver } from "./runbook-api.ts";

export function flaredb(options: DriverOptions): Driver {
  return runbookDriver("flaredb", { port: 2479, raftPort: 2480 }, options);
}
