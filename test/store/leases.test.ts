import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Lease } from "../../src/dhcp/lease-table.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { Mac } from "../../src/net/mac.ts";
import { type LeaseFile, openLeaseFile, readBootId } from "../../src/store/leases.ts";
import { withoutDisk } from "../fakes/file-size-limit.ts";

const first = "10.0.100.100" as Ipv4;
const second = "10.0.100.101" as Ipv4;
const mac = "02:00:00:00:00:01" as Mac;
const minute = 60_000;

function lease(address: Ipv4, changes: Partial<Lease> = {}): Lease {
  return {
    ...{ address, mac, state: "bound" },
    ...{ lastSeenMs: 5 * minute, expiresAtMs: 15 * minute },
    ...changes,
  };
}

let folder = "";
let file = "";
let opened: LeaseFile[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rackstrap-leases-"));
  file = join(folder, "leases.db");
});

afterEach(() => {
  for (const one of opened) one.close();
  opened = [];
  rmSync(folder, { recursive: true });
});

/** `wallMs` is the time on the wall, which the tests set as they like. */
function open(wallMs = 0, bootId = "first boot", path = file): LeaseFile {
  const leases = openLeaseFile(path, { wallNow: () => wallMs, bootId });
  opened.push(leases);
  return leases;
}

function close(leases: LeaseFile): void {
  leases.close();
  opened = opened.filter((one) => one !== leases);
}

describe("a lease file", () => {
  it("gives back what was written, with everything that is known of a lease", () => {
    const leases = open();
    const rows = [
      lease(first, { clientId: "ff01", hostName: "lab" }),
      lease(second, { state: "declined", mac: "02:00:00:00:00:02" as Mac }),
      lease("255.255.255.254" as Ipv4, { state: "released", expiresAtMs: 5 * minute }),
    ];
    leases.write(rows, [], 5 * minute);
    close(leases);
    expect(open().load(6 * minute)).toEqual(rows);
  });

  it("replaces and removes rows in one transaction", () => {
    const leases = open();
    leases.write([lease(first), lease(second)], [], 5 * minute);
    const moved = lease(second, { mac: "02:00:00:00:00:02" as Mac });
    leases.write([moved], [first], 6 * minute);
    expect(leases.load(6 * minute)).toEqual([moved]);
  });

  it("keeps a row that is removed and written at once", () => {
    const leases = open();
    leases.write([lease(first)], [first], 5 * minute);
    expect(leases.load(5 * minute)).toEqual([lease(first)]);
  });
});

describe("a lease after a restart", () => {
  const hour = 60 * minute;
  it.each([
    ["stands still", 0],
    ["is set back", -24 * hour],
    ["is set forward", 24 * hour],
  ])("in the same boot ends when it was to, though the clock on the wall %s", (_, shiftMs) => {
    const leases = open(100 * hour);
    leases.write([lease(first)], [], 5 * minute);
    close(leases);
    expect(open(100 * hour + shiftMs).load(6 * minute)).toEqual([lease(first)]);
  });

  // Written at 5 minutes of the first boot and 12:00 on the wall, for ten minutes; read at 1 minute of the next boot.
  it.each([
    ["at 12:04 has six minutes left", 4 * minute, 6 * minute],
    ["at 12:10 has none", 10 * minute, 0],
    ["a day later is over for a day", 24 * hour, -24 * hour + 10 * minute],
    ["at 11:00 has no more than it was granted", -1 * hour, 10 * minute],
  ])("in the next boot %s", (_, laterMs, leftMs) => {
    const noon = 12 * hour;
    const leases = open(noon);
    leases.write([lease(first)], [], 5 * minute);
    close(leases);
    const nowMs = minute;
    const [row] = open(noon + laterMs, "second boot").load(nowMs);
    expect(row?.expiresAtMs).toBe(nowMs + leftMs);
    expect((row?.expiresAtMs ?? 0) - (row?.lastSeenMs ?? 0)).toBe(10 * minute);
  });

  it("in a third boot is still told by the wall, and a renewed one by its own boot", () => {
    const leases = open(0);
    leases.write([lease(first), lease(second)], [], 5 * minute);
    close(leases);
    const later = open(2 * minute, "second boot");
    later.write([lease(second, { lastSeenMs: minute, expiresAtMs: 11 * minute })], [], minute);
    close(later);
    const again = open(4 * minute, "second boot");
    expect(again.load(3 * minute).map(({ expiresAtMs }) => expiresAtMs)).toEqual([
      9 * minute,
      11 * minute,
    ]);
    close(again);
    const third = open(4 * minute, "third boot");
    expect(third.load(0).map(({ expiresAtMs }) => expiresAtMs)).toEqual([6 * minute, 8 * minute]);
  });

  it("is told from another boot by the kernel's own name for it", () => {
    expect(readBootId()).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(readBootId()).toBe(readBootId());
  });
});

