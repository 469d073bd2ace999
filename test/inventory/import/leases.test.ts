import { describe, expect, it, test } from "vitest";
import type { Lease } from "../../../src/dhcp/lease-table.ts";
import { importLeases, nobody, selectLeases } from "../../../src/inventory/import/leases.ts";
import { parseCidr } from "../../../src/net/cidr.ts";
import type { Ipv4 } from "../../../src/net/ipv4.ts";
import type { Mac } from "../../../src/net/mac.ts";

const nowMs = 1_000_000;
const lease = (changes: Partial<Record<keyof Lease, unknown>> = {}): Lease => ({
  address: "10.0.0.5" as Ipv4,
  mac: "52:54:00:00:00:01" as Mac,
  state: "bound",
  expiresAtMs: nowMs + 1,
  lastSeenMs: 500,
  ...(changes as Partial<Lease>),
});
const cidr = parseCidr("10.0.0.0/24");
const site = {
  networks:
    cidr === undefined
      ? []
      : [{ cidr, pools: [{ start: "10.0.0.5" as Ipv4, end: "10.0.0.9" as Ipv4 }] }],
  reservations: [
    { mac: "52:54:00:00:00:02" as Mac, address: "10.0.0.6" as Ipv4 },
    { mac: "52:54:00:00:00:03" as Mac, address: "10.0.0.50" as Ipv4 },
  ],
  stored: [] as Lease[],
};
const verdicts = (leases: Lease[], stored: Lease[] = []) => {
  const { rows, skipped } = selectLeases(leases, { ...site, stored }, nowMs);
  return [rows.map(({ address }) => address), skipped.map(({ why }) => why)];
};

describe("taking leases over", () => {
  it.each<[string, Partial<Record<keyof Lease, unknown>>]>([
    ["in the pool", {}],
    ["that has ended", { state: "released", expiresAtMs: 1 }],
    ["that nobody may use", { state: "declined", mac: nobody }],
    ["of the machine's own reservation", { address: "10.0.0.50", mac: "52:54:00:00:00:03" }],
  ])("a lease %s is taken over", (_, changes) => {
    expect(verdicts([lease(changes)])[1]).toEqual([]);
  });

  it.each<[string, Partial<Record<keyof Lease, unknown>>, RegExp]>([
    ["outside every network", { address: "10.1.0.5" }, /outside every network/],
    ["outside the pool", { address: "10.0.0.10" }, /outside the pool of 10\.0\.0\.0\/24: widen/],
    ["on another machine's reservation", { address: "10.0.0.6" }, /reserved for 52:54:00:00:00:02/],
  ])("a lease %s is skipped", (_, changes, expected) => {
    expect(verdicts([lease(changes)])).toEqual([[], [expect.stringMatching(expected)]]);
  });

  test("of a machine's leases the running one counts, then the newest", () => {
    const ended = lease({ address: "10.0.0.7", expiresAtMs: 1, lastSeenMs: 900 });
    const older = lease({ address: "10.0.0.8", lastSeenMs: 400 });
    const misplaced = lease({ address: "10.0.0.99", lastSeenMs: 999 });
    expect(verdicts([ended, lease(), older, misplaced])).toEqual([
      ["10.0.0.5"],
      [
        "the machine has a newer lease, 10.0.0.5",
        "the machine has a newer lease, 10.0.0.5",
        expect.stringMatching(/outside the pool/),
      ],
    ]);
  });

  test("what this server did since is not undone", () => {
    const other = "52:54:00:00:00:09";
    expect(verdicts([lease()], [lease({ mac: other, lastSeenMs: 600 })])[1]).toEqual([
      `rackstrap knows a newer lease of the address, for ${other}`,
    ]);
    expect(verdicts([lease()], [lease({ address: "10.0.0.8", lastSeenMs: 600 })])[1]).toEqual([
      "rackstrap gave the machine 10.0.0.8 since",
    ]);
    expect(verdicts([lease()], [lease({ mac: other, lastSeenMs: 500 - 1_000 })])[1]).toEqual([]);
  });

  test("rows are written at once and counted, and nothing is written for none", () => {
    const written: (readonly Lease[])[] = [];
    const port = { write: (rows: readonly Lease[]) => void written.push(rows) };
    const rows = [lease(), lease({ state: "declined" })];
    expect(importLeases(rows, port)).toMatchObject({ bound: 1, released: 0, declined: 1 });
    importLeases([], port);
    expect(written).toEqual([rows]);
  });
});
