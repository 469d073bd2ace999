import { describe, expect, it } from "vitest";
import { ConflictProbes, probeWaitMs } from "../../src/dhcp/conflict-probes.ts";
import { quarantineMs } from "../../src/dhcp/leases.ts";
import { ipv4FromNumber } from "../../src/net/ipv4.ts";
import { memoryInUse } from "../fakes/heap.ts";
import {
  addressOption,
  config,
  createSite,
  type Fields,
  ip,
  lease,
  machine,
  node01,
  outcome,
  type Reply,
  request,
  type SiteChanges,
  selecting,
  stranger,
} from "./site.ts";

const clearForMs = 600_000;
const probing: SiteChanges = { config: { conflictProbe: true } };
const discover = (number: number, fields: Fields = {}) =>
  request("DISCOVER", { mac: machine(number), ...fields });
const offersOf = (replies: readonly Reply[]) => replies.map((reply) => outcome({ reply }));
/** A site that has had a moment to ask for its addresses. */
const askedAhead = () => {
  const site = createSite([], probing);
  site.wait(0);
  return site;
};
const range = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => `10.0.100.${from + i}`);

describe("a stranger's first DISCOVER", () => {
  it("waits for the probe, and is answered when nobody has answered in time", () => {
    const site = createSite([], probing);
    expect(site.batch([discover(1)])).toEqual([]);
    expect(site.engine.isWaiting()).toBe(true);
    expect(site.engine.takeProbes()[0]).toBe("10.0.100.100");
    expect(site.engine.takeProbes()).toEqual([]);
    expect(site.wait(probeWaitMs - 1)).toEqual([]);
    expect(offersOf(site.wait(1))).toEqual(["OFFER 10.0.100.100"]);
    expect(site.engine.isWaiting()).toBe(false);
    expect(outcome(site.send(selecting("10.0.100.100", { mac: machine(1) })))).toBe(
      "ACK 10.0.100.100",
    );
  });

  it("brings another address when its first one answers, which nobody gets for ten minutes", () => {
    const site = askedAhead();
    site.batch([discover(1)]);
    site.engine.addressAnswered(ip("10.0.100.100"), site.nowMs + 10);
    expect(site.events.at(-1)).toEqual({
      kind: "dhcp-conflict",
      client: undefined,
      address: "10.0.100.100",
      reason: "10.0.100.100 is in use by a machine that has no lease for it",
    });
    expect(site.journal.rows.get(ip("10.0.100.100"))?.state).toBe("declined");
    // The next address was asked for ahead, at the same time.
    expect(offersOf(site.wait(probeWaitMs))).toEqual(["OFFER 10.0.100.101"]);
    const wish = { options: { 50: addressOption("10.0.100.100") } };
    expect(outcome(site.send(discover(2, wish)))).toBe("OFFER 10.0.100.102");
    site.nowMs += quarantineMs;
    site.batch([discover(3, wish)]);
    expect(offersOf(site.wait(probeWaitMs))).toEqual(["OFFER 10.0.100.100"]);
  });

  it("sets an address that answers before it is offered to anybody aside as well", () => {
    const site = askedAhead();
    site.batch([discover(1)]);
    site.engine.addressAnswered(ip("10.0.100.101"), site.nowMs + 10);
    site.wait(probeWaitMs);
    expect(outcome(site.send(discover(2)))).toBe("OFFER 10.0.100.102");
  });

  it("is left alone when its client has it leased before the answer comes: that is the client's own", () => {
    const site = createSite([], probing);
    site.batch([discover(2)]);
    expect(outcome(site.send(selecting("10.0.100.100", { mac: machine(2) })))).toBe(
      "ACK 10.0.100.100",
    );
    site.engine.addressAnswered(ip("10.0.100.100"), site.nowMs);
    expect(site.journal.rows.get(ip("10.0.100.100"))).toMatchObject({
      ...{ mac: machine(2), state: "bound" },
    });
  });

  it("does not count the network's conflicts against the client that may decline three addresses", () => {
    const site = createSite([], probing);
    site.batch([discover(1)]);
    for (const last of [100, 101, 102]) {
      site.engine.addressAnswered(ip(`10.0.100.${last}`), site.nowMs);
      expect(site.wait(1)).toEqual([]);
    }
    expect(offersOf(site.wait(probeWaitMs))).toEqual(["OFFER 10.0.100.103"]);
    site.send(selecting("10.0.100.103", { mac: machine(1) }));
    const decline = { mac: machine(1), options: { 50: addressOption("10.0.100.103") } };
    expect(site.send(request("DECLINE", decline)).event.kind).toBe("dhcp-declined");
  });
});