describe("a damaged lease file", () => {
  const many = Array.from({ length: 2_000 }, (_, i) =>
    lease(`10.1.${i >> 8}.${i & 255}` as Ipv4, { hostName: `machine-${i}` }),
  );

  /** What a power cut leaves: the file, and a log with what was written of late. */
  function crashed(name: string): string {
    const before = open();
    before.write(many, [], 5 * minute);
    close(before);
    open().write(many.slice(0, 1), [], 5 * minute);
    const path = join(folder, name);
    for (const suffix of ["", "-wal"]) copyFileSync(file + suffix, path + suffix);
    return path;
  }

  it("is whole again after a power cut that damaged nothing", () => {
    const leases = open(0, "first boot", crashed("crashed.db"));
    expect(leases.damagedFile).toBeUndefined();
    expect(leases.load(5 * minute)).toHaveLength(2_000);
  });

  it.each([
    ["at its beginning", 0, 4_096],
    ["further on", 8_192, 65_536],
    ["as a whole", 0, 10_000_000],
  ])("%s is moved aside, and an empty one takes its place for good", (_, from, to) => {
    const path = crashed("crashed.db");
    const content = readFileSync(path);
    writeFileSync(path, content.fill(0x5a, from, Math.min(to, content.length)));
    const leases = open(77, "first boot", path);
    expect(leases.damagedFile).toBe(`${path}.damaged-77`);
    expect(leases.load(5 * minute)).toEqual([]);
    leases.write([lease(second)], [], 5 * minute);
    close(leases);
    const again = open(78, "first boot", path);
    expect([again.damagedFile, again.load(5 * minute)]).toEqual([undefined, [lease(second)]]);
  });

  it("is moved aside when it is no database at all", () => {
    writeFileSync(file, "nonsense ".repeat(1_000));
    expect(open(1).damagedFile).toBe(`${file}.damaged-1`);
  });

  it("is not taken for one when a newer version wrote it", () => {
    const database = new Database(file);
    database.pragma("user_version = 99");
    database.close();
    expect(() => open()).toThrow(/schema 99, and this version knows 1: install the newer/);
    expect(readdirSync(folder)).toEqual(["leases.db"]);
  });

  it("is not taken for one when another server has it open", () => {
    open();
    expect(() => open()).toThrow(/in use by another server/);
    expect(readdirSync(folder).some((name) => name.includes("damaged"))).toBe(false);
  });
});

describe("a disk that takes nothing", () => {
  it("makes a write throw and change nothing; the next one, when it can, is written", () => {
    const leases = open();
    leases.write([lease(first)], [], 5 * minute);
    expect(() => withoutDisk(() => leases.write([lease(second)], [first], 5 * minute))).toThrow(
      /disk I\/O error/,
    );
    expect(leases.failure()).toBeUndefined();
    expect(leases.load(5 * minute)).toEqual([lease(first)]);
    leases.write([lease(second)], [], 5 * minute);
    expect(leases.load(5 * minute)).toEqual([lease(first), lease(second)]);
    close(leases);
    expect(open().load(5 * minute)).toEqual([lease(first), lease(second)]);
  });
});
