// Serial consoles end to end: command line, API, shared session and capture over the product's IPMI client, against the BMC
// simulator.

import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { createSecretReader } from "../../src/inventory/secret.ts";
import { newOperation, newStep } from "../../src/operations/operation.ts";

import { createConsoles } from "../../src/serve/consoles.ts";
import { createControllers } from "../../src/serve/controllers.ts";
import { noFaults } from "../../vm-harness/bmc/faults.ts";
import { createSimulator, type Simulator } from "../../vm-harness/bmc/ipmi-server.ts";
import { createMemoryMachine } from "../../vm-harness/bmc/machine.ts";
import { exampleInventory } from "../fakes/rack.ts";
import { type ConsoleServer, nodeAt, type Running, serveConsole } from "./console-host.ts";

const machine = createMemoryMachine("node01");
const password = "secret";
const waiting = { timeout: 20_000 };
let simulator: Simulator;
let server: ConsoleServer;
const started: Running[] = [];

beforeAll(async () => {
  simulator = await createSimulator({ machine, address: "127.0.0.1", port: 0 });
});
beforeEach(async () => {
  server = await serveConsole(nodeAt("127.0.0.1", simulator.port), password);
});
afterEach(async () => {
  Object.assign(simulator.faults, noFaults());
  for (const one of started.splice(0)) one.interrupt();
  await server.close();
});
afterAll(() => simulator.close());

function rackstrap(...args: readonly string[]): Running {
  const running = server.rackstrap(...args);
  started.push(running);
  return running;
}

async function seen(running: Running, text: string): Promise<void> {
  await vi.waitUntil(() => running.text.includes(text), waiting);
}

/** The machine prints until somebody hears it: a console is open some moments after it was asked for. */
async function heard(running: Running): Promise<void> {
  await vi.waitUntil(
    () => {
      machine.typeConsole(Buffer.from("anybody there? "));
      return running.text.includes("anybody there? ");
    },
    { ...waiting, interval: 200 },
  );
}

test("input that is no terminal is typed, and the answer shown, with nothing of our own between", async () => {
  const running = rackstrap("console", "node01");
  await heard(running);
  running.type("uname -a\r~.\r");
  running.end();
  expect(await running.ended).toBe(0);
  expect(running.text.replaceAll("anybody there? ", "")).toBe("uname -a\r~.\r");
});

test("on a terminal ~? helps, ~B breaks, ~~ types one and ~. ends", async () => {
  const running = server.terminal("console", "node01");
  started.push(running);
  await seen(running, "~. ends");
  await heard(running);
  running.type("reset me\u0003\r~?~B");
  await seen(running, "send a break");
  await seen(running, "<break>");
  // What Ctrl-C types is the machine's.
  expect(running.text).toContain("reset me\u0003\r");
  running.type("\r~~\r~.");
  expect(await running.ended).toBe(0);
  expect(running.text).toContain("\r~\r");
});

test("what a machine prints can't set the terminal's title", async () => {
  const running = server.terminal("console", "node01");
  started.push(running);
  await heard(running);
  machine.typeConsole(Buffer.from("\x1b]0;owned\x07\x1b[1mbold\x1b[0m"));
  await seen(running, "bold");
  expect(running.text).toContain("\x1b[1mbold");
  expect(running.text).not.toContain("owned");
  running.type("\r~.");
  expect(await running.ended).toBe(0);
});

test("many look at one session, a later one sees what was before, and the last one closes it", async () => {
  const first = rackstrap("console", "node01", "--read-only");
  await heard(first);
  machine.typeConsole(Buffer.from("said before\r\n"));
  await seen(first, "said before");
  const second = rackstrap("console", "node01", "--read-only", "--json");
  await seen(second, '"state":"open"');
  const [recent] = second.text.split("\n");
  const { kind, data } = JSON.parse(recent ?? "") as { kind: string; data: string };
  expect(kind).toBe("recent");
  expect(Buffer.from(data, "base64").toString()).toContain("said before");
  expect(simulator.sessionCount()).toBe(1);
  for (const one of [first, second]) one.interrupt();
  expect([await first.ended, await second.ended]).toEqual([0, 0]);
  // The console can be had by somebody else now.
  await vi.waitUntil(async () => {
    const other = await server
      .bmc()
      .openConsole({ takeOver: false })
      .catch(() => undefined);
    await other?.close();
    return other !== undefined;
  }, waiting);
});

