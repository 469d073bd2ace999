// The course of the DHCP benchmark: each measure for each server in turn, one server alive at a time.

import { join } from "node:path";
import { countSyncs } from "./count-syncs.ts";
import { type RunningServer, type ServerName, serverNames, withServer } from "./dhcp-servers.ts";
import { fillLeases } from "./fill-leases.ts";
import { type Lab, runClient, usageOf, withLab } from "./lab.ts";
import { percentile } from "./percentile.ts";
import { dropShare, perfdhcp } from "./perfdhcp.ts";
import { findHighestRate, type SearchPlan } from "./rate-search.ts";
import type { Findings, Row } from "./report.ts";
import type { Visits } from "./reserved-machine.ts";

interface Plan {
  /** Leases in the database while the highest rate is searched for. */
  readonly levels: readonly number[];
  readonly search: SearchPlan;
  readonly probeSeconds: number;
  /** Rates at which latency and processor time are taken, per second; with as many leases as the first level. */
  readonly rates: readonly number[];
  readonly latencySeconds: number;
  readonly floodSeconds: number;
  /** Exchanges of the reserved machine in the flood. */
  readonly visits: number;
}

const fullPlan: Plan = {
  levels: [1000, 10_000, 60_000],
  search: { startRate: 1000, step: 1.5, refinements: 3, attempts: 2 },
  probeSeconds: 4,
  rates: [1000, 4000],
  latencySeconds: 5,
  floodSeconds: 20,
  visits: 200,
};

const quickPlan: Plan = {
  levels: [1000],
  search: { startRate: 1000, step: 2, refinements: 1, attempts: 1 },
  probeSeconds: 1,
  rates: [1000, 4000],
  latencySeconds: 1,
  floodSeconds: 4,
  visits: 50,
};

const floodRate = 5000;
const floodStrangers = 10_000_000;
const syncedExchanges = 1000;
const syncRate = 500;

/** One measurement in progress. */
interface Course {
  readonly lab: Lab;
  readonly plan: Plan;
  readonly findings: Findings;
  readonly progress: (line: string) => void;
}

/** Takes every measure and hands over what was found. Rejects when interrupted or when a server can't be started. */
export async function benchDhcp(
  quick: boolean,
  signal: AbortSignal,
  progress: (line: string) => void,
): Promise<Findings> {
  const plan = quick ? quickPlan : fullPlan;
  const findings: Findings = { figures: {}, notes: {} };
  await withLab(signal, async (lab) => {
    const course: Course = { lab, plan, findings, progress };
    let servers = serverNames;
    for (const level of plan.levels) {
      const filled: ServerName[] = [];
      for (const name of servers)
        if (await withServer(lab, name, (server) => measureLevel(course, server, level)))
          filled.push(name);
      // Who can't hold so many can't hold more.
      servers = filled;
    }
    for (const name of serverNames)
      await withServer(lab, name, (server) => measureFlood(course, server));
    for (const name of serverNames)
      await withServer(lab, name, (server) => measureSyncs(course, server));
  });
  return findings;
}

/** Rates, latency and cost with `level` leases; false when the server could not take so many in time. */
async function measureLevel(
  course: Course,
  server: RunningServer,
  level: number,
): Promise<boolean> {
  const { lab, plan, findings, progress } = course;
  const { name, pid } = server;
  const limitSeconds = 30 + level / 500;
  progress(`${name}: filling ${level} leases`);
  const filling = await fillLeases(lab, level, limitSeconds);
  if ("filled" in filling) {
    const why = `${name}: ${thousands(level)} leases not reached in ${limitSeconds} s (${thousands(filling.filled)} were)`;
    progress(why);
    for (const later of plan.levels.filter((other) => other >= level))
      findings.notes[`${name}.exchangesPerSecond.${later}`] = why;
    return false;
  }
  progress(`${name}: ${level} leases after ${filling.seconds.toFixed(0)} s`);
  if (level === plan.levels[0])
    for (const rate of plan.rates) await measureLatency(course, server, level, rate);
  await measureHighestRate(course, name, level);
  findings.figures[`${name}.peakRssMib.${level}`] = usageOf(pid).peakRssMib;
  return true;
}

async function measureLatency(
  { lab, plan, findings, progress }: Course,
  { name, pid }: RunningServer,
  clients: number,
  rate: number,
): Promise<void> {
  const seconds = plan.latencySeconds;
  const before = usageOf(pid).cpuSeconds;
  const report = await perfdhcp(lab, { rate, clients, seconds, timestamps: true });
  const cpuSeconds = usageOf(pid).cpuSeconds - before;
  const of = (percent: number) => ({
    offer: percentile(report.offer.delaysMs, percent),
    ack: percentile(report.ack.delaysMs, percent),
  });
  for (const [measure, { offer, ack }] of [
    ["medianMs", of(50)],
    ["p99Ms", of(99)],
  ] as const) {
    note(findings, `${name}.${measure}.${rate}.offer`, offer);
    note(findings, `${name}.${measure}.${rate}.ack`, ack);
    note(findings, `${name}.${measure}.${rate}`, Math.max(offer, ack));
  }
  note(findings, `${name}.answeredShare.${rate}`, 1 - dropShare(report));
  note(findings, `${name}.cpuSecondsPer1000.${rate}`, (cpuSeconds / report.ack.received) * 1000);
  const { offer: p99 } = of(99);
  progress(
    `${name}: at ${rate}/s, OFFER p99 ${p99.toFixed(2)} ms, ${percentText(dropShare(report))} lost`,
  );
}

