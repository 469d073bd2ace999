// Runs everything that `npm test` promises, stage by stage, and ends with one line of counts.
// A stage that crashes before it counted anything is one failure; a skipped test is shown as skipped.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

interface Stage {
  readonly title: string;
  readonly argv: readonly string[];
  /** The vitest project whose report holds the counts; a plain command counts as one test. */
  readonly project?: string;
}

const vitest = (project: string): Stage => ({
  title: project,
  argv: ["vitest", "run", "--project", project],
  project,
});

const stages: readonly Stage[] = [
  { title: "types", argv: ["tsc", "--noEmit"] },
  { title: "lint", argv: ["biome", "check", "--error-on-warnings", "."] },
  { title: "unused code", argv: ["knip"] },
  vitest("unit"),
  vitest("interop"),
  vitest("e2e"),
];

const reports = mkdtempSync(join(tmpdir(), "rackstrap-test-"));

function runStage(stage: Stage): Count {
  process.stdout.write(`\n── ${stage.title}: ${stage.argv.join(" ")}\n`);
  const report = join(reports, `${stage.title}.json`);
  const [command = "", ...rest] = stage.argv;
  const reporters =
    stage.project === undefined
      ? []
      : ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const startedAt = Date.now();
  const { status, error } = spawnSync(join("node_modules/.bin", command), [...rest, ...reporters], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (error !== undefined)
    process.stdout.write(`${stage.title} could not start: ${error.message}\n`);
  const count = stage.project === undefined ? commandCount(status) : reportCount(report, status);
  const seconds = Math.round((Date.now() - startedAt) / 1000);
  process.stdout.write(
    `── ${stage.title}: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped (${seconds} s)\n`,
  );
  return count;
}

function commandCount(status: number | null): Count {
  return status === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 };
}

function reportCount(file: string, status: number | null): Count {
  try {
    const report = JSON.parse(readFileSync(file, "utf8")) as Record<string, number>;
    const passed = report["numPassedTests"] ?? 0;
    const skipped = (report["numPendingTests"] ?? 0) + (report["numTodoTests"] ?? 0);
    const failed = report["numFailedTests"] ?? 0;
    // A file that fails to load has no failed test, and no test at all is a failure too.
    const unaccounted = failed === 0 && (status !== 0 || passed === 0) ? 1 : 0;
    return { passed, failed: failed + unaccounted, skipped };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

const only = process.argv.slice(2);
const chosen = stages.filter((stage) => only.length === 0 || only.includes(stage.title));
const counts = chosen.map(runStage);
rmSync(reports, { recursive: true });
const sum = (key: keyof Count) => counts.reduce((total, count) => total + count[key], 0);
const skipped = sum("skipped") > 0 ? `, ${sum("skipped")} skipped` : "";
process.stdout.write(`\n${sum("passed")} passed, ${sum("failed")} failed${skipped}\n`);
process.exitCode = sum("failed") > 0 || chosen.length === 0 ? 1 : 0;
