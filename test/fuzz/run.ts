// npm run fuzz -- dhcp|tftp|inventory|replace [--packets N] [--seconds N] [--seed N]: hostile datagrams for the protocol's pure half, five
// million unless told otherwise; broken inventories, a hundred thousand; changes of members with a fault at any step, ten thousand. Ends
// with 1 when something was wrong, and says how to bring it about again.

import { parseArgs } from "node:util";
import { fuzzDhcp } from "./dhcp.ts";
import { fuzzInventory } from "./inventory.ts";
import { fuzzReplace } from "./replace.ts";
import type { FuzzOptions, FuzzReport } from "./report.ts";
import { fuzzTftp } from "./tftp.ts";

interface Target {
  readonly fuzz: (options: FuzzOptions) => FuzzReport | Promise<FuzzReport>;
  readonly packets: number;
  readonly maxP99Ms: number;
}

const targets: Readonly<Record<string, Target>> = {
  dhcp: { fuzz: fuzzDhcp, packets: 5_000_000, maxP99Ms: 0.2 },
  tftp: { fuzz: fuzzTftp, packets: 5_000_000, maxP99Ms: 0.2 },
  // A file is read when it was changed, so it may take a while.
  inventory: { fuzz: fuzzInventory, packets: 100_000, maxP99Ms: 500 },
  // Half an hour of a rack's time in each.
  replace: { fuzz: fuzzReplace, packets: 10_000, maxP99Ms: 2000 },
};
const names = Object.keys(targets).join("|");
const usage = `usage: npm run fuzz -- ${names} [--packets N] [--seconds N] [--seed N]`;
const maxGrowthBytes = 20 * 1024 * 1024;

function numberOf(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (!(value > 0)) throw new Error(`--${name} must be a number above 0, got ${text}: ${usage}`);
  return value;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function figures({ packets, seconds, p99Ms, worstMs, growthBytes }: FuzzReport): string {
  const rate = Math.round(packets / seconds);
  const growth = (growthBytes / 2 ** 20).toFixed(1);
  return `${packets} packets, ${rate}/s, p99 ${p99Ms.toFixed(3)} ms, worst ${worstMs.toFixed(1)} ms, memory ${growth} MB more`;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    packets: { type: "string" },
    seconds: { type: "string" },
    seed: { type: "string" },
  },
});
const target = positionals.join(" ");
const chosen = Object.hasOwn(targets, target) ? targets[target] : undefined;
if (chosen === undefined) throw new Error(usage);
const { fuzz, maxP99Ms } = chosen;
const seed = numberOf("seed", values.seed, 1 + (Date.now() % 1_000_000));
const timed = values.seconds !== undefined;
const report = await fuzz({
  seed,
  packets: numberOf("packets", values.packets, timed ? Number.MAX_SAFE_INTEGER : chosen.packets),
  seconds: timed ? numberOf("seconds", values.seconds, 1) : undefined,
  onProgress: (progress) => say(figures(progress)),
});
say(`seed ${seed}: ${figures(report)}`);
say(JSON.stringify(report.counts));
for (const { problem, datagrams, packets } of report.failures)
  say(`${problem}\n  again: --seed ${seed} --packets ${packets}\n  ${datagrams.join("\n  ")}`);
const grown = report.growthBytes > maxGrowthBytes;
if (grown) say("memory has grown by more than 20 MB");
if (report.p99Ms > maxP99Ms) say(`the slowest hundredth took more than ${maxP99Ms} ms each`);
process.exitCode = report.failures.length > 0 || grown || report.p99Ms > maxP99Ms ? 1 : 0;