/** Nothing answered is nothing to tell a latency of: such figures are left out. */
function note({ figures }: Findings, key: string, value: number): void {
  if (Number.isFinite(value)) figures[key] = value;
}

async function measureHighestRate(course: Course, name: ServerName, level: number): Promise<void> {
  const { lab, plan, findings, progress } = course;
  const seconds = plan.probeSeconds;
  const found = await findHighestRate(
    plan.search,
    async (rate) => {
      const report = await perfdhcp(lab, { rate, clients: level, seconds });
      return { perSecond: report.ack.received / seconds, dropShare: dropShare(report) };
    },
    (rate, result, passed) =>
      progress(
        `${name}: ${level} leases, ${rate}/s: ${Math.round(result.perSecond)}/s done, ${percentText(result.dropShare)} lost${passed ? "" : ", too many"}`,
      ),
  );
  const key = `${name}.exchangesPerSecond.${level}`;
  findings.figures[key] = found.perSecond;
  if (found.clientLimited) findings.notes[key] = "perfdhcp could not send faster";
}

async function measureFlood(course: Course, { name }: RunningServer): Promise<void> {
  const { lab, plan, findings, progress } = course;
  const script = join(import.meta.dirname, "reserved-machine.ts");
  // The machine begins once perfdhcp does, after its own start, and ends before it.
  const seconds = plan.floodSeconds - 2;
  const argv = [process.execPath, script, `${plan.visits}`, `${seconds}`];
  const [flood, machine] = await Promise.all([
    perfdhcp(lab, {
      ...{ rate: floodRate, clients: floodStrangers, seconds: plan.floodSeconds },
      discoverOnly: true,
    }),
    runClient(lab, argv, plan.floodSeconds * 1000 + 10_000),
  ]);
  if (machine.code !== 0) throw new Error(`the reserved machine failed: ${machine.stderr}`);
  const { attempts, succeededMs } = JSON.parse(machine.stdout) as Visits;
  const key = (measure: string) => `${name}.flood.${measure}`;
  findings.figures[key("discoversPerSecond")] = flood.offer.sent / plan.floodSeconds;
  findings.figures[key("attempts")] = attempts;
  findings.figures[key("successShare")] = succeededMs.length / attempts;
  note(findings, key("medianMs"), percentile(succeededMs, 50));
  note(findings, key("worstMs"), percentile(succeededMs, 100));
  progress(
    `${name}: in a flood of ${Math.round(flood.offer.sent / plan.floodSeconds)} DISCOVER/s, ${succeededMs.length} of ${attempts} exchanges of the reserved machine succeed`,
  );
}

async function measureSyncs(course: Course, { name, pid }: RunningServer): Promise<void> {
  const { lab, findings, progress } = course;
  let acknowledged = 0;
  const syncs = await countSyncs(lab, pid, async () => {
    const exchanges = syncedExchanges;
    const seconds = Math.ceil(exchanges / syncRate) + 1;
    const report = await perfdhcp(lab, { rate: syncRate, clients: exchanges, seconds, exchanges });
    acknowledged = report.ack.received;
  });
  note(findings, `${name}.syncsPer1000Acks`, (syncs / acknowledged) * 1000);
  progress(`${name}: ${syncs} waits for the disk in ${acknowledged} ACKs`);
}

function percentText(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

const thousands = (value: number) => value.toLocaleString("en");

/** The rows of the table, in the order of the measures. */
export function dhcpRows(quick: boolean): Row[] {
  const { levels, rates } = quick ? quickPlan : fullPlan;
  const row = (title: string, measures: readonly string[], decimals: number): Row => ({
    ...{ title, measures, decimals },
  });
  return [
    ...levels.map((level) =>
      row(`exchanges/s, ${thousands(level)} leases`, [`exchangesPerSecond.${level}`], 0),
    ),
    ...rates.flatMap((rate) => {
      const at = `at ${thousands(rate)}/s`;
      return [
        row(`OFFER median / p99, ms, ${at}`, [`medianMs.${rate}.offer`, `p99Ms.${rate}.offer`], 2),
        row(`ACK median / p99, ms, ${at}`, [`medianMs.${rate}.ack`, `p99Ms.${rate}.ack`], 2),
        row(`answered share, ${at}`, [`answeredShare.${rate}`], 3),
        row(`CPU s per 1,000, ${at}`, [`cpuSecondsPer1000.${rate}`], 3),
      ];
    }),
    ...levels.map((level) =>
      row(`peak RSS, MiB, ${thousands(level)} leases`, [`peakRssMib.${level}`], 0),
    ),
    row("flood: answered share", ["flood.successShare"], 3),
    row("flood: median / worst, ms", ["flood.medianMs", "flood.worstMs"], 1),
    row("disk syncs per 1,000 ACKs", ["syncsPer1000Acks"], 0),
  ];
}
