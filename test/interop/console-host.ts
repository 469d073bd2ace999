// What the tests of consoles and probes share: a server's API over one node's real BMC driver, and its command line on a
// terminal. Needs `script` of Debian's package bsdutils for the terminal.

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { createApi } from "../../src/api/app.ts";
import { type BmcTools, createBmcService } from "../../src/api/bmc-service.ts";
import { type ConsoleTools, createConsoleService } from "../../src/api/console-service.ts";
import { Refusal } from "../../src/api/service.ts";
import { loadOrCreateToken } from "../../src/api/token.ts";
import { systemClock } from "../../src/bmc/clock.ts";
import { bmc as bmcSchema } from "../../src/inventory/bmc-schema.ts";
import type { Node } from "../../src/inventory/schema.ts";
import { createSecretReader } from "../../src/inventory/secret.ts";
import { consoleDirectory, readConsoleLog } from "../../src/operations/console-file.ts";
import { createConsoleHub } from "../../src/operations/console-hub.ts";
import { createControllers } from "../../src/serve/controllers.ts";
import { openStore } from "../../src/store/store.ts";
import { fakeRackstrap } from "../api/fake-rackstrap.ts";
import { exampleInventory } from "../fakes/rack.ts";

/** A node whose BMC is at that port. Its password is in the environment variable BMC_PASSWORD. */
export function nodeAt(
  address: string,
  port: number,
  kind: object = { kind: "ipmi", cipherSuite: "best" },
): Node {
  const [node] = exampleInventory().nodes;
  if (node === undefined) throw new Error("the example site has no node");
  const settings = { address, port, user: "admin", ...kind };
  return { ...node, bmc: bmcSchema.parse({ ...settings, password: { env: "BMC_PASSWORD" } }) };
}

export type ConsoleServer = Awaited<ReturnType<typeof serveConsole>>;

/** The API of a server that has only this node. */
export async function serveConsole(node: Node, password: string) {
  const directory = mkdtempSync(join(tmpdir(), "rackstrap-console-"));
  const environment = { BMC_PASSWORD: password };
  const controllers = createControllers(createSecretReader(environment));
  const consoles = createConsoleHub(controllers.find, systemClock);
  const store = openStore(join(directory, "rackstrap.db"), Date.now, () => undefined);
  const tools: Omit<ConsoleTools & BmcTools, never> = {
    ...{ consoles, nodes: store.nodes, inventory: () => ({ nodes: [node] }) },
    ...{ bmc: controllers.find, probe: controllers.probe },
    consoleLog: () => readConsoleLog(consoleDirectory(directory, node.name)),
    declared: (name) => {
      if (name === node.name) return node;
      throw new Refusal("unknown", `no node is called ${name}`);
    },
  };
  const token = loadOrCreateToken(directory, randomBytes);
  const service = fakeRackstrap({ ...createConsoleService(tools), ...createBmcService(tools) });
  const app = createApi({ service, token, log: pino({ level: "silent" }) });
  await app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const where = ["--api", `http://127.0.0.1:${port}`, "--token-file", join(directory, "api-token")];
  return {
    ...{ directory, consoles, store, environment },
    bmc: () => controllers.find(node),
    rackstrap: (...args: readonly string[]) => start([process.execPath, main, ...args, ...where]),
    /** The same on a terminal. */
    terminal: (...args: readonly string[]) => {
      const command = [process.execPath, main, ...args, ...where].join(" ");
      return start(["script", "-qec", command, "/dev/null"]);
    },
    close: async () => {
      await app.close();
      await consoles.close();
      await controllers.close();
      store.close();
      rmSync(directory, { recursive: true });
    },
  };
}

const main = join(import.meta.dirname, "../../src/cli/main.ts");

export interface Running {
  type(text: string): void;
  /** Ends its input. */
  end(): void;
  interrupt(): void;
  /** Standard output and error until now. */
  readonly text: string;
  readonly ended: Promise<number | null>;
}

function start([program = "", ...args]: readonly string[]): Running {
  const child = spawn(program, args, { stdio: "pipe" });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (data: Buffer) => {
      text += data.toString();
    });
  return {
    type: (typed) => child.stdin.write(typed),
    end: () => child.stdin.end(),
    interrupt: () => child.kill("SIGINT"),
    get text() {
      return text;
    },
    ended: new Promise((resolve) => child.on("close", resolve)),
  };
}
