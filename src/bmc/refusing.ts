// The verbs a driver has not: each refuses with the reason and what to use in its place.

import { type Bmc, type BmcFailureKind, bmcError } from "./bmc.ts";

/** A driver that refuses everything for this reason; spread below what a driver can do, it refuses the rest. */
export function refusing(kind: BmcFailureKind, subject: string, said: string): Bmc {
  const refuse = () => Promise.reject(bmcError(kind, subject, said));
  return {
    powerState: refuse,
    power: refuse,
    bootOverride: refuse,
    setBootOverride: refuse,
    identify: refuse,
    describe: refuse,
    sensors: refuse,
    events: refuse,
    clearEvents: refuse,
    setPassword: refuse,
    firmwareVersions: refuse,
    openConsole: refuse,
    close: () => Promise.resolve(),
  };
}
