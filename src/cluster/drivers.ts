// The driver of each layer.

import { chainfire } from "./chainfire.ts";
import type { Driver, DriverOptions, Layer } from "./driver.ts";
import { etcd } from "./etcd.ts";
import { flaredb } from "./flaredb.ts";

const drivers: Readonly<Record<Layer, (options: DriverOptions) => Driver>> = {
  chainfire,
  flaredb,
  etcd,
};

export function createDriver(layer: Layer, options: DriverOptions): Driver {
  return drivers[layer](options);
}
