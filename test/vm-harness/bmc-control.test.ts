// The control socket of simulated BMCs that run as processes.

import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { serveControl } from "../../vm-harness/bmc/control.ts";
import { type Faults, noFaults } from "../../vm-harness/bmc/faults.ts";
import { createMemoryMachine, type SimulatedMachine } from "../../vm-harness/bmc/machine.ts";

let directory: string;
let machine: SimulatedMachine;
let faults: Faults;
let control: Awaited<ReturnType<typeof serveControl>>;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "rackstrap-bmc-control-"));
  machine = createMemoryMachine("node01");
  faults = noFaults();
  control = await serveControl(join(directory, "socket"), machine, faults);
});

afterEach(async () => {
  await control.close();
  rmSync(directory, { recursive: true });
});

function ask(method: string, path: string, body = ""): Promise<readonly [number, unknown]> {
  return new Promise((resolve, reject) => {
    const socketPath = join(directory, "socket");
    const asked = request({ socketPath, method, path }, (response) => {
      void json(response).then((said) => resolve([response.statusCode ?? 0, said]));
    });
    asked.on("error", reject).end(body);
  });
}

test("says what the machine is and was asked for", async () => {
  await machine.act("on");
  const state = { power: "on", actions: ["on"], faults: { dead: false } };
  expect(await ask("GET", "/")).toMatchObject([200, state]);
});

test("changes faults and adds events", async () => {
  expect(await ask("PATCH", "/faults", '{"delayMs":20}')).toMatchObject([200, {}]);
  expect(faults.delayMs).toBe(20);
  await ask("POST", "/events", '{"severity":"warning","message":"Fan 1 is slow"}');
  expect(machine.log).toMatchObject([{ id: 1, severity: "warning", message: "Fan 1 is slow" }]);
});

test.each([
  ["an unknown fault", "PATCH", "/faults", '{"lazy":true}', 400, 'no fault "lazy"'],
  ["no JSON", "PATCH", "/faults", "dead", 400, "not valid JSON"],
  ["an unknown severity", "POST", "/events", '{"severity":"bad","message":""}', 400, "severity"],
  ["an unknown path", "GET", "/fault", "", 404, "no GET /fault here"],
])("refuses %s", async (_, method, path, body, status, error) => {
  const expected = { error: expect.stringContaining(error) };
  expect(await ask(method, path, body)).toMatchObject([status, expected]);
  expect(faults).toEqual(noFaults());
});
