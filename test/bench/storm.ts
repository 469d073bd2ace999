// The course of the storm benchmark: a rack of a thousand machines is switched on at once, before each server in turn.

import { once } from "node:events";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { addresses, type Lab, runClient, startInServerSpace, withLab } from "./lab.ts";
import { percentile } from "./percentile.ts";
import type { Findings, Row } from "./report.ts";
import { type Journey, type StormMachine, stages, stormMachines } from "./storm-machine.ts";
import { type PrepareStorm, prepareDnsmasqAndNginx, prepareRackstrap } from "./storm-servers.ts";

const servers: Readonly<Record<string, PrepareStorm>> = {
  rackstrap: prepareRackstrap,
  "dnsmasq+nginx": prepareDnsmasqAndNginx,
};

export const stormServerNames = Object.keys(servers);

const fullCount = 1000;
const quickCount = 100;
const startLimitMs = 60_000;
const stormLimitMs = 300_000;

/** Rejects when interrupted or when a server can't be started. */
export async function benchStorm(
  quick: boolean,
  signal: AbortSignal,
  progress: (line: string) => void,
): Promise<Findings> {
  const machines = stormMachines(quick ? quickCount : fullCount);
  const findings: Findings = { figures: {}, notes: {} };
  await withLab(signal, async (lab) => {
    await giveAddresses(lab, machines);
    for (const [name, prepare] of Object.entries(servers)) {
      progress(`${name}: ${machines.length} machines are switched on`);
      const journeys = await withServers(lab, name, prepare, machines, () => storm(lab, machines));
      note(findings, name, journeys);
      const { [`${name}.lastServedSeconds`]: seconds = 0, [`${name}.failures`]: failures = 0 } =
        findings.figures;
      progress(`${name}: the last was served after ${seconds.toFixed(1)} s, ${failures} failed`);
      const [why] = journeys.flatMap(({ failure = [] }) => failure);
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

async function withServers<T>(
  lab: Lab,
  name: string,
  prepare: PrepareStorm,
  machines: readonly StormMachine[],
  work: () => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(lab.directory, "storm-"));
  const logFile = join(directory, "server.log");
  const programs = await prepare(directory, machines);
  const children = programs.map((argv) => startInServerSpace(lab, argv, logFile));
  try {
    await listening(lab);
    return await work();
  } catch (cause) {
    if (lab.signal.aborted) throw cause;
    const said = (await readFile(logFile, "utf8")).trim().slice(-1000);
    throw new Error(`${name} could not be measured; the end of its log:\n${said}`, { cause });
  } finally {
    await Promise.all(
      children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const ended = once(child, "exit");
        child.kill("SIGTERM");
        await ended;
      }),
    );
  }
}

/** Resolves when the first script is served. */
async function listening(lab: Lab): Promise<void> {
  const url = `http://${addresses.server}:8080/boot/ipxe/boot.ipxe`;
  const endAt = performance.now() + startLimitMs;
  while (performance.now() < endAt) {
    const { code } = await runClient(
      lab,
      ["curl", "-sf", "-m", "2", "-o", "/dev/null", url],
      5_000,
    );
    // DHCP is opened last.
    if (code === 0) return await pause(2_000);
    await pause(200);
  }
  throw new Error(`no answer to ${url} in ${startLimitMs / 1000} s`);
}

async function storm(lab: Lab, machines: readonly StormMachine[]): Promise<readonly Journey[]> {
  const script = join(import.meta.dirname, "storm-client.ts");
  const argv = [
    process.execPath,
    script,
    String(machines.length),
    addresses.relay,
    addresses.server,
  ];
  const { code, stdout, stderr } = await runClient(lab, argv, stormLimitMs);
  if (code !== 0) throw new Error(`the machines' program ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as Journey[];
}

function note({ figures }: Findings, name: string, journeys: readonly Journey[]): void {
  const served = journeys.filter(({ failure }) => failure === undefined);
  figures[`${name}.failures`] = journeys.length - served.length;
  figures[`${name}.lastServedSeconds`] = Math.max(...journeys.map(({ endedMs }) => endedMs)) / 1000;
  for (const stage of stages) {
    const took = journeys.flatMap(({ tookMs }) => tookMs[stage] ?? []);
    if (took.length > 0) figures[`${name}.p99Ms.${stage}`] = percentile(took, 99);
  }
}

export function stormRows(): readonly Row[] {
  return [
    { title: "last machine served after, s", measures: ["lastServedSeconds"], decimals: 2 },
    { title: "machines that failed", measures: ["failures"], decimals: 0 },
    ...stages.map((stage) => ({
      title: `p99 of ${stage}, ms`,
      measures: [`p99Ms.${stage}`],
      decimals: 0,
    })),
  ];
}
