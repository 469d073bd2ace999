// A virtual rack that a test drives through the product's own command line, with what every story on it asks and waits for.

import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import {
  type OperationView,
  operationShape,
  operationsAnswer,
} from "../../src/api/operation-shapes.ts";
import { clusterAnswer, eventsAnswer } from "../../src/api/shapes.ts";
import { ensureImages } from "../../vm-harness/images/ensure.ts";
import { type CommandResult, runInNamespace, spawnInNamespace } from "../../vm-harness/network.ts";
import { createRack, type Rack, type RackMachine } from "../../vm-harness/rack.ts";
import { type RackServer, rackstrap, startServer } from "../../vm-harness/server.ts";

const root = join(import.meta.dirname, "../..");

export interface Story {
  readonly rack: Rack;
  readonly directory: string;
  /** Runs a command of the command line to its end. */
  run(args: readonly string[], timeoutMs?: number): Promise<CommandResult>;
  /** What a command answers with --json, read with the shape it promises; also of a command that ended badly. */
  ask<S extends z.ZodType>(
    args: readonly string[],
    shape: S,
    timeoutMs?: number,
  ): Promise<z.output<S>>;
  /** Begins an order and returns its operations as they stand. */
  begin(args: readonly string[]): Promise<readonly OperationView[]>;
  /** These operations once all have ended. */
  ended(ids: readonly string[], seconds: number): Promise<readonly OperationView[]>;
  /** Looks every two seconds until `look` has an answer; fails with what it was waiting for. */
  until<T>(what: string, seconds: number, look: () => Promise<T | undefined>): Promise<T>;
  operations(): Promise<readonly OperationView[]>;
  states(names: readonly string[]): Promise<string[]>;
  countEvents(node: string, kind: string): Promise<number>;
  /** How many healthy voters each layer has that agrees on its leader; else 0. */
  healthyVoters(): Promise<number[]>;
  /** Ends the server as a power cut would, and starts it again. */
  killServer(): Promise<void>;
  /** Stops the server as systemd would, changes the inventory, and starts it again. */
  restart(change?: Parameters<Rack["writeInventory"]>[0]): Promise<void>;
  /** Runs a program in the rack's namespace, where all its networks are; throws what it said when it fails. */
  program(what: string, argv: readonly string[]): Promise<string>;
  /** What a command prints on an installed node. */
  ssh(node: string, command: string): Promise<string>;
  /** A request to a node's chainfire as a client of the cluster makes it, with the cluster CA. */
  curl(node: string, path: string, ...args: readonly string[]): Promise<string>;
  /** Ends the machine's QEMU and empties its disk: what is left of it is its place in the rack. */
  destroy(machine: string): void;
  /** Writes to the cluster the whole time, through any of these nodes, until it is stopped. */
  write(through: readonly string[]): Writer;
  close(): Promise<void>;
}

export interface WriterReport {
  readonly acknowledged: number;
  readonly unacknowledged: number;
  /** Keys that were acknowledged and are not there any more. */
  readonly lost: readonly string[];
  /** The longest time from the first try of a write until its acknowledgement. */
  readonly longestMs: number;
}

export interface Writer {
  /** Ends the writing, and says what it saw once every key was read back. */
  stop(): Promise<WriterReport>;
}

const writerShape = z.object({
  acknowledged: z.number(),
  unacknowledged: z.number(),
  lost: z.array(z.string()),
  longestMs: z.number(),
});

/** The runbook's production address of nodeNN. */
function addressOf(node: string): string {
  return `10.0.200.${9 + Number(node.slice(-2))}`;
}

/** Keeps an operation's record for whoever wants to read what was done: .state/records/NAME.json. */
export function keepRecord(name: string, record: unknown): void {
  const directory = join(root, ".state/records");
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, `${name}.json`), `${JSON.stringify(record, null, 2)}\n`);
}

/** Makes the rack, all machines off, and starts the server on it. */
export async function createStory(machines: {
  readonly nodes: readonly RackMachine[];
  readonly extraMachines?: readonly RackMachine[];
}): Promise<Story> {
  mkdirSync(join(root, ".state"), { recursive: true });
  const directory = mkdtempSync(join(root, ".state/e2e-"));
  const rack = await createRack({ directory, images: ensureImages(), ...machines });
  const serve = () =>
    startServer(rack.namespace, rack.inventoryFile, join(directory, "server.log"));
  let server: RackServer | undefined;
  const close = async () => {
    await server?.stop();
    rack.close();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    server = await serve();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    ...{ rack, directory, close },
    ...asking(rack, directory),
    ...machineTools(rack, directory),
    killServer: async () => {
      await server?.kill();
      server = await serve();
    },
    restart: async (change = (inventory) => inventory) => {
      await server?.stop();
      rack.writeInventory(change);
      server = await serve();
    },
  };
}