test("a BMC that restarts is connected to again, and the viewer told", async () => {
  const running = rackstrap("console", "node01", "--read-only");
  await heard(running);
  Object.assign(simulator.faults, { rebootsAfter: 1, rebootSeconds: 1 });
  await server
    .bmc()
    .powerState()
    .catch(() => undefined);
  await seen(running, "trying again in 1 s");
  machine.typeConsole(Buffer.from("lost\r\n"));
  await vi.waitUntil(
    () => {
      machine.typeConsole(Buffer.from("back again\r\n"));
      return running.text.includes("back again");
    },
    { timeout: 40_000, interval: 500 },
  );
});

test("a foreign session is an error, and with --take the foreigner's loss", async () => {
  const foreign = createControllers(createSecretReader({ BMC_PASSWORD: password }));
  const theirs = await foreign
    .find(nodeAt("127.0.0.1", simulator.port))
    .openConsole({ takeOver: false });
  const lost = expect(
    (async () => {
      for await (const _ of theirs.output);
    })(),
  ).rejects.toThrow();
  const refused = rackstrap("console", "node01", "--read-only");
  expect(await refused.ended).toBe(1);
  expect(refused.text).toMatch(/127\.0\.0\.1.*somebody else has the console.*--take/);
  const taking = rackstrap("console", "node01", "--read-only", "--take");
  await heard(taking);
  await lost;
  await foreign.close();
});

test("a user who may not use the console can still switch the machine", async () => {
  await server.bmc().powerState();
  Object.assign(simulator.faults, { refusals: 1, refusalCode: 0xd4 });
  const running = rackstrap("console", "node01", "--read-only");
  expect(await running.ended).toBe(1);
  expect(running.text).toContain("this user may not use the console");
  expect(await server.bmc().powerState()).toBe(machine.power());
});

test("an operation's console is in a file of its own, and its stages on the timeline, once each", async () => {
  const { store, directory } = server;
  const node = nodeAt("127.0.0.1", simulator.port);
  const inventory = exampleInventory();
  const consoles = createConsoles({
    inventory: () => ({
      ...inventory,
      server: { ...inventory.server, stateDirectory: directory },
      nodes: [node],
    }),
    ...{ store, bmc: server.bmc, logger: pino({ level: "silent" }) },
    clock: { now: Date.now, sleep: (ms) => sleep(ms) },
  });
  const power = { ...newStep({ id: "power", title: "" }), status: "done", startedAtMs: 1 } as const;
  const given = { id: "op-1", kind: "provision", node: "node01", createdAtMs: 1 } as const;
  store.operations.create([newOperation({ ...given, steps: [power] })]);
  const over = new AbortController();
  const captured = consoles.accompany("op-1", over.signal);
  const viewer = { printed: () => undefined, changed: vi.fn() };
  const seat = consoles.hub.find(node).join(viewer, false);
  await vi.waitUntil(() => viewer.changed.mock.lastCall?.[0].kind === "open", waiting);
  seat.leave();
  const kinds = () => store.nodes.events({ node: "node01", limit: 100 }).map((event) => event.kind);
  machine.typeConsole(readFileSync("test/fixtures/console/bios-script.txt"));
  await vi.waitUntil(() => kinds().includes("no-bootable-device"), waiting);
  over.abort();
  await captured;
  await consoles.close();
  const events = store.nodes.events({ node: "node01", limit: 100 });
  expect(events.map(({ kind, detail }) => detail["stage"] ?? kind)).toEqual([
    ...["firmware", "ipxe", "dhcp", "script", "ipxe-failed", "no-bootable-device"],
  ]);
  const file = join(directory, "consoles/node01/op-1.log");
  expect(readFileSync(file, "latin1")).toContain("SeaBIOS (version");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const log = rackstrap("console", "node01", "--log");
  expect(await log.ended).toBe(0);
  expect(log.text).toContain("\nSeaBIOS (version 1.16.2-debian-1.16.2-1)\niPXE (http://ipxe.org)");
  expect(log.text).not.toContain("\x1b");
});
