// What the tests of the BMC simulator share: two simulated BMCs, and the programs that speak to them.

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect } from "vitest";
import { noFaults } from "../../vm-harness/bmc/faults.ts";
import { createSimulator, type Simulator } from "../../vm-harness/bmc/ipmi-server.ts";
import { createMemoryMachine } from "../../vm-harness/bmc/machine.ts";

export const password = "canary-5Kd9";
export const machine = createMemoryMachine("node01");
const user = { id: 2, name: "admin", password, administrator: true, enabled: true };
const home = mkdtempSync(join(tmpdir(), "rackstrap-bmc-simulator-"));
export const bmcKey = "kg-canary-2";

/** The BMC of `machine`, and another one that has a key of its own. */
export interface Bmcs {
  plain: Simulator;
  keyed: Simulator;
}

/** Starts them before the tests of a file, and puts machine and faults back before each. */
export function useSimulators(): Bmcs {
  const bmcs = {} as Bmcs;
  beforeAll(async () => {
    // On its own port: that of rmcp-ping can't be chosen.
    bmcs.plain = await createSimulator({ machine, address: "127.16.23.1", port: 623, sessions: 3 });
    bmcs.keyed = await createSimulator({ machine, address: "127.0.0.1", port: 0, bmcKey });
  });
  beforeEach(async () => {
    machine.users.splice(0, machine.users.length, { ...user });
    machine.log.length = 0;
    Object.assign(machine.boot, { device: "none", persistent: false, uefi: false });
    Object.assign(bmcs.plain.faults, noFaults());
    await machine.act("off");
  });
  afterAll(async () => {
    await bmcs.plain.close();
    await bmcs.keyed.close();
    rmSync(home, { recursive: true });
  });
  return bmcs;
}

export interface Said {
  readonly code: number;
  /** Standard output and error. */
  readonly text: string;
}

/** Runs a program to its end. ipmitool finds `secret` in its environment. */
export function run(program: string, argv: readonly string[], secret = password): Promise<Said> {
  // freeipmi keeps what it read of a BMC's sensors below the home directory.
  const env = { ...process.env, HOME: home, IPMI_PASSWORD: secret };
  return new Promise((resolve) => {
    const child = execFile(program, argv, { env, timeout: 50_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), text: `${stdout}${stderr}` });
    });
    child.stdin?.end();
  });
}

/** ipmitool's arguments up to the command. */
export function ipmitoolArgv(suite: number, { address, port }: Simulator): readonly string[] {
  const target = ["-H", address, "-p", `${port}`, "-U", "admin", "-E"];
  return ["-I", "lanplus", "-C", `${suite}`, "-N", "1", ...target];
}

/** What a program says that does what it is asked. */
export async function succeeds(said: Promise<Said>): Promise<string> {
  const { code, text } = await said;
  expect(code, text).toBe(0);
  return text;
}
