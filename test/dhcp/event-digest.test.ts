import { expect, test } from "vitest";
import { readClient } from "../../src/dhcp/client.ts";
import { createEventDigest, sightingOf } from "../../src/dhcp/event-digest.ts";
import type { DhcpEvent } from "../../src/dhcp/policy.ts";
import type { Mac } from "../../src/net/mac.ts";
import { machine, node01, request } from "./site.ts";

function event(mac: Mac | undefined, kind: DhcpEvent["kind"] = "dhcp-offered"): DhcpEvent {
  if (mac === undefined) return { kind, client: undefined };
  const client = readClient(request("DISCOVER", { mac, options: { 12: Buffer.from("a\nb") } }));
  if ("ignore" in client) throw new Error(client.ignore);
  return { kind, client };
}

const createDigest = () => createEventDigest((mac) => mac === node01);

test("passes on so many events of a second, of each group, and counts them all", () => {
  const digest = createDigest();
  for (let i = 0; i < 1_000; i++) {
    digest.add(event(machine(i)), 5_000 + (i % 1_000));
    digest.add(event(node01, "dhcp-acknowledged"), 5_999);
    digest.add(event(undefined, "dhcp-conflict"), 5_999);
  }
  const { sightings, counts } = digest.take();
  const passed = (kind: DhcpEvent["kind"]) => sightings.filter((one) => one.kind === kind).length;
  expect(passed("dhcp-offered")).toBe(20);
  expect(passed("dhcp-acknowledged")).toBe(200);
  expect(passed("dhcp-conflict")).toBe(20);
  expect(counts).toEqual({
    "dhcp-offered": 1_000,
    "dhcp-acknowledged": 1_000,
    "dhcp-conflict": 1_000,
  });
});

test("passes on as many again in the next second, and each once", () => {
  const digest = createDigest();
  for (let i = 0; i < 100; i++) digest.add(event(machine(i)), 1_999);
  expect(digest.take().sightings).toHaveLength(20);
  expect(digest.take().sightings).toHaveLength(0);
  digest.add(event(machine(1)), 1_999);
  expect(digest.take().sightings).toHaveLength(0);
  digest.add(event(machine(1)), 2_000);
  expect(digest.take().sightings).toHaveLength(1);
  expect(digest.take().counts).toEqual({ "dhcp-offered": 102 });
});

test("counts what it has told of apart from what comes after", () => {
  const digest = createDigest();
  digest.add(event(machine(1)), 0);
  const { counts } = digest.take();
  digest.add(event(machine(1)), 0);
  expect(counts).toEqual({ "dhcp-offered": 1 });
});

test("a sighting is plain, printable data that another thread can have", () => {
  const sighting = sightingOf({ ...event(node01), bootFile: "ipxe.efi", reason: "why" });
  expect(structuredClone(sighting)).toEqual({
    kind: "dhcp-offered",
    mac: node01,
    facts: { hostName: "a\\x0ab" },
    bootFile: "ipxe.efi",
    reason: "why",
  });
  expect(sightingOf(event(undefined))).toEqual({ kind: "dhcp-offered", mac: undefined, facts: {} });
});
