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
/** So many of the machines have booted before, unmeasured: a server has run for a while when a rack is switched on. */
const earlierCount = 100;
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
      progress(`${name}: ${count} machines are switched on`);
      const found = await withServerProcesses(
        lab,
        name,
        (directory) => prepare(directory, machines),
        () => ask(lab),
        (pids) => storm(lab, count, pids),
      );
      note(findings, name, found);
      const { [`${name}.lastServedSeconds`]: seconds = 0, [`${name}.failures`]: failures = 0 } =
        findings.figures;
      progress(`${name}: the last was served after ${seconds.toFixed(1)} s, ${failures} failed`);
      progress(`${name}: CPU s: ${describe(found)}`);
      const [why] = found.journeys.flatMap(({ failure = [] }) => failure);
      if (why !== undefined) progress(`${name}: the first failure: ${why}`);
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

async function storm(lab: Lab, count: number, pids: readonly number[]): Promise<Storm> {
  // DHCP is opened last.
  await pause(2_000);
  const script = join(import.meta.dirname, "storm-client.ts");
  const { relay, server } = addresses;
  const numbers = [count, earlierCount].map(String);
  const argv = [process.execPath, script, ...numbers, relay, server, ...pids.map(String)];
  const { code, stdout, stderr } = await runClient(lab, argv, stormLimitMs);
  if (code !== 0) throw new Error(`the machines' program ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as Storm;
}

/** Where the processor time went. */
function describe({ threadSeconds, clientCpuSeconds }: Storm): string {
  const threads = Object.entries({ ...threadSeconds, "the machines": clientCpuSeconds });
  return threads
    .filter(([, seconds]) => seconds >= 0.05)
    .map(([name, seconds]) => `${name} ${seconds.toFixed(2)}`)
    .join(", ");
}

function note({ figures }: Findings, name: string, found: Storm): void {
  const { journeys, serverCpuSeconds, clientCpuSeconds } = found;
  const served = journeys.filter(({ failure }) => failure === undefined);
  figures[`${name}.failures`] = journeys.length - served.length;
  figures[`${name}.lastServedSeconds`] = Math.max(...journeys.map(({ endedMs }) => endedMs)) / 1000;
  figures[`${name}.cpuSeconds`] = serverCpuSeconds;
  figures[`${name}.clientCpuSeconds`] = clientCpuSeconds;
  for (const stage of stages) {
    const took = journeys.flatMap(({ tookMs }) => tookMs[stage] ?? []);
    if (took.length > 0) figures[`${name}.p99Ms.${stage}`] = percentile(took, 99);
  }
}

export function stormRows(): readonly Row[] {
  return [
    { title: "last machine served after, s", measures: ["lastServedSeconds"], decimals: 2 },
    { title: "machines that failed", measures: ["failures"], decimals: 0 },
    { title: "CPU s of the server", measures: ["cpuSeconds"], decimals: 2 },
    { title: "CPU s of the machines' program", measures: ["clientCpuSeconds"], decimals: 2 },
    ...stages.map((stage) => ({
      title: `p99 of ${stage}, ms`,
      measures: [`p99Ms.${stage}`],
      decimals: 0,
    })),
  ];
}
