// The course of the HTTP benchmark: one image to 1, 8 and 64 machines at once, over both paths, from each server in turn and in several rounds.

import type { Downloads } from "./http-client.ts";
import {
  download,
  type HttpServerName,
  httpServerNames,
  imageBytes,
  type Path,
  withHttpServer,
  writeImage,
} from "./http-servers.ts";
import { type Lab, usageOf, withLab } from "./lab.ts";
import { percentile } from "./percentile.ts";
import type { Findings, Row } from "./report.ts";

interface Level {
  readonly path: Path;
  readonly clients: number;
  /** Of each client, one after the other. */
  readonly downloads: number;
}

interface Plan {
  readonly levels: readonly Level[];
  /** Each server has its turn in each round, so that a change of the machine's own pace meets all of them. */
  readonly rounds: number;
}

const loads = [
  { clients: 1, downloads: 24 },
  { clients: 8, downloads: 6 },
  { clients: 64, downloads: 1 },
] as const;
const paths: readonly Path[] = ["loopback", "wire"];

const fullPlan: Plan = {
  levels: paths.flatMap((path) => loads.map((load) => ({ path, ...load }))),
  rounds: 3,
};

const quickPlan: Plan = {
  levels: fullPlan.levels.map((level) => ({
    ...level,
    downloads: Math.ceil(level.downloads / 3),
  })),
  rounds: 1,
};

/** What one server did at one level in all rounds. */
interface Total {
  seconds: number;
  serverCpuSeconds: number;
  clientCpuSeconds: number;
  readonly downloadMs: number[];
}

/** Takes every measure and hands over what was found. Rejects when interrupted or when a server fails. */
export async function benchHttp(
  quick: boolean,
  signal: AbortSignal,
  progress: (line: string) => void,
): Promise<Findings> {
  const plan = quick ? quickPlan : fullPlan;
  const findings: Findings = { figures: {}, notes: {} };
  const totals = new Map<string, Total>();
  await withLab(signal, async (lab) => {
    await writeImage(lab);
    for (let round = 1; round <= plan.rounds; round += 1)
      for (const name of httpServerNames)
        await withHttpServer(lab, name, async (pid) => {
          for (const level of plan.levels) {
            const place = `${level.path}.${level.clients}`;
            const total = await measure(lab, pid, level, totals.get(`${name}.${place}`));
            totals.set(`${name}.${place}`, total);
            record(findings, name, place, total);
            progress(`round ${round}, ${name}, ${place}: ${describe(total)}`);
          }
          const peak = `${name}.peakRssMib`;
          const { peakRssMib } = usageOf(pid);
          findings.figures[peak] = Math.max(findings.figures[peak] ?? 0, peakRssMib);
        });
  });
  return findings;
}

async function measure(
  lab: Lab,
  pid: number,
  { path, clients, downloads }: Level,
  before: Total | undefined,
): Promise<Total> {
  const cpuBefore = usageOf(pid).cpuSeconds;
  const done: Downloads = await download(lab, path, clients, downloads);
  if (done.failures.length > 0)
    throw new Error(`${done.failures.length} downloads failed, the first with ${done.failures[0]}`);
  return {
    seconds: (before?.seconds ?? 0) + done.seconds,
    serverCpuSeconds: (before?.serverCpuSeconds ?? 0) + usageOf(pid).cpuSeconds - cpuBefore,
    clientCpuSeconds: (before?.clientCpuSeconds ?? 0) + done.cpuSeconds,
    downloadMs: [...(before?.downloadMs ?? []), ...done.downloadMs],
  };
}

const gigabytes = ({ downloadMs }: Total) => (downloadMs.length * imageBytes) / 1e9;

function record({ figures, notes }: Findings, name: HttpServerName, place: string, total: Total) {
  const { seconds, serverCpuSeconds, clientCpuSeconds, downloadMs } = total;
  const rate = `${name}.gigabytesPerSecond.${place}`;
  figures[rate] = gigabytes(total) / seconds;
  figures[`${name}.cpuSecondsPerGigabyte.${place}`] = serverCpuSeconds / gigabytes(total);
  figures[`${name}.clientCpuSecondsPerGigabyte.${place}`] = clientCpuSeconds / gigabytes(total);
  figures[`${name}.medianMs.${place}`] = percentile(downloadMs, 50);
  figures[`${name}.p99Ms.${place}`] = percentile(downloadMs, 99);
  if (clientCpuSeconds > 0.95 * seconds)
    notes[rate] = "the client had no processor time left: a lower bound";
  else delete notes[rate];
}

function describe(total: Total): string {
  const rate = (gigabytes(total) / total.seconds).toFixed(2);
  const cost = (total.serverCpuSeconds / gigabytes(total)).toFixed(3);
  return `${rate} GB/s, ${cost} CPU s per GB so far`;
}

/** The lines of the table. */
export function httpRows(): readonly Row[] {
  const row = (title: string, measures: readonly string[], decimals: number): Row => ({
    ...{ title, measures, decimals },
  });
  return [
    ...fullPlan.levels.flatMap(({ path, clients }) => {
      const place = `${path}.${clients}`;
      return [
        row(`${path}, ${clients}: GB/s`, [`gigabytesPerSecond.${place}`], 2),
        row("  CPU s per GB", [`cpuSecondsPerGigabyte.${place}`], 3),
        row("  of its clients", [`clientCpuSecondsPerGigabyte.${place}`], 3),
        row("  median / p99, ms", [`medianMs.${place}`, `p99Ms.${place}`], 0),
      ];
    }),
    row("peak RSS, MiB", ["peakRssMib"], 0),
  ];
}