describe("a probe", () => {
  it("delays nobody when there was time for it: the next addresses are asked for ahead", () => {
    const site = askedAhead();
    expect(site.engine.takeProbes()).toEqual(expect.arrayContaining(range(100, 101)));
    site.wait(probeWaitMs);
    for (let number = 0; number <= 100; number++)
      expect(outcome(site.send(discover(number)))).toBe(`OFFER 10.0.100.${100 + number}`);
  });

  it("is made again before it goes out of date", () => {
    const site = askedAhead();
    site.engine.takeProbes();
    site.wait(clearForMs / 2);
    expect(site.engine.takeProbes()).toEqual([]);
    site.wait(clearForMs / 2);
    expect(site.engine.takeProbes()).toEqual(expect.arrayContaining(range(100, 101)));
  });

  it("delays neither a reserved machine nor one that has a lease", () => {
    const site = createSite([lease("10.0.100.120", stranger)], probing);
    expect(outcome(site.send(request("DISCOVER", { mac: node01 })))).toBe("OFFER 10.0.100.50");
    expect(outcome(site.send(request("DISCOVER")))).toBe("OFFER 10.0.100.120");
    expect(site.engine.takeProbes()).toEqual([]);
  });

  it("is good for ten minutes", () => {
    const site = askedAhead();
    site.wait(probeWaitMs);
    expect(outcome(site.send(discover(1)))).toBe("OFFER 10.0.100.100");
    site.nowMs += clearForMs - 1;
    expect(outcome(site.send(discover(2)))).toBe("OFFER 10.0.100.101");
    site.nowMs += 1;
    expect(site.batch([discover(3)])).toEqual([]);
  });

  it("is answered once: an answer to no question changes nothing", () => {
    const site = createSite([lease("10.0.100.120", stranger)], probing);
    site.engine.addressAnswered(ip("10.0.100.120"), site.nowMs);
    site.engine.addressAnswered(ip("10.0.100.130"), site.nowMs);
    expect([site.events, site.journal.rows.size]).toEqual([[], 1]);
  });
});

describe("many strangers at once", () => {
  it("all get their offers, each its own, when their probes are over", () => {
    const pools = [{ start: ip("10.0.100.1"), end: ip("10.0.103.254") }];
    const [provisioning] = config.subnets;
    if (provisioning === undefined) throw new Error("the site has a network");
    const cidr = { network: ip("10.0.100.0"), prefix: 22 };
    const site = createSite([], {
      config: { conflictProbe: true, subnets: [{ ...provisioning, cidr, pools }] },
    });
    const crowd = (from: number, count: number) =>
      site.batch(Array.from({ length: count }, (_, i) => discover(from + i)));
    expect([...crowd(0, 500), ...crowd(500, 500)]).toEqual([]);
    // No more are asked for at a time: a kernel can't resolve more. The others are not kept waiting.
    expect(site.engine.takeProbes().length).toBe(1000);
    const atOnce = crowd(1000, 22);
    const later = site.wait(probeWaitMs);
    // One address of the pool is reserved.
    expect([atOnce.length, later.length]).toEqual([21, 1000]);
    expect(new Set([...atOnce, ...later].map(({ packet }) => packet.yiaddr)).size).toBe(1021);
  });

  it("are counted once: having waited is not a second request", () => {
    const site = createSite([], probing);
    const sent = Array.from({ length: 100 }, () => discover(1));
    site.batch(sent);
    site.nowMs = 1_000_999 - probeWaitMs;
    expect(site.wait(probeWaitMs)).toHaveLength(100);
  });

  it("are answered however many of them have waited", () => {
    const site = createSite([], probing);
    for (let number = 0; number < 8; number++) {
      site.batch(Array.from({ length: 100 }, () => discover(number)));
    }
    expect(site.wait(probeWaitMs)).toHaveLength(800);
  });
});

it("forgets what it has learned after ten minutes, also while it keeps on asking", () => {
  const probes = new ConflictProbes();
  const before = memoryInUse();
  for (let round = 0; round < 1_000; round++) {
    const nowMs = round * 10_000;
    for (let i = 0; i < 100; i++) probes.want(ipv4FromNumber(round * 100 + i), nowMs);
    probes.takeWanted();
    probes.settle(nowMs);
  }
  expect(memoryInUse() - before).toBeLessThan(3_000_000);
  expect(probes.isClear(ip("0.0.0.7"), 999 * 10_000)).toBe(false);
  expect(probes.isClear(ipv4FromNumber(99_800), 999 * 10_000)).toBe(true);
});
