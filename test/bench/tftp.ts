// The course of the TFTP benchmark: every measure for each server in turn, one server alive at a time, in several rounds.

import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Lab, withLab } from "./lab.ts";
import { percentile } from "./percentile.ts";
import type { Findings, Row } from "./report.ts";
import type { TftpOutcome } from "./tftp-client.ts";
import { runTftpClients } from "./tftp-load.ts";
import { type TftpServerName, tftpServerNames, withTftpServer } from "./tftp-servers.ts";

interface Measure {
  readonly clients: number;
  readonly blksize: number;
  readonly windowsize: number;
}

interface Plan {
  readonly rounds: number;
  readonly clients: readonly number[];
  /** Octets of the file that one client reads, that each of many reads, and that is read over a bad link. */
  readonly aloneBytes: number;
  readonly manyBytes: number;
  readonly lossyBytes: number;
  readonly lossyClients: number;
}

const mebi = 1024 * 1024;
const fullPlan: Plan = {
  ...{ rounds: 5, clients: [1, 64], aloneBytes: 16 * mebi, manyBytes: 4 * mebi },
  ...{ lossyBytes: mebi, lossyClients: 64 },
};
const quickPlan: Plan = {
  ...{ rounds: 1, clients: [1, 64], aloneBytes: 8 * mebi, manyBytes: 2 * mebi },
  ...{ lossyBytes: mebi / 2, lossyClients: 16 },
};

// Names that the product takes for loaders.
const aloneFile = "alone.efi";
const manyFile = "many.efi";
const lossyFile = "lossy.efi";
const windowsizes = [1, 16];
const blksizes = [512, 1468];
const lostPerMille = 10;
const limitSeconds = 120;

const keyOf = ({ clients, blksize, windowsize }: Measure) => `${clients}.${blksize}.${windowsize}`;

interface Course {
  readonly lab: Lab;
  readonly plan: Plan;
  readonly files: ReadonlyMap<string, string>;
  readonly findings: Findings;
  readonly progress: (line: string) => void;
}

/** Takes every measure and hands over what was found. Rejects when interrupted or when a server can't be started. */
export async function benchTftp(
  quick: boolean,
  signal: AbortSignal,
  progress: (line: string) => void,
): Promise<Findings> {
  const plan = quick ? quickPlan : fullPlan;
  const findings: Findings = { figures: {}, notes: {} };
  const rates = new Map<string, number[]>();
  await withLab(signal, async (lab) => {
    const files = await writeFiles(lab, plan);
    const course: Course = { lab, plan, files, findings, progress };
    for (let round = 1; round <= plan.rounds; round += 1)
      for (const name of tftpServerNames)
        await withTftpServer(lab, name, files, () => measureRates(course, name, rates));
    for (const name of tftpServerNames)
      await withTftpServer(lab, name, files, () => measureLoss(course, name));
  });
  for (const [key, values] of rates) findings.figures[key] = percentile(values, 50);
  return findings;
}

async function writeFiles(lab: Lab, plan: Plan): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  for (const [name, bytes] of [
    [aloneFile, plan.aloneBytes],
    [manyFile, plan.manyBytes],
    [lossyFile, plan.lossyBytes],
  ] as const) {
    files.set(name, join(lab.directory, name));
    await writeFile(join(lab.directory, name), randomBytes(bytes));
  }
  return files;
}

function measures(plan: Plan): Measure[] {
  return plan.clients.flatMap((clients) =>
    blksizes.flatMap((blksize) =>
      windowsizes.map((windowsize) => ({ clients, blksize, windowsize })),
    ),
  );
}

async function measureRates(
  course: Course,
  name: TftpServerName,
  rates: Map<string, number[]>,
): Promise<void> {
  for (const measure of measures(course.plan)) {
    const file = measure.clients === 1 ? aloneFile : manyFile;
    const outcome = await load(course, measure, file, 0);
    const bytes = measure.clients === 1 ? course.plan.aloneBytes : course.plan.manyBytes;
    const perSecond = (outcome.completed * bytes) / mebi / outcome.seconds;
    const key = `${name}.mibPerSecond.${keyOf(measure)}`;
    if (outcome.windowsize < measure.windowsize)
      course.findings.notes[key] = "has no windowsize, and so read in lock step";
    if (outcome.completed < measure.clients)
      course.findings.notes[key] = `${name}: ${outcome.reasons.join(", ")}`;
    rates.set(key, [...(rates.get(key) ?? []), perSecond]);
    course.progress(`${name}: ${titleOf(measure)}: ${perSecond.toFixed(1)} MiB/s`);
  }
}

async function measureLoss(course: Course, name: TftpServerName): Promise<void> {
  const { figures } = course.findings;
  const clients = course.plan.lossyClients;
  for (const windowsize of windowsizes) {
    const measure = { clients, blksize: 1468, windowsize };
    const outcome = await load(course, measure, lossyFile, lostPerMille);
    figures[`${name}.lossy.lost.${keyOf(measure)}`] = clients - outcome.completed;
    figures[`${name}.lossy.seconds.${keyOf(measure)}`] = outcome.seconds;
    course.progress(
      `${name}: 1 % lost, ${titleOf(measure)}: ${outcome.completed} whole after ${outcome.seconds.toFixed(1)} s`,
    );
  }
}

function load(
  course: Course,
  measure: Measure,
  file: string,
  perMille: number,
): Promise<TftpOutcome> {
  const copy = course.files.get(file) ?? "";
  return runTftpClients(course.lab, {
    ...{ ...measure, file, copy },
    ...{ lostPerMille: perMille, limitSeconds },
  });
}

function titleOf({ clients, blksize, windowsize }: Measure): string {
  const who = clients === 1 ? "1 client" : `${clients} clients`;
  return `${who}, blksize ${blksize}, windowsize ${windowsize}`;
}

/** The rows of the table, in the order of the measures. */
export function tftpRows(quick: boolean): Row[] {
  const plan = quick ? quickPlan : fullPlan;
  const lossy = windowsizes.map((windowsize) => ({
    ...{ clients: plan.lossyClients, blksize: 1468, windowsize },
  }));
  return [
    ...measures(plan).map((measure) => ({
      title: `MiB/s, ${titleOf(measure)}`,
      ...{ measures: [`mibPerSecond.${keyOf(measure)}`], decimals: 1 },
    })),
    ...lossy.map((measure) => ({
      title: `1 % lost: transfers lost / s, windowsize ${measure.windowsize}`,
      measures: [`lossy.lost.${keyOf(measure)}`, `lossy.seconds.${keyOf(measure)}`],
      decimals: 1,
    })),
  ];
}
