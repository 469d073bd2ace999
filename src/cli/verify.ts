// rackstrap verify: the running server checks the live cluster; each area is printed as soon as it is known.

import { type Command, Option } from "commander";
import { areaReport, type VerifyRequest } from "../api/verify-shapes.ts";
import { messageOf } from "../net/error-text.ts";
import { type Area, type AreaReport, areas, writingAreas } from "../verify/line.ts";
import { CliError, exitCodes } from "./exit.ts";
import { interruptible } from "./interrupt.ts";
import { type Done, optionsOf, printJson } from "./output.ts";
import { areaLines, countsOf } from "./report-text.ts";
import { connect, type GlobalOptions } from "./server.ts";
import { formatDuration } from "./table.ts";
import { verifyText, writeTextfile } from "./verify-textfile.ts";

interface VerifyOptions extends GlobalOptions {
  readonly only?: Area;
  readonly skipSmoke?: boolean;
  readonly bandwidth?: boolean;
  readonly textfile?: string;
}

export function addVerifyCommand(program: Command, done: Done): void {
  program
    .command("verify")
    .description(
      "verify the live cluster: services, members, leaders, certificates, links, writes and reads",
    )
    .addOption(new Option("--only <area>", "one part of the report").choices([...areas]))
    .option("--skip-smoke", `write nothing: leave ${writingAreas.join(" and ")} out`)
    .option("--bandwidth", "also fill the links with iperf3, three seconds for each node")
    .option("--textfile <file>", "also write the result for the textfile collector of Prometheus")
    .addHelpText("after", "\nExit code 0 when nothing is an error; warnings are no errors.")
    .action(async (_options, command: Command) => {
      const options = optionsOf<VerifyOptions>(command);
      const request = requestOf(options);
      const atMs = Date.now();
      const reports = await interruptible(["SIGINT", "SIGTERM"], async (interrupt) =>
        gather(connect(options), request, options.json === true, interrupt),
      );
      if (reports === undefined) return done(exitCodes.interrupted);
      const tookMs = Date.now() - atMs;
      const lines = reports.flatMap((report) => report.lines);
      if (options.textfile !== undefined)
        keepTextfile(options.textfile, verifyText(reports, { atMs, tookMs }));
      if (options.json === true) printJson({ atMs, tookMs, areas: reports });
      else console.log(`\n${countsOf(lines)}, after ${formatDuration(tookMs)}`);
      const sound = lines.every(({ level }) => level !== "error");
      done(sound ? exitCodes.ok : exitCodes.failed);
    });
}

function requestOf({ only, skipSmoke, bandwidth }: VerifyOptions): VerifyRequest {
  if (only !== undefined && skipSmoke === true && writingAreas.includes(only))
    throw new CliError(
      exitCodes.usage,
      `--only ${only} writes, and --skip-smoke forbids it`,
      "leave one of them out",
    );
  return {
    ...(only !== undefined && { only }),
    ...{ skipSmoke: skipSmoke === true, bandwidth: bandwidth === true },
  };
}

/** Prints each area on the way, unless `quiet`. Undefined when it was interrupted. */
async function gather(
  server: ReturnType<typeof connect>,
  request: VerifyRequest,
  quiet: boolean,
  interrupt: AbortSignal,
): Promise<readonly AreaReport[] | undefined> {
  const reports: AreaReport[] = [];
  const answers = server.follow("/api/verify", areaReport, interrupt, request);
  for await (const report of answers) {
    reports.push(report);
    if (quiet) continue;
    for (const line of areaLines(report.area, report.lines)) console.log(line);
  }
  return interrupt.aborted ? undefined : reports;
}

function keepTextfile(file: string, text: string): void {
  try {
    writeTextfile(file, text);
  } catch (error) {
    throw new CliError(
      exitCodes.failed,
      `${file} can't be written: ${messageOf(error)}`,
      "name a file in a folder that this user may write to with --textfile",
    );
  }
}
