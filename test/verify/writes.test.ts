import { expect, test } from "vitest";
import { failure, success } from "../../src/cluster/client.ts";
import type { Probes } from "../../src/verify/probes.ts";
import { checkRoundTrips } from "../../src/verify/round-trip.ts";
import { checkSmoke } from "../../src/verify/smoke.ts";
import {
  answered,
  dead,
  never,
  observation,
  probes,
  refused,
  scope,
  shown,
  site,
} from "./fake-probes.ts";

const down = { node01: dead, node02: dead, node03: dead };

test("a write on the leader is read on a follower of each layer", async () => {
  const asked: unknown[] = [];
  const roundTrip: Probes["roundTrip"] = async (...[layer, leader, follower]) => {
    asked.push([layer, leader, follower]);
    return success({ reads: 1 });
  };
  expect(shown(await checkRoundTrips(scope(), probes({ roundTrip }), never))).toEqual([
    "ok chainfire: written on node01, read on node02, 0 ms",
    "ok flaredb: written on node01, read on node02, 0 ms",
  ]);
  expect(asked).toEqual([
    ["chainfire", "node01", "node02"],
    ["flaredb", "node01", "node02"],
  ]);
});

test("the only voter reads its own write", async () => {
  const alone = observation("node01");
  const seen = { ...alone, members: (alone.members ?? []).slice(0, 1) };
  const [line] = await checkRoundTrips(scope(site(), { ...down, node01: seen }), probes(), never);
  expect(line?.detail).toBe("written on node01, read on node01, 0 ms");
});

test.each<[string, Parameters<typeof scope>[1], Partial<Probes>, string]>([
  [
    "nobody leads",
    down,
    {},
    "error chainfire: not tried: there is no leader that all members agree on",
  ],
  [
    "no follower is healthy",
    { node02: dead, node03: dead },
    {},
    "error chainfire: not tried: there is no healthy follower to read from",
  ],
  [
    "the value does not show",
    {},
    { roundTrip: async () => failure("chainfire: node02 does not show it") },
    "error chainfire: chainfire: node02 does not show it",
  ],
])("a round trip, when %s, is told: %s", async (_, seen, changes, expected) => {
  const [line] = await checkRoundTrips(scope(site(), seen), probes(changes), never);
  expect(line && shown([line])).toEqual([expected]);
  expect(line?.next).toBeDefined();
});

test("a thousand writes of one key go to the leader, and a point is found again", async () => {
  const written: string[] = [];
  const wells = probes();
  const putKey: Probes["putKey"] = async (...given) => {
    const [layer, node, key] = given;
    written.push(`${layer} ${node.name} ${key}`);
    return await wells.putKey(...given);
  };
  expect(shown(await checkSmoke(scope(), { ...wells, putKey }, never))).toEqual([
    "ok chainfire writes: 1000 in 4.0 s, one after the other over one connection; p99 4.0 ms, most 4.0 ms",
    "ok flaredb query: node01 wrote a point and found it in 4.0 ms",
  ]);
  expect(written).toHaveLength(1000);
  expect([...new Set(written)]).toEqual(["chainfire node01 rackstrap-smoke"]);
});

test("writes that take more than ten seconds are stopped there and counted", async () => {
  const [line] = await checkSmoke(scope(), probes({}, 12.5), never);
  expect(line && shown([line])).toEqual([
    "error chainfire writes: 800 of 1000 writes in 10 s, one after the other",
  ]);
});

test("a write that fails is told with its number", async () => {
  let count = 0;
  const putKey: Probes["putKey"] = async () => (++count === 5 ? refused : success(undefined));
  const [line] = await checkSmoke(scope(), probes({ putKey }), never);
  expect(line && shown([line])).toEqual([
    "error chainfire writes: write 5 of 1000 failed: 10.0.200.10:2379 refuses the connection",
  ]);
});

test("nothing is written where nobody leads", async () => {
  const refuse = async () => Promise.reject(new Error("was asked"));
  const lines = await checkSmoke(
    scope(site(), down),
    probes({ putKey: refuse, ask: refuse }),
    never,
  );
  expect(shown(lines)).toEqual([
    "error chainfire writes: not tried: there is no leader that all members agree on",
    "error flaredb query: not tried: there is no leader that all members agree on",
  ]);
});

const asking =
  (write: ReturnType<typeof answered>, query = write): Probes["ask"] =>
  async (_node, { path }) =>
    path === "/v1/write" ? write : query;

test.each<[string, Probes["ask"], string]>([
  [
    "has no such path",
    asking(answered(undefined, 404)),
    "warning flaredb query: not tried: FlareDB on node01 has no POST /v1/write (HTTP 404)",
  ],
  [
    "can write and not query",
    asking(answered({}), answered(undefined, 404)),
    "warning flaredb query: not tried: FlareDB on node01 has no POST /v1/query (HTTP 404)",
  ],
  [
    "fails",
    asking(answered({}), answered(undefined, 500)),
    "error flaredb query: POST /v1/query on node01 answers HTTP 500",
  ],
  [
    "is silent",
    async () => ({ kind: "failed", why: "10.0.200.10:2479 cut the connection" }),
    "error flaredb query: 10.0.200.10:2479 cut the connection",
  ],
  [
    "forgets",
    asking(answered({}), answered({ result: [] })),
    "error flaredb query: node01 answers without the point that was written",
  ],
  [
    "is slow",
    asking(answered({}), answered({ data: { points: [[1, 42]] } }, 200, 100)),
    "error flaredb query: node01 wrote a point and found it in 100 ms; 100 ms is the limit",
  ],
  [
    "is just in time",
    asking(answered({}), answered("42", 200, 99.4)),
    "ok flaredb query: node01 wrote a point and found it in 99 ms",
  ],
])("a FlareDB that %s is told", async (_, ask, expected) => {
  const lines = await checkSmoke(scope(), probes({ ask }), never);
  expect(shown(lines)[1]).toBe(expected);
});

test("the query names the metric and the second that were written", async () => {
  const bodies: unknown[] = [];
  const ask: Probes["ask"] = async (_node, { path, body }) => {
    bodies.push([path, body]);
    return answered({ value: 42 });
  };
  await checkSmoke(scope(), probes({ ask }), never);
  const timestamp = Date.UTC(2026, 0, 1) / 1000;
  expect(bodies).toEqual([
    ["/v1/write", { metric: "rackstrap_smoke", value: 42, timestamp }],
    ["/v1/query", { query: "rackstrap_smoke", time: timestamp }],
  ]);
});
