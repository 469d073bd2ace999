// A driver and the simulated BMC that it speaks to, with a clock of the test's own.

import type { Bmc } from "../../../src/bmc/bmc.ts";
import type { Clock } from "../../../src/bmc/clock.ts";
import {
  createRedfish,
  type RedfishOptions,
  type RedfishSettings,
} from "../../../src/bmc/redfish/driver.ts";
import { Secret } from "../../../src/net/secret.ts";
import { createMemoryMachine, type SimulatedMachine } from "../../../vm-harness/bmc/machine.ts";
import type { MakerName } from "../../../vm-harness/bmc/redfish-makers.ts";
import {
  createRedfishServer,
  type RedfishServer,
  type RedfishServerOptions,
} from "../../../vm-harness/bmc/redfish-server.ts";

export interface Simulated {
  readonly bmc: Bmc;
  readonly machine: SimulatedMachine;
  readonly server: RedfishServer;
  readonly clock: TestClock;
  close(): Promise<void>;
}

export interface TestClock extends Clock {
  /** Lets so much time pass, and ends the long waits that are over by then. */
  pass(ms: number): void;
}

const longMs = 60_000;

// "Long" on the clock of the test: they pass only when it says so.
export const limits = { connectMs: 5_000, requestMs: longMs, verbMs: 20 * longMs };

/** Short waits are over at once, and their time has passed; those of a minute or more last until the test lets time pass. */
export function testClock(): TestClock {
  let nowMs = Date.UTC(2026, 0);
  const long = new Set<() => void>();
  return {
    now: () => nowMs,
    pass: (ms) => {
      nowMs += ms;
      for (const end of long) end();
    },
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve();
        const untilMs = nowMs + ms;
        if (ms < longMs) {
          nowMs = untilMs;
          return resolve();
        }
        const end = () => {
          if (nowMs < untilMs && !signal.aborted) return;
          long.delete(end);
          resolve();
        };
        long.add(end);
        signal.addEventListener("abort", end, { once: true });
      }),
  };
}

/** Over plain HTTP unless the options or settings say otherwise: TLS has tests of its own. */
export async function simulate(
  maker: MakerName = "plain",
  over: {
    readonly settings?: Partial<RedfishSettings>;
    readonly server?: RedfishServerOptions;
    readonly options?: RedfishOptions;
  } = {},
): Promise<Simulated> {
  const clock = testClock();
  const machine = createMemoryMachine("node01");
  const server = await createRedfishServer(machine, {
    maker,
    identity: "none",
    now: clock.now,
    // Who waits for an answer that does not come has waited long enough.
    onSilence: () => clock.pass(limits.requestMs),
    ...over.server,
  });
  const settings: RedfishSettings = {
    address: server.address,
    port: server.port,
    user: "admin",
    password: new Secret("secret"),
    authentication: "session",
    trust: { insecure: "http" },
    ...over.settings,
  };
  const bmc = createRedfish(settings, clock, { limits, ...over.options });
  const close = async () => {
    await bmc.close();
    await server.close();
  };
  return { bmc, machine, server, clock, close };
}
