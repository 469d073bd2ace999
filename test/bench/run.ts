// npm run bench -- NAME [--json FILE] [--quick]: measures the product beside other servers, prints a table, and writes
// the figures as JSON.

import { writeFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import { parseArgs } from "node:util";
import { messageOf } from "../../src/net/error-text.ts";
import { benchBmc, bmcClientNames, bmcRows } from "./bmc.ts";
import { benchDhcp, dhcpRows } from "./dhcp.ts";
import { serverNames } from "./dhcp-servers.ts";
import { benchHttp, httpRows } from "./http.ts";
import { httpServerNames } from "./http-servers.ts";
import { type Findings, type Row, ratiosOf, tableOf } from "./report.ts";
import { benchStorm, stormRows, stormServerNames } from "./storm.ts";
import { benchTftp, tftpRows } from "./tftp.ts";
import { tftpServerNames } from "./tftp-servers.ts";

interface Benchmark {
  readonly servers: readonly string[];
  readonly measure: (
    quick: boolean,
    signal: AbortSignal,
    progress: (line: string) => void,
  ) => Promise<Findings>;
  readonly rows: (quick: boolean) => readonly Row[];
}

const benchmarks: Readonly<Record<string, Benchmark>> = {
  bmc: { servers: bmcClientNames, measure: benchBmc, rows: bmcRows },
  dhcp: { servers: serverNames, measure: benchDhcp, rows: dhcpRows },
  http: { servers: httpServerNames, measure: benchHttp, rows: httpRows },
  storm: { servers: stormServerNames, measure: benchStorm, rows: stormRows },
  tftp: { servers: tftpServerNames, measure: benchTftp, rows: tftpRows },
};

const usage = `usage: npm run bench -- NAME [--json FILE] [--quick]; NAME is one of: ${Object.keys(benchmarks).join(", ")}`;
const subject = "rackstrap";

const print = (line: string) => process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  const chosen = readArguments();
  if ("problem" in chosen) {
    process.stderr.write(`${chosen.problem}\n${usage}\n`);
    return 2;
  }
  const { name, benchmark, quick, json } = chosen;
  const controller = new AbortController();
  // Not once: a second Ctrl-C must not end the clearing away of the first.
  for (const name of ["SIGINT", "SIGTERM"] as const)
    process.on(name, () => controller.abort(new Error("interrupted")));
  const startedAt = performance.now();
  const progress = (line: string) =>
    print(`${((performance.now() - startedAt) / 1000).toFixed(0).padStart(5)} s  ${line}`);
  print(
    `${cpus().length} x ${cpus()[0]?.model.trim()}, Linux ${release()}, Node ${process.version}`,
  );
  const [load = 0] = loadavg();
  if (load > 0.5) print(`the load average is ${load.toFixed(1)}: others share in the figures`);
  try {
    const findings = await benchmark.measure(quick, controller.signal, progress);
    const servers = benchmark.servers;
    print("");
    for (const line of tableOf(findings, subject, servers, benchmark.rows(quick))) print(line);
    if (json !== undefined) {
      const others = servers.filter((server) => server !== subject);
      const ratios = ratiosOf(findings, subject, others);
      const report = { name, ...findings, ratios };
      writeFileSync(json, `${JSON.stringify(report, rounded, 2)}\n`);
    }
    return 0;
  } catch (error) {
    if (controller.signal.aborted) return 130;
    process.stderr.write(`${describe(error)}\n`);
    return 1;
  }
}

function readArguments():
  | { name: string; benchmark: Benchmark; quick: boolean; json: string | undefined }
  | { problem: string } {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { json: { type: "string" }, quick: { type: "boolean", default: false } },
    });
    const [name = "", ...rest] = positionals;
    const benchmark = Object.hasOwn(benchmarks, name) ? benchmarks[name] : undefined;
    if (name === "") return { problem: "no benchmark is named" };
    if (benchmark === undefined) return { problem: `there is no benchmark "${name}"` };
    if (rest.length > 0) return { problem: `one benchmark at a time, not also ${rest.join(" ")}` };
    return { name, benchmark, quick: values.quick, json: values.json };
  } catch (error) {
    return { problem: messageOf(error) };
  }
}

/** Four decimals: what comes behind them is arithmetic, not measurement. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === "number" ? Number(value.toFixed(4)) : value;
}

function describe(error: unknown): string {
  const { cause } = error instanceof Error ? error : { cause: undefined };
  return cause === undefined ? messageOf(error) : `${messageOf(cause)}: ${messageOf(error)}`;
}

process.exitCode = await main();
