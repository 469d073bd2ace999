import type { IncomingMessage, ServerResponse } from "node:http";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Driver } from "../../src/cluster/driver.ts";
import { createDriver } from "../../src/cluster/drivers.ts";
import { judge } from "../../src/cluster/judge.ts";
import { observe, probeKey, roundTrip } from "../../src/cluster/observe.ts";
import { type Authority, createAuthority, listen } from "./authority.ts";

const node = (number: number) => ({
  name: `node0${number}`,
  fqdn: `node0${number}.example.com`,
  address: "127.0.0.1",
});
const never = new AbortController().signal;
const closers: (() => Promise<void>)[] = [];
let authority: Authority;

beforeAll(async () => {
  authority = await createAuthority("test CA");
});

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

type Routes = Readonly<Record<string, unknown>>;

async function driverTo(routes: Routes, layer: "chainfire" | "flaredb" = "chainfire") {
  const { port, close } = await listen(
    await authority.issue("node01.example.com"),
    (request: IncomingMessage, response: ServerResponse) => {
      const body = routes[`${request.method} ${request.url}`];
      if (body === undefined) response.writeHead(404).end();
      else response.end(JSON.stringify(body));
    },
  );
  closers.push(close);
  return createDriver(layer, { ca: () => authority.ca, ports: { port, raftPort: port + 1 } });
}

const member = (id: string, role: string) => ({
  id,
  raft_addr: "10.0.200.10:2380",
  status: "healthy",
  role,
  etcd_id: "ignored",
});
const one: Routes = {
  "GET /admin/cluster/members": { members: [member("node01", "leader")] },
  "GET /admin/cluster/leader": { id: "node01", term: 3 },
  "GET /health": { status: "healthy", raft: "leader", cluster_size: 1 },
};

describe("driver", () => {
  it("reads members, leader and health in the runbook's shapes", async () => {
    const driver = await driverTo(one);
    expect(await driver.members(node(1), never)).toEqual({
      ok: true,
      value: [{ id: "node01", raftAddress: "10.0.200.10:2380", status: "healthy", role: "leader" }],
    });
    expect(await driver.leader(node(1), never)).toEqual({
      ok: true,
      value: { id: "node01", term: 3 },
    });
    expect(await driver.health(node(1), never)).toEqual({
      ok: true,
      value: { status: "healthy", raft: "leader", clusterSize: 1, chainfire: undefined },
    });
  });

  it.each([{ id: null }, { id: "" }, {}])("reads %j as: there is no leader", async (body) => {
    const driver = await driverTo({ "GET /admin/cluster/leader": body });
    expect(await driver.leader(node(1), never)).toEqual({
      ok: true,
      value: { id: undefined, term: undefined },
    });
  });

  it("refuses a role it does not know, naming the value's place", async () => {
    const driver = await driverTo({
      "GET /admin/cluster/members": { members: [member("node01", "observer")] },
    });
    const answer = await driver.members(node(1), never);
    expect(answer.ok ? "" : answer.failed).toMatch(
      /\/admin\/cluster\/members answered another shape: members\.0\.role: /,
    );
  });

  it("refuses the value of another key", async () => {
    const driver = await driverTo({ "GET /v1/kv/a": { key: "b", value: "1" } });
    const answer = await driver.getKey(node(1), "a", never);
    expect(answer.ok ? "" : answer.failed).toMatch(/answered the key b for a$/);
  });
});

describe("observe", () => {
  it("collects all nodes at once and keeps the failure of one that can't be asked", async () => {
    const driver = await driverTo(one);
    const observations = await observe(driver, [node(1), node(2)], never);
    expect(observations.get("node01")).toMatchObject({ leader: { id: "node01", term: 3 } });
    expect(observations.get("node02")?.failure).toMatch(
      /shows a certificate for another name than node02\.example\.com$/,
    );
    const judgement = judge({ layer: "chainfire", expected: ["node01"], observations });
    expect(judgement.verdict).toBe("healthy");
  });
});

describe("roundTrip", () => {
  function scripted(reads: readonly string[], write = true): Driver {
    let next = 0;
    const unused = () => Promise.reject(new Error("not asked in this test"));
    return {
      layer: "flaredb",
      ...{ port: 2479, raftPort: 2480 },
      ...{ members: unused, leader: unused, health: unused, status: unused },
      ...{ addMember: unused, removeMember: unused, transferLeader: unused, snapshot: unused },
      putKey: async () =>
        write ? { ok: true, value: undefined } : { ok: false, failed: "down", silent: false },
      getKey: async (_, key) =>
        key === probeKey
          ? { ok: true, value: reads[Math.min(next++, reads.length - 1)] ?? "" }
          : { ok: false, failed: `asked for ${key}`, silent: false },
    };
  }
  const probe = (driver: Driver, pauses: number[] = []) => ({
    driver,
    leader: node(1),
    follower: node(2),
    value: "new",
    attempts: 3,
    pauseMs: 200,
    sleep: async (ms: number) => void pauses.push(ms),
  });

  it("reads until the follower shows the new value", async () => {
    const pauses: number[] = [];
    const answer = await roundTrip(probe(scripted(["old", "new"]), pauses), never);
    expect(answer).toEqual({ ok: true, value: { reads: 2 } });
    expect(pauses).toEqual([200]);
  });

  it("gives up after its last attempt without another pause", async () => {
    const pauses: number[] = [];
    const answer = await roundTrip(probe(scripted(["old"]), pauses), never);
    expect(answer).toEqual({
      ok: false,
      silent: false,
      failed:
        "flaredb: node02 does not show what was written on node01: it still shows an older value",
    });
    expect(pauses).toHaveLength(2);
  });

  it("does not read when the write failed", async () => {
    const answer = await roundTrip(probe(scripted([], false)), never);
    expect(answer).toMatchObject({
      ok: false,
      failed: "flaredb: the write on node01 failed: down",
    });
  });

  it("goes through a real member over HTTPS", async () => {
    let stored = "";
    const { port, close } = await listen(
      await authority.issue("node01.example.com"),
      (request, response) => {
        if (request.method === "GET") {
          response.end(JSON.stringify({ key: probeKey, value: stored }));
          return;
        }
        request.on("data", (chunk: Buffer) => {
          stored = (JSON.parse(chunk.toString()) as { value: string }).value;
          response.end("{}");
        });
      },
    );
    closers.push(close);
    const driver = createDriver("chainfire", {
      ca: () => authority.ca,
      ports: { port, raftPort: port + 1 },
    });
    const only = { ...probe(driver), follower: node(1) };
    expect(await roundTrip(only, never)).toEqual({ ok: true, value: { reads: 1 } });
  });
});
