import { MessageChannel } from "node:worker_threads";
import { expect, onTestFinished, test } from "vitest";
import type { Lease } from "../../src/dhcp/lease-table.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { Mac } from "../../src/net/mac.ts";
import {
  createLeaseMirror,
  type LeaseChanges,
  tellingJournal,
} from "../../src/serve/lease-mirror.ts";
import { createMemoryLeaseJournal } from "../fakes/memory-lease-journal.ts";

const mac = "52:54:00:00:00:01" as Mac;
const stranger = "52:54:00:99:00:01" as Mac;
const ip = (text: string) => text as Ipv4;
const lease = (address: string, owner = mac): Lease => ({
  ...{ address: ip(address), mac: owner, state: "bound", expiresAtMs: 1, lastSeenMs: 0 },
});

test("leases are known as soon as they are told, without a turn of the event loop", () => {
  const mirror = createLeaseMirror();
  onTestFinished(() => mirror.close());
  expect(mirror.at(ip("10.0.0.5"))).toBeUndefined();
  mirror.port.postMessage({ rows: [lease("10.0.0.5"), lease("10.0.0.6")], gone: [] });
  mirror.port.postMessage({ rows: [], gone: ["10.0.0.6"] });
  expect(mirror.at(ip("10.0.0.5"))).toEqual(lease("10.0.0.5"));
  expect(mirror.at(ip("10.0.0.6"))).toBeUndefined();
});

test("what is told is not lost when nobody asks for a while", async () => {
  const mirror = createLeaseMirror();
  onTestFinished(() => mirror.close());
  const other = new MessageChannel();
  mirror.port.postMessage({ rows: [lease("10.0.0.5")], gone: [] });
  await new Promise((resolve) => {
    other.port2.once("message", resolve);
    other.port1.postMessage("later");
  });
  other.port1.close();
  expect(mirror.at(ip("10.0.0.5"))).toEqual(lease("10.0.0.5"));
});

test("a mirror that is closed keeps what it knew and fails nobody", () => {
  const mirror = createLeaseMirror();
  mirror.port.postMessage({ rows: [lease("10.0.0.5")], gone: [] });
  expect(mirror.at(ip("10.0.0.5"))).toBeDefined();
  mirror.close();
  expect(mirror.at(ip("10.0.0.5"))).toEqual(lease("10.0.0.5"));
});

test("a journal tells of its rows at its load, and of what is stored and removed", () => {
  const told: LeaseChanges[] = [];
  const inner = createMemoryLeaseJournal(lease("10.0.0.5"), lease("10.0.0.7", stranger));
  const journal = tellingJournal(inner, (changes) => told.push(changes));
  expect(journal.load(0)).toHaveLength(2);
  journal.write([lease("10.0.0.6", stranger)], [ip("10.0.0.5")], 0);
  journal.write([], [], 0);
  expect(told).toEqual([
    { rows: [lease("10.0.0.5"), lease("10.0.0.7", stranger)], gone: [] },
    { rows: [lease("10.0.0.6", stranger)], gone: ["10.0.0.5"] },
  ]);
});

test("a journal tells of nothing that could not be stored", () => {
  const told: LeaseChanges[] = [];
  const inner = createMemoryLeaseJournal();
  const journal = tellingJournal(inner, (changes) => told.push(changes));
  inner.broken = true;
  expect(() => journal.write([lease("10.0.0.5")], [], 0)).toThrow("ENOSPC");
  expect(() => journal.tryOut()).toThrow("ENOSPC");
  expect(told).toEqual([]);
});