type Asking = Pick<
  Story,
  | "run"
  | "ask"
  | "begin"
  | "ended"
  | "until"
  | "operations"
  | "states"
  | "countEvents"
  | "healthyVoters"
>;

function asking({ namespace, inventoryFile }: Rack, directory: string): Asking {
  const run: Story["run"] = (args, timeoutMs) =>
    rackstrap(namespace, inventoryFile, args, timeoutMs);
  const ask: Story["ask"] = async (args, shape, timeoutMs) => {
    const { stdout, stderr } = await run([...args, "--json"], timeoutMs);
    try {
      return shape.parse(JSON.parse(stdout));
    } catch (cause) {
      throw new Error(`rackstrap ${args.join(" ")}: ${stdout}${stderr}`, { cause });
    }
  };
  const until: Story["until"] = async (what, seconds, look) => {
    const deadline = Date.now() + seconds * 1000;
    while (Date.now() < deadline) {
      const found = await look();
      if (found !== undefined) return found;
      await sleep(2000);
    }
    throw new Error(`not seen within ${seconds} s: ${what}; logs in ${directory}`);
  };
  const operations = async () => (await ask(["operations", "list"], operationsAnswer)).operations;
  return {
    ...{ run, ask, until, operations },
    begin: async (args) =>
      (await ask([...args, "--execute", "--detach"], operationsAnswer)).operations,
    ended: (ids, seconds) =>
      until(`operations ${ids.join(", ")} end`, seconds, async () => {
        const mine = (await operations()).filter(({ id }) => ids.includes(id));
        if (mine.some(({ status }) => status === "running")) return undefined;
        // The list has nothing of what their steps found.
        return await Promise.all(
          mine.map(({ id }) => ask(["operations", "show", id], operationShape)),
        );
      }),
    states: async (names) => {
      const shape = z.object({ nodes: z.array(z.object({ name: z.string(), state: z.string() })) });
      const { nodes } = await ask(["nodes"], shape);
      return names.map((name) => nodes.find((node) => node.name === name)?.state ?? "absent");
    },
    countEvents: async (node, kind) => {
      const { events } = await ask(["events", node], eventsAnswer);
      return events.filter((event) => event.kind === kind).length;
    },
    healthyVoters: async () => {
      const { layers } = await ask(["cluster", "status"], clusterAnswer);
      return layers.map(({ leader, disagreement, healthyVoters }) =>
        leader !== undefined && disagreement === undefined ? healthyVoters.length : 0,
      );
    },
  };
}

type MachineTools = Pick<Story, "program" | "ssh" | "curl" | "destroy" | "write">;

function machineTools(rack: Rack, directory: string): MachineTools {
  const caFile = join(directory, "state/ca-bundle.pem");
  const program: Story["program"] = async (what, argv) => {
    const { code, stdout, stderr } = await runInNamespace(rack.namespace, argv);
    if (code !== 0) throw new Error(`${what}: ${stderr}`);
    return stdout;
  };
  const trusting = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"];
  return {
    program,
    ssh: async (node, command) =>
      await program(`ssh ${node}`, [
        ...["ssh", "-F", "none", "-i", rack.operatorKeyFile, "-o", "BatchMode=yes"],
        ...trusting.flatMap((setting) => ["-o", setting]),
        ...[`root@${addressOf(node)}`, command],
      ]),
    curl: async (node, path, ...args) => {
      const fqdn = `${node}.example.com`;
      return await program(`curl ${node} ${path}`, [
        ...["curl", "--silent", "--show-error", "--fail", "--max-time", "20", "--cacert", caFile],
        ...["--resolve", `${fqdn}:2379:${addressOf(node)}`, ...args, `https://${fqdn}:2379${path}`],
      ]);
    },
    destroy: (name) => {
      const machine = rack.machine(name);
      const pid = machine.qemuPid();
      if (pid !== undefined) process.kill(pid, "SIGKILL");
      truncateSync(machine.diskPath, 0);
      truncateSync(machine.diskPath, machine.diskBytes);
    },
    write: (through) => startWriter(rack.namespace, caFile, through),
  };
}

function startWriter(namespace: string, caFile: string, through: readonly string[]): Writer {
  const program = join(root, "vm-harness/writer.ts");
  const members = through.map((node) => `${node}=${addressOf(node)}`);
  const argv = [process.execPath, program, caFile, "example.com", "2379", ...members];
  const child = spawnInNamespace(namespace, argv, { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout?.on("data", (text) => {
    said += String(text);
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  return {
    stop: async () => {
      child.kill("SIGTERM");
      await ended;
      return writerShape.parse(JSON.parse(said));
    },
  };
}
