// The BMC simulator against independent clients: ipmitool and freeipmi. Needs the Debian packages ipmitool and freeipmi-tools.

import { execFile } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createSimulator, type Simulator } from "../../vm-harness/bmc/ipmi-server.ts";
import { createMemoryMachine } from "../../vm-harness/bmc/machine.ts";
import { requireTools } from "./host.ts";

const machine = createMemoryMachine("node01");
let bmc: Simulator;

beforeAll(async () => {
  await requireTools({
    ipmitool: "ipmitool",
    "ipmi-power": "freeipmi-tools",
    script: "util-linux",
  });
  bmc = await createSimulator({ machine, address: "127.0.0.1", port: 0 });
});

afterAll(async () => {
  await bmc.close();
});

interface Said {
  readonly code: number;
  readonly text: string;
}

/** Runs a program to its end; `text` is all it printed. */
function run(program: string, argv: readonly string[], password: string): Promise<Said> {
  const env = { ...process.env, IPMI_PASSWORD: password };
  return new Promise((resolve) => {
    execFile(program, argv, { env, timeout: 50_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), text: `${stdout}${stderr}` });
    });
  });
}

function ipmitool(suite: number, ...command: readonly string[]): Promise<Said> {
  const { address, port } = bmc;
  const target = ["-H", address, "-p", `${port}`, "-U", "admin", "-E"];
  return run("ipmitool", ["-I", "lanplus", "-C", `${suite}`, ...target, ...command], "secret");
}

test.each([3, 17])("ipmitool reads the power state with cipher suite %i", async (suite) => {
  expect(await ipmitool(suite, "chassis", "power", "status")).toEqual({
    code: 0,
    text: "Chassis Power is off\n",
  });
});
