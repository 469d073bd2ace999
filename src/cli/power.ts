// rackstrap power: switches machines through their BMCs, whole racks at once. It changes no boot device and starts no install.

import { Argument, type Command } from "commander";
import {
  type PowerJobView,
  powerBody,
  powerJobShape,
  powerJobsAnswer,
  powerPlanShape,
} from "../api/power-shapes.ts";
import { addSelectors, chooseNodes, type SelectOptions } from "./choose.ts";
import { CliError, type ExitCode, exitCodeFor, exitCodes } from "./exit.ts";
import { interruptible } from "./interrupt.ts";
import { type Done, optionsOf, print } from "./output.ts";
import { chooseShow } from "./power-show.ts";
import { planTable, powerCounts, powerSummary, succeeded } from "./power-text.ts";
import { connect, type GlobalOptions, type Server } from "./server.ts";
import { formatTable, formatTime } from "./table.ts";
import { processClock, watchUntilOver } from "./watch.ts";

interface PowerOptions extends GlobalOptions, SelectOptions {
  readonly detach?: boolean;
  readonly despiteOperations?: boolean;
  readonly despiteQuorum?: boolean;
}

const verbs = {
  on: "switch on, a few each second, and see it",
  off: "switch off at once, and see it",
  soft: "ask the operating system to shut down, and wait for it",
  cycle: "switch off, see it off, switch on, see it on",
  reset: "reset once, without a word of whether it worked",
  status: "read whether it is on",
} as const;

export function addPowerCommand(program: Command, done: Done): void {
  const power = program
    .command("power")
    .description("switch machines on or off, cycle them, or read their power state");
  for (const [verb, description] of Object.entries(verbs)) addVerb(power, verb, description, done);
  addPlan(power, done);
  addShow(power, done);
  addCancel(power, done);
}

function addVerb(power: Command, verb: string, description: string, done: Done): void {
  const command = addSelectors(power.command(verb).description(description));
  if (verb !== "status")
    command
      .option("--detach", "begin and return")
      .option("--despite-operations", "also machines that an operation is at work on")
      .option("--despite-quorum", "also when that takes its majority from a cluster");
  command.action(async (selectors: string[], _options, used: Command) => {
    const options = optionsOf<PowerOptions>(used);
    const server = connect(options);
    const body = await order(server, verb, selectors, options);
    const job = await server.post("/api/power", body, powerJobShape);
    if (options.detach !== true) return done(await follow(server, job, options));
    print(options, job, () => [`power job ${job.id}: rackstrap power show ${job.id}`]);
    done(exitCodes.ok);
  });
}

async function order(
  server: Server,
  action: string,
  selectors: readonly string[],
  options: PowerOptions,
) {
  const nodes = await chooseNodes(server, selectors, options);
  const { despiteOperations, despiteQuorum } = options;
  return powerBody.parse({ action, nodes, despiteOperations, despiteQuorum });
}

function addPlan(power: Command, done: Done): void {
  addSelectors(
    power
      .command("plan")
      .description("in what order and when it would be done; changes nothing")
      .addArgument(new Argument("<action>", "what to do").choices(Object.keys(verbs))),
  )
    .option("--despite-operations", "also machines that an operation is at work on")
    .action(async (action: string, selectors: string[], _options, command: Command) => {
      const options = optionsOf<PowerOptions>(command);
      const server = connect(options);
      const body = await order(server, action, selectors, options);
      const plan = await server.post("/api/power/plan", body, powerPlanShape);
      print(options, plan, () => planTable(plan));
      done(exitCodes.ok);
    });
}

function addShow(power: Command, done: Done): void {
  power
    .command("show")
    .description("a power job and its machines; without an id, the jobs of the last hour")
    .argument("[id]", "the job")
    .action(async (id: string | undefined, _options, command: Command) => {
      const options = optionsOf<GlobalOptions>(command);
      const server = connect(options);
      if (id === undefined) {
        const answer = await server.get("/api/power", powerJobsAnswer);
        print(options, answer, () => jobsTable(answer.jobs));
      } else {
        const job = await server.get(jobPath(id), powerJobShape);
        print(options, job, () => [powerCounts(job), ...powerSummary(job, Date.now())]);
      }
      done(exitCodes.ok);
    });
}

function addCancel(power: Command, done: Done): void {
  power
    .command("cancel")
    .description("leave machines alone whose turn has not come, and wait for no shutdown")
    .argument("<id>", "the job")
    .action(async (id: string, _options, command: Command) => {
      const options = optionsOf<GlobalOptions>(command);
      const job = await connect(options).post(`${jobPath(id)}/cancel`, undefined, powerJobShape);
      print(options, job, () => [`asked to stop; see rackstrap power show ${job.id}`]);
      done(exitCodes.ok);
    });
}

function jobPath(id: string): string {
  return `/api/power/${encodeURIComponent(id)}`;
}

function jobsTable(jobs: readonly PowerJobView[]): string[] {
  return formatTable(
    ["JOB", "ACTION", "MACHINES", "DONE", "BEGAN", "ENDED"],
    jobs.map(({ id, action, tasks, createdAtMs, endedAtMs }) => [
      id,
      action,
      String(tasks.length),
      String(tasks.filter(succeeded).length),
      formatTime(createdAtMs),
      endedAtMs === undefined ? "runs" : formatTime(endedAtMs),
    ]),
  );
}

/** Watches the job to its end; Ctrl-C ends the watching and nothing else. */
async function follow(
  server: Server,
  job: PowerJobView,
  options: GlobalOptions,
): Promise<ExitCode> {
  return await interruptible(["SIGINT"], async (interrupt) => {
    const source = {
      read: () => readJob(server, job.id),
      isOver: ({ endedAtMs }: PowerJobView) => endedAtMs !== undefined,
      // A status is read in no time; what takes long is not asked about all the time.
      pauseMs: (elapsedMs: number) => Math.min(1000, 100 + elapsedMs / 2),
    };
    const show = chooseShow(job, options.json === true, process.stdout);
    const ended = await watchUntilOver(job, source, show.now, processClock, interrupt);
    if (ended.endedAtMs === undefined) {
      console.error(`interrupted; the job goes on in the server: rackstrap power show ${job.id}`);
      return exitCodes.interrupted;
    }
    show.end();
    print(options, ended, () => powerSummary(ended, Date.now()));
    return exitCodeFor(ended.tasks.map(succeeded));
  });
}

async function readJob(server: Server, id: string): Promise<PowerJobView> {
  try {
    return await server.get(jobPath(id), powerJobShape);
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== exitCodes.usage) throw error;
    // It was there a moment ago: the server has started anew, and the command line is not to blame.
    throw new CliError(exitCodes.failed, error.message, error.next);
  }
}
