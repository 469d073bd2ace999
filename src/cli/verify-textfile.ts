// The result of `rackstrap verify` in a file that the textfile collector of Prometheus' node exporter reads.

import { randomUUID } from "node:crypto";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { formatMetrics, type Metric } from "../api/metrics.ts";
import type { AreaReport } from "../verify/line.ts";

/** In the text format; `atMs` is when the run began. */
export function verifyText(
  reports: readonly AreaReport[],
  { atMs, tookMs }: { readonly atMs: number; readonly tookMs: number },
): string {
  const lines = reports.flatMap((report) => report.lines);
  // Two samples with the same labels make the collector refuse the whole file: the worse of two lines counts.
  const checks = new Map<string, { area: string; title: string; value: number }>();
  for (const { area, title, level } of lines) {
    const key = JSON.stringify([area, title]);
    const value = Math.min(checks.get(key)?.value ?? 1, level === "error" ? 0 : 1);
    checks.set(key, { area, title, value });
  }
  const counts = (["ok", "warning", "error"] as const).map((level) => ({
    labels: { level },
    value: lines.filter((line) => line.level === level).length,
  }));
  const one = (name: string, help: string, value: number): Metric => ({
    ...{ name, help, type: "gauge", samples: [{ labels: {}, value }] },
  });
  return formatMetrics([
    {
      ...{ name: "rackstrap_verify_check", type: "gauge" },
      help: "0 where rackstrap verify found an error, else 1.",
      samples: [...checks.values()].map(({ value, ...labels }) => ({ labels, value })),
    },
    {
      ...{ name: "rackstrap_verify_lines", type: "gauge", samples: counts },
      help: "What rackstrap verify reported, by level.",
    },
    {
      ...{ name: "rackstrap_verify_area_duration_seconds", type: "gauge" },
      help: "How long each area took.",
      samples: reports.map(({ area, tookMs: ms }) => ({ labels: { area }, value: ms / 1000 })),
    },
    one("rackstrap_verify_duration_seconds", "How long the whole run took.", tookMs / 1000),
    one("rackstrap_verify_timestamp_seconds", "When the run began.", atMs / 1000),
  ]);
}

/** Replaces `file` as a whole, for everybody to read. Throws what the disk says. */
export function writeTextfile(file: string, text: string): void {
  // The collector reads what ends in .prom, and must not see half of it.
  const fresh = join(dirname(file), `.${basename(file)}.${randomUUID()}`);
  try {
    writeFileSync(fresh, text, { mode: 0o644, flag: "wx" });
    renameSync(fresh, file);
  } finally {
    rmSync(fresh, { force: true });
  }
}
