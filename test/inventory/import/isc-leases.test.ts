import { describe, expect, it, test } from "vitest";
import type { Lease } from "../../../src/dhcp/lease-table.ts";
import { parseIscLeases } from "../../../src/inventory/import/isc-leases.ts";
import { neverMs, nobody } from "../../../src/inventory/import/leases.ts";
import { fixture, mustRead } from "./read.ts";

const isc = (text: string) => parseIscLeases(Buffer.from(text, "latin1"), "dhcpd.leases");
const entry = (body: string) => `lease 10.0.0.5 { ${body} hardware ethernet 52:54:00:00:00:01; }\n`;
const active = (body = "") => entry(`ends 4 2026/01/01 00:10:00; binding state active; ${body}`);

describe("dhcpd.leases", () => {
  test("what dhcpd wrote for real clients is read", () => {
    const { leases, notes } = mustRead(parseIscLeases(fixture("dhcpd.leases"), "dhcpd.leases"));
    expect(notes).toEqual([]);
    expect(
      leases.map(({ address, mac, state, clientId, hostName }) => [
        address,
        mac,
        state,
        clientId,
        hostName,
      ]),
    ).toEqual([
      ["10.20.0.100", "52:54:00:bb:00:01", "bound", "01525400bb0001", "host-1"],
      ["10.20.0.101", "52:54:00:cc:00:01", "bound", "01525400cc0001", "host-2"],
      ["10.20.0.102", "52:54:00:cc:00:02", "bound", "01525400cc0002", "host-3"],
      ["10.20.0.103", "52:54:00:cc:00:04", "bound", undefined, undefined],
      ["10.20.0.104", "52:54:00:cc:00:05", "bound", "ff00112233220a2c5c7d", undefined],
      ["10.20.0.105", nobody, "declined", undefined, undefined],
    ]);
    expect(leases[0]).toMatchObject({
      lastSeenMs: Date.UTC(2026, 10, 21, 9, 31, 29),
      expiresAtMs: Date.UTC(2026, 10, 21, 9, 41, 29),
    });
  });

  it.each<[string, Lease["state"]]>([
    ["active", "bound"],
    ["bootp", "bound"],
    ["free", "released"],
    ["expired", "released"],
    ["released", "released"],
    ["reset", "released"],
    ["backup", "released"],
    ["abandoned", "declined"],
  ])("the binding state %s is %s", (state, expected) => {
    const text = entry(`ends never; next binding state free; binding state ${state};`);
    expect(mustRead(isc(text)).leases[0]?.state).toBe(expected);
  });

  it.each<[string, number]>([
    ["4 2026/01/01 00:00:09", Date.UTC(2026, 0, 1, 0, 0, 9)],
    ["4 2026/01/01 00:00:09 3600", Date.UTC(2026, 0, 1, 1, 0, 9)],
    ["epoch 1767225609", 1_767_225_609_000],
    ["never", neverMs],
  ])("the time %s is read in UTC", (time, expected) => {
    const { leases } = mustRead(isc(entry(`ends ${time}; starts epoch 5; binding state active;`)));
    expect(leases[0]).toMatchObject({ expiresAtMs: expected, lastSeenMs: 5000 });
  });

  it.each<[string, string]>([
    ['"\\001RT\\000\\273\\000\\001"', "01525400bb0001"],
    ['"a\\"\\\\\\n\\x7f"', "61225c0a7f"],
    ["1:52:54:0:bb:0:1", "01525400bb0001"],
  ])("the uid %s is read", (uid, expected) => {
    expect(mustRead(isc(active(`uid ${uid};`))).leases[0]?.clientId).toBe(expected);
  });

  test("the last entry of an address counts, also when it gave the address back to nobody", () => {
    const again = active('client-hostname "b";');
    expect(mustRead(isc(active('client-hostname "a";') + again)).leases).toMatchObject([
      { hostName: "b" },
    ]);
    const free = "lease 10.0.0.5 { ends never; binding state free; }";
    expect(mustRead(isc(active() + free)).leases).toEqual([]);
  });
});

describe("what makes no sense in dhcpd.leases", () => {
  it.each<[string, string, RegExp]>([
    ["an unknown state", entry("ends never; binding state odd;"), /binding state odd is unknown/],
    ["no end", entry("binding state active;"), /no end that can be read/],
    [
      "a time that is none",
      entry("ends 4 2026-01-01; binding state active;"),
      /no end that can be read/,
    ],
    ["no client", "lease 10.0.0.5 { ends never; binding state active; }", /names no client/],
    [
      "a client without Ethernet",
      "lease 10.0.0.5 { ends never; binding state active; hardware infiniband 00:01; }",
      /no Ethernet MAC/,
    ],
    [
      "a host of OMAPI",
      "host a { dynamic; hardware ethernet 52:54:00:00:00:01; }",
      /declare the machine under nodes/,
    ],
    ["IPv6", 'ia-na "a" { }', /IPv4 only/],
  ])("%s is noted and skipped", (_, text, expected) => {
    const { leases, notes } = mustRead(isc(text));
    expect(leases).toEqual([]);
    expect(notes.map(({ instead }) => instead)).toEqual([expect.stringMatching(expected)]);
  });

  test("every beginning of a real file is read or refused, and nothing throws", () => {
    const bytes = fixture("dhcpd.leases");
    for (let length = 0; length <= bytes.length; length++) {
      const read = parseIscLeases(bytes.subarray(0, length), "dhcpd.leases");
      expect("value" in read || read.place.line > 0).toBe(true);
    }
  });
});
