// The course of the BMC benchmark: many simulated BMCs on loopback, asked by the product's own client and by ipmitool.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Bmc } from "../../src/bmc/bmc.ts";
import { systemClock } from "../../src/bmc/clock.ts";
import { createIpmi } from "../../src/bmc/ipmi/driver.ts";
import { createLink } from "../../src/bmc/ipmi/link.ts";
import { createUdpPeers, type UdpPeers } from "../../src/bmc/ipmi/udp.ts";
import { createIpmitool } from "../../src/bmc/ipmitool.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { Secret } from "../../src/net/secret.ts";
import type { Findings, Row } from "./report.ts";

export const bmcClientNames: readonly string[] = ["rackstrap", "ipmitool"];

const address = "127.0.0.1" as Ipv4;
const login = { address, user: "admin", password: new Secret("secret"), cipherSuite: 17 } as const;
// What the product bears at a time (reliability F7), and what ipmitool is quickest with on two cores.
const concurrency = { rackstrap: 50, ipmitool: 4 };
const singleReads = 100;
const memoryCommands = 10_000;
const mebibyte = 1024 * 1024;

type Progress = (line: string) => void;

/** Rejects when interrupted, or when a BMC refuses. */
export async function benchBmc(
  quick: boolean,
  signal: AbortSignal,
  progress: Progress,
): Promise<Findings> {
  const count = quick ? 200 : 1000;
  const findings: Findings = { figures: {}, notes: {} };
  const peers = createUdpPeers();
  const simulators = await startSimulators(count, signal);
  try {
    await measureNative(findings, simulators.ports, peers, signal, progress);
    await measureIpmitool(findings, simulators.ports.slice(0, singleReads), signal, progress);
  } finally {
    peers.close();
    simulators.end();
  }
  return findings;
}

async function startSimulators(count: number, signal: AbortSignal) {
  const script = join(import.meta.dirname, "bmc-simulators.ts");
  const child = spawn(process.execPath, [script, String(count)], {
    stdio: ["ignore", "pipe", "inherit"],
    signal,
  });
  child.on("error", () => undefined);
  const [line] = (await once(createInterface(child.stdout), "line", { signal })) as [string];
  return { ports: JSON.parse(line) as readonly number[], end: () => child.kill() };
}

async function measureNative(
  { figures }: Findings,
  ports: readonly number[],
  peers: UdpPeers,
  signal: AbortSignal,
  progress: Progress,
): Promise<void> {
  const drivers = ports.map((port) => native(port, peers));
  progress(`rackstrap: the power state of ${ports.length} BMCs`);
  const sweep = await seconds(() =>
    pool(drivers, concurrency.rackstrap, (bmc) => bmc.powerState(signal)),
  );
  figures["rackstrap.sweepSeconds"] = sweep;
  figures["rackstrap.statesPerSecond"] = ports.length / sweep;
  const again = () => pool(drivers, concurrency.rackstrap, (bmc) => bmc.powerState(signal));
  figures["rackstrap.openSweepSeconds"] = await seconds(again);

  const [one] = drivers;
  if (one === undefined) throw new Error("no BMC");
  progress(`rackstrap: ${singleReads} reads on one session`);
  figures["rackstrap.readsMs"] = (await seconds(() => times(singleReads, one, signal))) * 1000;
  progress(`rackstrap: ${memoryCommands} commands`);
  await times(memoryCommands / 10, one, signal);
  const before = heapMiB();
  await times(memoryCommands, one, signal);
  figures["rackstrap.memoryMiB"] = heapMiB() - before;
  await Promise.all(drivers.map((bmc) => bmc.close()));
}

function native(port: number, peers: UdpPeers): Bmc {
  const link = createLink((receive) => peers.connect(address, port, receive), systemClock);
  return createIpmi({ ...login, port }, link, systemClock);
}

async function measureIpmitool(
  { figures }: Findings,
  ports: readonly number[],
  signal: AbortSignal,
  progress: Progress,
): Promise<void> {
  const drivers = ports.map((port) => createIpmitool({ ...login, port }));
  progress(`ipmitool: the power state of ${ports.length} BMCs, ${concurrency.ipmitool} at a time`);
  const sweep = await seconds(() =>
    pool(drivers, concurrency.ipmitool, (bmc) => bmc.powerState(signal)),
  );
  figures["ipmitool.statesPerSecond"] = ports.length / sweep;
  const [one] = drivers;
  if (one === undefined) throw new Error("no BMC");
  progress(`ipmitool: ${singleReads} reads, one after the other`);
  figures["ipmitool.readsMs"] = (await seconds(() => times(singleReads, one, signal))) * 1000;
}

async function times(count: number, bmc: Bmc, signal: AbortSignal): Promise<void> {
  for (let done = 0; done < count; done += 1) await bmc.powerState(signal);
}

async function pool<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const waiting = items.values();
  const worker = async () => {
    for (const item of waiting) await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1000;
}

/** The memory in use, after as much as can be given back was. */
function heapMiB(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / mebibyte;
}

export function bmcRows(): readonly Row[] {
  return [
    { title: "power states of all BMCs with log-in, s", measures: ["sweepSeconds"], decimals: 2 },
    { title: "the same, sessions open, s", measures: ["openSweepSeconds"], decimals: 2 },
    { title: "power states per second", measures: ["statesPerSecond"], decimals: 0 },
    { title: `${singleReads} reads of one BMC, ms`, measures: ["readsMs"], decimals: 0 },
    {
      title: `memory more after ${memoryCommands} commands, MiB`,
      measures: ["memoryMiB"],
      decimals: 1,
    },
  ];
}
