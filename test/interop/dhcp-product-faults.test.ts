// The product as a whole when its disk is full, when its clock is set, and when the thread that answers DHCP has to end.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import Database from "better-sqlite3";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import {
  contradictions,
  createMachines,
  type Machines,
  machine,
  machinesFrom,
} from "./dhcp-faults/machines.ts";
import {
  createNetwork,
  health,
  openRelay,
  type Relay,
  removeNetwork,
} from "./dhcp-faults/network.ts";
import { reserved, startProduct, writeInventory } from "./dhcp-faults/server-under-test.ts";
import { requireTools } from "./host.ts";

const run = promisify(execFile);
const minute = 60_000;

let directory: string;
let state: string;
let inventoryFile: string;
let relay: Relay;
let machines: Machines;

beforeAll(async () => {
  await requireTools({
    ip: "iproute2",
    strace: "strace",
    curl: "curl",
    "ssh-keygen": "openssh-client",
  });
  await createNetwork();
  relay = await openRelay();
});

afterAll(async () => {
  await relay?.close();
  await removeNetwork();
});

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "rackstrap-faults-"));
  state = join(directory, "state");
  mkdirSync(state);
  inventoryFile = join(directory, "site.json");
  writeInventory(inventoryFile, directory);
  machines = createMachines(relay);
});

afterEach(() => rmSync(directory, { recursive: true }));

/** The first `ms` of it. */
const within = (ms: number) => AbortSignal.timeout(ms);

/** Resolves when /health answers so, which is a minute's wait at most. */
async function healthBecomes(status: number): Promise<string> {
  const limit = within(minute);
  for (;;) {
    const answer = await health();
    if (answer.status === status) return answer.body;
    limit.throwIfAborted();
  }
}

function integrity(file: string): string {
  const database = new Database(join(state, file));
  const found = database.pragma("integrity_check", { simple: true });
  database.close();
  return String(found);
}

it("on a full disk serves reserved machines, is silent to strangers, says so, and recovers by itself", {
  timeout: 2 * minute,
}, async () => {
  await run("mount", ["-t", "tmpfs", "-o", "size=2m", "rackstrap-faults", state]);
  const filler = join(state, "filler");
  // dd ends with an error when there is no room: that is what it is for here.
  const fill = () => run("dd", ["if=/dev/zero", `of=${filler}`, "bs=4k"]).catch(() => undefined);
  try {
    const first = startProduct(inventoryFile);
    await first.settled;
    expect(await machines.lease(machine(0), within(5_000))).toBeDefined();
    expect(JSON.parse(await healthBecomes(200))).toMatchObject({ status: "healthy" });

    await fill();
    await leaseUntilSilence(machinesFrom(1, 1000));
    expect(JSON.parse(await healthBecomes(503))).toMatchObject({
      services: { dhcp: "degraded", tftp: "running", http: "running" },
      reason: expect.stringMatching("full"),
    });
    expect(await machines.lease(reserved.mac, within(5_000))).toBe(reserved.address);

    await first.kill();
    const second = startProduct(inventoryFile);
    await second.settled;
    expect(second.pid(), second.output.join("\n")).toBeDefined();
    expect(await machines.lease(reserved.mac, within(5_000))).toBe(reserved.address);
    expect(await machines.lease(machine(2000), within(2_000))).toBeUndefined();
    expect(machines.refusals()).toBe(0);

    rmSync(filler);
    expect(await machines.lease(machine(2001), within(5_000))).toBeDefined();
    expect(JSON.parse(await healthBecomes(200))).toMatchObject({ status: "healthy" });
    expect(await machines.reboot(machine(0), firstAddress(), within(5_000))).toBe("ACK");
    expect(contradictions(machines.acknowledged)).toEqual([]);
    await second.kill();
    expect([integrity("leases.db"), integrity("rackstrap.db")]).toEqual(["ok", "ok"]);
  } finally {
    await run("umount", [state]);
  }
});

/** The address of the first machine that was acknowledged. */
function firstAddress() {
  const [first] = machines.acknowledged;
  if (first === undefined) throw new Error("no machine was acknowledged");
  return first.address;
}

/** The log has some room left for itself: leases go on until that is used. */
async function leaseUntilSilence(macs: ReturnType<typeof machinesFrom>): Promise<void> {
  for (const mac of macs) if ((await machines.lease(mac, within(500))) === undefined) return;
  throw new Error(`${macs.length} machines got a lease on a full disk`);
}

/** The id of a thread of `pid` by its name (proc(5), task/TID/comm). */
function threadOf(pid: number | undefined, name: string): string {
  const tasks = `/proc/${pid}/task`;
  const comm = (task: string) => readFileSync(join(tasks, task, "comm"), "latin1").trim();
  const found = readdirSync(tasks).find((task) => comm(task) === name);
  if (found === undefined) throw new Error(`process ${pid} has no thread ${name}`);
  return found;
}

it("ends with the reason when the lease file can't be opened again", async () => {
  const server = startProduct(inventoryFile);
  await server.settled;
  expect(await machines.lease(machine(0), within(5_000))).toBeDefined();
  renameSync(join(state, "leases.db"), join(state, "moved.db"));
  mkdirSync(join(state, "leases.db"));
  // The next sync of that thread alone, which is its lease file's: koffi syncs standard output when a thread ends, and does not end well
  // where that fails.
  const fault = ["-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO:when=1"];
  const argv = ["-o", "/dev/null", "-p", threadOf(server.pid(), "dhcp"), ...fault];
  const tracer = spawn("strace", argv, { stdio: ["ignore", "ignore", "pipe"] });
  // "Process 7 attached"
  await once(tracer.stderr, "data");
  await leaseUntilSilence(machinesFrom(1, 1000));
  expect(await server.ended, server.output.join("\n")).toBe(1);
  expect(server.output.join("\n")).toMatch(/leases\.db can't be opened again after an I\/O error/);
  tracer.kill();
});
