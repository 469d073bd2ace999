// The DHCP server when it is killed and when its disk fails. What a machine was granted by an ACK must outlast all of it.
// KILLS=50 kills it that often, FAULTS=200 lets each of so many writes and syncs fail; without them both are few.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openLeaseFile, readBootId } from "../../src/store/leases.ts";
import { judgeTrace } from "./dhcp-faults/durability.ts";
import {
  contradictions,
  createMachines,
  type Machines,
  machine,
  machinesFrom,
} from "./dhcp-faults/machines.ts";
import { createNetwork, openRelay, type Relay, removeNetwork } from "./dhcp-faults/network.ts";
import { startDhcp, writeSite } from "./dhcp-faults/server-under-test.ts";
import { requireTools } from "./host.ts";

const kills = Number(process.env["KILLS"] ?? 5);
const faults = Number(process.env["FAULTS"] ?? 40);
const machinesPerKill = 60;
const minutes = 60_000;
const faketimeLibrary = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

let directory: string;
let siteFile: string;
let relay: Relay;

beforeAll(async () => {
  await requireTools({ ip: "iproute2", strace: "strace", faketime: "faketime" });
  directory = mkdtempSync(join(tmpdir(), "rackstrap-faults-"));
  siteFile = join(directory, "site.json");
  writeSite(siteFile);
  await createNetwork();
  relay = await openRelay();
});

afterAll(async () => {
  await relay?.close();
  await removeNetwork();
  if (directory !== undefined) rmSync(directory, { recursive: true });
});

/** The first `ms` of it. */
const within = (ms: number) => AbortSignal.timeout(ms);

/** Each machine that was ever acknowledged still has its address, and a stranger who wishes for it gets another. */
async function expectKept(machines: Machines): Promise<void> {
  const kept = new Map(machines.acknowledged.map(({ mac, address }) => [mac, address]));
  const told = await Promise.all(
    [...kept].map(async ([mac, address]) => {
      const answer = await machines.reboot(mac, address, within(10_000));
      return `${mac} ${address} ${answer}`;
    }),
  );
  expect(told.filter((line) => !line.endsWith("ACK"))).toEqual([]);
  const strangers = await Promise.all(
    [...kept.values()].map(async (address, i) => {
      const offered = await machines.discover(machine(0xf000 + i), address, within(10_000));
      return offered === undefined || offered === address ? `${address}: ${offered}` : "another";
    }),
  );
  expect(strangers.filter((line) => line !== "another")).toEqual([]);
}

it(`loses no acknowledged lease and gives no address twice when it is killed ${kills} times among ${machinesPerKill} machines`, {
  timeout: 2 * minutes + kills * 5_000,
}, async () => {
  const seed = Number(process.env["SEED"] ?? Date.now() % 1e6);
  const random = mulberry32(seed);
  const waitingSite = join(directory, "waiting-site.json");
  // As a site has it: the start takes the time to listen for another server.
  writeSite(waitingSite, { allowSecondServer: false });
  const leaseFile = join(directory, "killed.db");
  const machines = createMachines(relay);
  const acknowledgedWhenKilled: number[] = [];
  for (let round = 0; round < kills; round++) {
    const before = machines.acknowledged.length;
    const server = startDhcp(waitingSite, leaseFile);
    const stop = new AbortController();
    const [first = machine(0), ...others] = machinesFrom(round * machinesPerKill, machinesPerKill);
    expect(await machines.discover(first, undefined, within(10_000))).toBeDefined();
    const leasing = [first, ...others].map((mac) => machines.lease(mac, stop.signal));
    // Two answers for each machine; every part of that has its rounds.
    await machines.heard(1 + 2 * machinesPerKill * ((round + random()) / kills) - 2);
    await server.kill();
    stop.abort();
    await Promise.all(leasing);
    acknowledgedWhenKilled.push(machines.acknowledged.length - before);
  }
  const server = startDhcp(waitingSite, leaseFile);
  await server.settled;
  const seen = `SEED=${seed}, acknowledged before each kill: ${acknowledgedWhenKilled.join()}`;
  expect(contradictions(machines.acknowledged), seen).toEqual([]);
  expect(machines.acknowledged.length, seen).toBeGreaterThan(0);
  await expectKept(machines);
  expect(contradictions(machines.acknowledged), seen).toEqual([]);
  await server.kill();
});

it("sends no ACK before the write of its lease is synced", { timeout: 2 * minutes }, async () => {
  const trace = join(directory, "trace");
  const argv = ["strace", "-ff", "-y", "-xx", "-s", "8192", "-qq", "--seccomp-bpf", "-o", trace];
  const calls = "trace=fdatasync,fsync,write,pwrite64,sendmmsg,sendto";
  const server = startDhcp(siteFile, join(directory, "traced.db"), [...argv, "-e", calls]);
  await server.settled;
  const pid = server.pid();
  const machines = createMachines(relay);
  for (let group = 0; group < 25; group++) {
    const macs = machinesFrom(group * 8, 8);
    await Promise.all(macs.map((mac) => machines.lease(mac, within(20_000))));
  }
  // Its answer comes after the tracer has written down those before.
  await machines.discover(machine(200), undefined, within(5_000));
  await server.kill();
  const lines = readFileSync(`${trace}.${pid}`, "latin1").split("\n");
  const { acknowledged, early } = judgeTrace(lines);
  expect(acknowledged).toBeGreaterThanOrEqual(200);
  expect(early).toEqual([]);
  // The same trace without its syncs must not pass.
  const unsynced = judgeTrace(lines.filter((line) => !/^f(data)?sync/.test(line)));
  expect(unsynced.early).toHaveLength(acknowledged);
});

