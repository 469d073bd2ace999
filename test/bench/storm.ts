// The course of the storm benchmark: a rack of a thousand machines is switched on at once, before each server in turn.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { addresses, type Lab, runClient, withLab } from "./lab.ts";
import { percentile } from "./percentile.ts";
import type { Findings, Row } from "./report.ts";
import { withServerProcesses } from "./server-process.ts";
import { type Storm, type StormMachine, stages, stormMachines } from "./storm-machine.ts";
import { type PrepareStorm, prepareDnsmasqAndNginx, prepareRackstrap } from "./storm-servers.ts";

const servers: Readonly<Record<string, PrepareStorm>> = {
  rackstrap: prepareRackstrap,
  "dnsmasq+nginx": prepareDnsmasqAndNginx,
};

export const stormServerNames = Object.keys(servers);

const fullCount = 1000;
const quickCount = 100;
/** The first storm meets a server that was just started, the second one that has run. */
const turns = ["first", "second"] as const;
const stormLimitMs = 300_000;

/** Rejects when interrupted or when a server can't be started. */
export async function benchStorm(
  quick: boolean,
  signal: AbortSignal,
  progress: (line: string) => void,
): Promise<Findings> {
  const count = quick ? quickCount : fullCount;
  const machines = stormMachines(count);
  const findings: Findings = { figures: {}, notes: {} };
  await withLab(signal, async (lab) => {
    await giveAddresses(lab, machines);
    for (const [name, prepare] of Object.entries(servers)) {
      progress(`${name}: ${count} machines are switched on, and once more`);
      const found = await withServerProcesses(
        lab,
        name,
        (directory) => prepare(directory, machines),
        () => ask(lab),
        (pids) => storms(lab, count, pids),
      );
      for (const [i, storm] of found.entries()) {
        const which = turns[i] ?? "";
        note(findings, name, which, storm);
        for (const line of describe(storm)) progress(`${name}, ${which}: ${line}`);
      }
    }
  });
  return findings;
}

/** The machines use their addresses for TFTP and HTTP; here they are this end of the wire's. */
async function giveAddresses(lab: Lab, machines: readonly StormMachine[]): Promise<void> {
  const file = join(lab.directory, "addresses");
  const lines = machines.map(({ address }) => `address add ${address}/16 dev rsb-c0\n`);
  await writeFile(file, lines.join(""));
  await runClient(lab, ["ip", "-batch", file], 30_000);
}

/** Asks for the first script. */
async function ask(lab: Lab): Promise<string | undefined> {
  const url = `http://${addresses.server}:8080/boot/ipxe/boot.ipxe`;
  const argv = ["curl", "-sSf", "-m", "2", "-o", "/dev/null", url];
  const { code, stderr } = await runClient(lab, argv, 5_000);
  return code === 0 ? undefined : stderr;
}

async function storms(lab: Lab, count: number, pids: readonly number[]): Promise<readonly Storm[]> {
  // DHCP is opened last.
  await pause(2_000);
  const script = join(import.meta.dirname, "storm-client.ts");
  const { relay, server } = addresses;
  const numbers = [count, turns.length].map(String);
  const argv = [process.execPath, script, ...numbers, relay, server, ...pids.map(String)];
  const { code, stdout, stderr } = await runClient(lab, argv, stormLimitMs);
  if (code !== 0) throw new Error(`the machines' program ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as Storm[];
}

/** How it went, where the processor time went, and why the first that failed did. */
function describe({ journeys, threadSeconds, clientCpuSeconds }: Storm): string[] {
  const threads = Object.entries({ ...threadSeconds, "the machines": clientCpuSeconds })
    .filter(([, seconds]) => seconds >= 0.05)
    .map(([name, seconds]) => `${name} ${seconds.toFixed(2)}`);
  const failures = journeys.flatMap(({ failure = [] }) => failure);
  const last = Math.max(...journeys.map(({ endedMs }) => endedMs)) / 1000;
  return [
    `the last was served after ${last.toFixed(1)} s, ${failures.length} failed`,
    `CPU s: ${threads.join(", ")}`,
    ...failures.slice(0, 1).map((why) => `the first failure: ${why}`),
  ];
}

function note({ figures }: Findings, name: string, which: string, storm: Storm): void {
  const { journeys, serverCpuSeconds, clientCpuSeconds } = storm;
  const set = (measure: string, value: number) => {
    figures[`${name}.${measure}.${which}`] = value;
  };
  set("failures", journeys.filter(({ failure }) => failure !== undefined).length);
  set("lastServedSeconds", Math.max(...journeys.map(({ endedMs }) => endedMs)) / 1000);
  set("cpuSeconds", serverCpuSeconds);
  set("clientCpuSeconds", clientCpuSeconds);
  for (const stage of stages) {
    const took = journeys.flatMap(({ tookMs }) => tookMs[stage] ?? []);
    if (took.length > 0) set(`p99Ms.${stage}`, percentile(took, 99));
  }
}

export function stormRows(): readonly Row[] {
  const row = (title: string, measure: string, decimals: number): Row => ({
    ...{ title, decimals, measures: turns.map((which) => `${measure}.${which}`) },
  });
  return [
    row("last machine served after, s", "lastServedSeconds", 2),
    row("machines that failed", "failures", 0),
    row("CPU s of the server", "cpuSeconds", 2),
    row("CPU s of the machines' program", "clientCpuSeconds", 2),
    ...stages.map((stage) => row(`p99 of ${stage}, ms`, `p99Ms.${stage}`, 0)),
  ];
}
