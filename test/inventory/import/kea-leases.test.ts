import { describe, expect, it, test } from "vitest";
import type { Lease } from "../../../src/dhcp/lease-table.ts";
import { keaLeaseFiles, parseKeaLeases } from "../../../src/inventory/import/kea-leases.ts";
import { neverMs, nobody } from "../../../src/inventory/import/leases.ts";
import { fixture, malformed, mustRead } from "./read.ts";

const header =
  "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context";
const kea = (...rows: string[]) =>
  parseKeaLeases([{ file: "leases.csv", bytes: Buffer.from([header, ...rows, ""].join("\n")) }]);

describe("kea-leases4.csv", () => {
  test("what Kea wrote for real clients is read, its side file first", () => {
    const files = ["kea-leases4.csv.2", "kea-leases4.csv"].map((file) => ({
      file,
      bytes: fixture(file),
    }));
    const { leases, notes } = mustRead(parseKeaLeases(files));
    expect(notes).toEqual([]);
    expect(
      leases.map(({ address, mac, state, clientId }) => [address, mac, state, clientId]),
    ).toEqual([
      ["10.30.0.10", "52:54:00:bb:00:01", "bound", "01525400bb0001"],
      ["10.30.0.100", "52:54:00:cc:00:01", "bound", "01525400cc0001"],
      ["10.30.0.104", "52:54:00:cc:00:04", "bound", undefined],
      ["10.30.0.106", "52:54:00:cc:00:05", "bound", "ff00112233220a2c5c7d"],
      ["10.30.0.108", nobody, "declined", undefined],
      ["10.30.0.102", "52:54:00:cc:00:02", "bound", "01525400cc0002"],
    ]);
    expect(leases.at(-1)).toMatchObject({
      hostName: "host-3",
      expiresAtMs: 1_795_257_487_000,
      lastSeenMs: 1_795_253_487_000,
    });
  });

  it.each<[string, Lease["state"]]>([
    ["0", "bound"],
    ["1", "declined"],
    ["2", "released"],
    ["3", "released"],
  ])("state %s is %s", (state, expected) => {
    const row = `10.0.0.5,52:54:00:00:00:01,,60,1000,1,0,0,,${state},`;
    expect(mustRead(kea(row)).leases[0]?.state).toBe(expected);
  });

  test("columns are found by name, and an escaped comma is a comma", () => {
    const bytes = Buffer.from(
      "expire,hostname,valid_lifetime,hwaddr,address\n1000,a&#x2cb.,60,52:54:00:00:00:01,10.0.0.5\r\n",
    );
    expect(mustRead(parseKeaLeases([{ file: "a", bytes }])).leases).toEqual([
      {
        address: "10.0.0.5",
        mac: "52:54:00:00:00:01",
        hostName: "a,b",
        state: "bound",
        expiresAtMs: 1_000_000,
        lastSeenMs: 940_000,
      },
    ]);
  });

  test("a lease without an end has the latest one", () => {
    const row = "10.0.0.5,52:54:00:00:00:01,,4294967295,6000000000,1,0,0,,0,";
    expect(mustRead(kea(row)).leases[0]?.expiresAtMs).toBe(neverMs);
  });

  test("a later row of an address counts, and a lifetime of zero deletes it", () => {
    const row = (host: string, seconds = 60) =>
      `10.0.0.5,52:54:00:00:00:01,,${seconds},1000,1,0,0,${host},0,`;
    expect(mustRead(kea(row("a"), row("b"))).leases).toMatchObject([{ hostName: "b" }]);
    expect(mustRead(kea(row("a"), row("a", 0))).leases).toEqual([]);
  });
});

describe("what makes no sense in kea-leases4.csv", () => {
  it.each<[string, string, RegExp]>([
    ["too few fields", "10.0.0.5,52:54", /2 fields instead of 11/],
    ["no address", "x,52:54:00:00:00:01,,60,1000,1,0,0,,0,", /address is no IPv4/],
    ["no MAC", "10.0.0.5,,,60,1000,1,0,0,,0,", /no Ethernet MAC/],
    ["no time", "10.0.0.5,52:54:00:00:00:01,,60,soon,1,0,0,,0,", /no number of seconds/],
    ["an unknown state", "10.0.0.5,52:54:00:00:00:01,,60,1000,1,0,0,,9,", /state 9 is unknown/],
  ])("%s is noted with its line and skipped", (_, row, expected) => {
    const { leases, notes } = mustRead(kea(row));
    expect(leases).toEqual([]);
    expect(notes).toMatchObject([{ place: { line: 2 }, instead: expect.stringMatching(expected) }]);
  });

  test("a file without the columns is refused", () => {
    const read = parseKeaLeases([{ file: "a.csv", bytes: Buffer.from("address,duid\n") }]);
    expect(malformed(read)).toBe(
      "a.csv:1:1: the header has no column hwaddr, valid_lifetime, expire: expected kea-leases4.csv",
    );
  });

  it.each<[string[], string[]]>([
    [[], ["l"]],
    [[".2"], ["l.2", "l"]],
    [
      [".1", ".2"],
      ["l.2", "l.1", "l"],
    ],
    [
      [".1", ".2", ".completed"],
      ["l.completed", "l"],
    ],
  ])("with %j beside it, the files %j are read", (beside, expected) => {
    expect(keaLeaseFiles("l", (file) => beside.includes(file.slice(1)))).toEqual(expected);
  });
});
