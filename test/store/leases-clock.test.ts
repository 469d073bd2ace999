import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Lease } from "../../src/dhcp/lease-table.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { Mac } from "../../src/net/mac.ts";
import { openLeaseFile } from "../../src/store/leases.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const wallMs = Date.UTC(2030, 0, 1);
const leaseMs = 600_000;

let folder = "";
let clock = { monotonicMs: 0, wallMs: 0, bootId: "" };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rackstrap-clock-"));
  clock = { monotonicMs: 1_000_000, wallMs, bootId: "first" };
});

afterEach(() => rmSync(folder, { recursive: true }));

function open() {
  const { bootId } = clock;
  return openLeaseFile(join(folder, "leases.db"), { wallNow: () => clock.wallMs, bootId });
}

function grant(address: string): Lease {
  return {
    address: address as Ipv4,
    mac: "52:54:00:99:00:01" as Mac,
    state: "bound",
    lastSeenMs: clock.monotonicMs,
    expiresAtMs: clock.monotonicMs + leaseMs,
  };
}

function store(...leases: Lease[]): void {
  const file = open();
  file.write(leases, [], clock.monotonicMs);
  file.close();
}

/** How long each lease still lasts for a server that starts now. */
function remainingMs(): number[] {
  const file = open();
  const remaining = file
    .load(clock.monotonicMs)
    .map(({ expiresAtMs }) => expiresAtMs - clock.monotonicMs);
  file.close();
  return remaining;
}

function pass(ms: number): void {
  clock.monotonicMs += ms;
  clock.wallMs += ms;
}

/** Another boot: its monotonic clock begins anew. */
function reboot(downMs: number): void {
  clock = { monotonicMs: 5_000, wallMs: clock.wallMs + downMs, bootId: "second" };
}

const jumps = [
  ["a day forward", dayMs],
  ["a day back", -dayMs],
  ["an hour back", -hourMs],
] as const;

test.each(jumps)("a clock set %s neither ends a lease early nor makes it longer", (_, jumpMs) => {
  store(grant("10.0.100.100"));
  pass(100_000);
  clock.wallMs += jumpMs;
  store(grant("10.0.100.101"));
  pass(100_000);
  expect(remainingMs()).toEqual([leaseMs - 200_000, leaseMs - 100_000]);
  clock.wallMs -= jumpMs;
  expect(remainingMs()).toEqual([leaseMs - 200_000, leaseMs - 100_000]);
});

test.each(jumps)("a clock set %s revives no lease that has ended", (_, jumpMs) => {
  store(grant("10.0.100.100"));
  pass(leaseMs + 1);
  clock.wallMs += jumpMs;
  expect(remainingMs()).toEqual([-1]);
});

test.each(jumps)(
  "after a reboot, a lease from before the clock was set %s lasts as long as it was granted for",
  (_, jumpMs) => {
    store(grant("10.0.100.100"));
    pass(100_000);
    clock.wallMs += jumpMs;
    store(grant("10.0.100.101"));
    reboot(60_000);
    expect(remainingMs()).toEqual([leaseMs - 160_000, leaseMs - 60_000]);
  },
);

test.each(jumps)(
  "a clock that comes back from a reboot set %s makes no lease longer than granted",
  (_, jumpMs) => {
    store(grant("10.0.100.100"));
    reboot(60_000 + jumpMs);
    expect(remainingMs()[0]).toBeLessThanOrEqual(leaseMs);
  },
);

test("a start during another boot writes nothing, so that a full disk does not prevent it", () => {
  store(grant("10.0.100.100"));
  const size = () => statSync(join(folder, "leases.db-wal"), { throwIfNoEntry: false })?.size ?? 0;
  reboot(60_000);
  const file = open();
  expect(size()).toBe(0);
  file.write([grant("10.0.100.101")], [], clock.monotonicMs);
  expect(size()).toBeGreaterThan(0);
  file.close();
  expect(remainingMs()).toEqual([leaseMs - 60_000, leaseMs]);
});