it("keeps every lease as long as it was granted for, however the clock is set meanwhile", {
  timeout: 2 * minutes,
}, async () => {
  const clock = join(directory, "clock");
  const set = (offset: string) => writeFileSync(clock, `${offset}\n`);
  const environment = [
    `LD_PRELOAD=${faketimeLibrary}`,
    `FAKETIME_TIMESTAMP_FILE=${clock}`,
    ...["FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", "DONT_FAKE_MONOTONIC=1"],
  ];
  const shortSite = join(directory, "short-site.json");
  const leaseSeconds = 5;
  writeSite(shortSite, { leaseSeconds });
  const leaseFile = join(directory, "clock.db");
  const machines = createMachines(relay);

  set("+0");
  const first = startDhcp(shortSite, leaseFile, ["env", ...environment]);
  await first.settled;
  set("+1d");
  const address = await machines.lease(machine(0), within(5_000));
  if (address === undefined) throw new Error("no lease");
  const grantedMs = performance.now();
  // Another heir each time: an offer of another address would hold for half a minute.
  let heir = 1;
  const wanted = () => machines.discover(machine(heir++), address, within(5_000));
  for (const offset of ["-1d", "-1h", "+1d"]) {
    set(offset);
    expect(await wanted()).not.toBe(address);
  }
  await first.kill();
  const database = new Database(leaseFile);
  const wallMs = database.prepare("SELECT max(expires_at_ms) FROM leases").pluck().get();
  database.close();
  // The server believed the clock that was set.
  expect(Number(wallMs) - Date.now()).toBeGreaterThan(86_000_000);
  set("-1h");
  const second = startDhcp(shortSite, leaseFile, ["env", ...environment]);
  await second.settled;
  while ((await wanted()) !== address) expect(performance.now() - grantedMs).toBeLessThan(60_000);
  const lastedMs = performance.now() - grantedMs;
  expect(lastedMs).toBeGreaterThan(leaseSeconds * 1000 - 100);
  await second.kill();
});

const calls = [
  // SQLite is built with the one or the other.
  ["fsync,fdatasync", "EIO"],
  ["pwrite64", "ENOSPC"],
  ["pwrite64", "EIO"],
] as const;

describe.each(calls)("%s that fails with %s", (call, error) => {
  it.each(Array.from({ length: faults }, (_, i) => i + 1))(
    "at call %i: no ACK without its lease, no damage, and service afterwards or an end",
    async (nth) => {
      const leaseFile = join(directory, `${call}-${error}-${nth}.db`);
      const fault = `inject=${call}:error=${error}:when=${nth}`;
      const trace = join(directory, "faults");
      const tracer = ["strace", "-f", "-qq", "--seccomp-bpf", "-o", trace];
      const server = startDhcp(siteFile, leaseFile, [
        ...tracer,
        "-e",
        `trace=${call}`,
        "-e",
        fault,
      ]);
      await server.settled;
      const machines = createMachines(relay);
      if (server.pid() === undefined) expect(await server.ended).toBeGreaterThan(0);
      else {
        await leaseInTurn(machines, faults, () => isInjected(trace));
        const afterwards = await Promise.race([
          machines.lease(machine(0x1000), within(8_000)),
          server.ended.then((code) => ({ code })),
        ]);
        // It may end with an error, and never by a signal.
        if (typeof afterwards === "object") expect(afterwards.code).toBeGreaterThan(0);
        else expect(afterwards).toBeDefined();
        await server.kill();
      }
      expect(isInjected(trace)).toBe(true);
      expect(contradictions(machines.acknowledged)).toEqual([]);
      expectStored(leaseFile, machines);
    },
  );
});

/** One commit for each machine, until one of them has asked in vain because of the fault, and not of a slow disk. */
async function leaseInTurn(
  machines: Machines,
  count: number,
  hasFailed: () => boolean,
): Promise<void> {
  for (const mac of machinesFrom(0, count))
    if ((await machines.lease(mac, within(150))) === undefined && hasFailed()) return;
}

function isInjected(trace: string): boolean {
  return readFileSync(trace, "latin1").includes("(INJECTED)");
}

/** What was acknowledged is what a restart finds. */
function expectStored(leaseFile: string, machines: Machines): void {
  const found = openLeaseFile(leaseFile, { wallNow: Date.now, bootId: readBootId() });
  expect(found.damagedFile).toBeUndefined();
  const stored = found.load(0).map(({ mac, address, state }) => `${mac} ${address} ${state}`);
  found.close();
  const lost = machines.acknowledged
    .map(({ mac, address }) => `${mac} ${address} bound`)
    .filter((line) => !stored.includes(line));
  expect(lost).toEqual([]);
  const database = new Database(leaseFile);
  expect(database.pragma("integrity_check", { simple: true })).toBe("ok");
  database.close();
}

function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
