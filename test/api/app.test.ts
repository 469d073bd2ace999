import { Writable } from "node:stream";
import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { createApi } from "../../src/api/app.ts";
import { type Rackstrap, Refusal } from "../../src/api/service.ts";
import { Secret } from "../../src/net/secret.ts";
import {
  diagnosisView,
  fakeRackstrap,
  nodeView,
  operationView,
  planView,
  powerJobView,
  startMs,
} from "./fake-rackstrap.ts";

const token = new Secret("a".repeat(43));
const authorization = `Bearer ${token.reveal()}`;

function api(changes: Partial<Rackstrap> = {}) {
  const lines: string[] = [];
  const sink = new Writable({
    write: (chunk: Buffer, _, done) => {
      lines.push(chunk.toString());
      done();
    },
  });
  const app = createApi({ service: fakeRackstrap(changes), token, log: pino(sink) });
  const ask = (method: "GET" | "POST", url: string, payload?: unknown) =>
    app.inject({
      method,
      url,
      headers: { authorization },
      ...(payload === undefined ? {} : { payload: payload as object }),
    });
  return { app, ask, lines };
}

describe("the token", () => {
  const right = token.reveal();
  it.each([
    ["no header", undefined],
    ["a wrong token", `Bearer ${"b".repeat(43)}`],
    ["a token that is a beginning of the right one", `Bearer ${right.slice(0, 42)}`],
    ["a token with the right one inside", `Bearer ${right}a`],
    ["another scheme", `Basic ${right}`],
    ["the bare token", right],
  ])("refuses %s", async (_, header) => {
    const { app, lines } = api();
    const headers = header === undefined ? {} : { authorization: header };
    const answer = await app.inject({ method: "GET", url: "/api/nodes", headers });
    expect(answer.statusCode).toBe(401);
    expect(answer.headers["www-authenticate"]).toBe("Bearer");
    expect(answer.json()).toEqual({
      error: {
        message: "the API token is missing or wrong",
        next: "name the server's file with --token-file",
      },
    });
    expect(lines.join("")).not.toContain(right);
  });

  it("is asked for before anything is said about which paths exist", async () => {
    const { app } = api();
    expect((await app.inject({ method: "GET", url: "/nothing" })).statusCode).toBe(401);
    expect((await app.inject({ method: "POST", url: "/api/operations" })).statusCode).toBe(401);
    expect((await app.inject({ method: "GET", url: "/metrics" })).statusCode).toBe(401);
  });
});

it("gives its figures as text for Prometheus", async () => {
  const answer = await api().ask("GET", "/metrics");
  expect(answer.headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect(answer.body).toContain('rackstrap_dhcp_events_total{kind="dhcp-offered"} 3\n');
});

describe("reading", () => {
  it.each<[string, unknown]>([
    ["/api/nodes", { nodes: fakeRackstrap().nodes() }],
    ["/api/operations", { operations: [operationView("node01")] }],
    ["/api/operations/op-node02", operationView("node02")],
    ["/api/power", { jobs: [powerJobView("on", ["node01"])] }],
    ["/api/power/job-1", powerJobView("on", ["node01"])],
    [
      "/api/render/node01/boot.ipxe",
      { node: "node01", stage: "boot.ipxe", text: "#!ipxe\nexit\n" },
    ],
    [
      "/api/check",
      {
        checks: [{ area: "boot-server", title: "service dhcp", level: "ok", detail: "running" }],
      },
    ],
    ["/api/events?after=7", { events: [] }],
    ["/api/diagnose/node01", diagnosisView("node01")],
  ])("GET %s gives the service's answer", async (url, expected) => {
    const answer = await api().ask("GET", url);
    expect(answer.statusCode).toBe(200);
    expect(answer.headers["cache-control"]).toBe("no-store");
    expect(answer.json()).toEqual(expected);
  });

  it.each([
    "/api/discovered",
    "/api/discovered/52:54:00:aa:bb:cc",
    "/api/cluster",
    "/api/cluster/formation",
    "/api/events",
    "/api/nodes/node01/events?after=3&limit=5",
    "/api/explain/52:54:00:12:34:56",
  ])("GET %s answers", async (url) => {
    expect((await api().ask("GET", url)).statusCode).toBe(200);
  });

  it("hands the event query on, with its default limit", async () => {
    const asked: unknown[] = [];
    const { ask } = api({
      events: (query) => {
        asked.push(query);
        return [];
      },
    });
    await ask("GET", "/api/events?after=12&limit=3");
    await ask("GET", "/api/events");
    expect(asked).toEqual([
      { afterId: 12, limit: 3 },
      { afterId: undefined, limit: 200 },
    ]);
  });

  it("cuts fields that are not in the shape", async () => {
    const leaky = { ...nodeView("node01"), bmc: { password: "canary" } };
    const answer = await api({ nodes: () => [leaky] }).ask("GET", "/api/nodes");
    expect(answer.json()).toEqual({ nodes: [nodeView("node01")] });
  });
});

describe("acting", () => {
  it("POST /api/power answers 202 with the job, and hands on what was asked", async () => {
    const asked: unknown[] = [];
    const { ask } = api({
      power: async (request) => {
        asked.push(request);
        return powerJobView("off", request.nodes);
      },
    });
    const body = { action: "off", nodes: ["node01", "node02"] };
    const answer = await ask("POST", "/api/power", body);
    expect(answer.statusCode).toBe(202);
    expect(answer.json()).toEqual(powerJobView("off", ["node01", "node02"]));
    expect(asked).toEqual([{ ...body, despiteOperations: false, despiteQuorum: false }]);
  });

  it("POST /api/power/plan answers without an id", async () => {
    const body = { action: "on", nodes: ["node01"] };
    const answer = await api().ask("POST", "/api/power/plan", body);
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({
      action: "on",
      createdAtMs: startMs,
      tasks: [{ ...powerJobView("on", ["node01"]).tasks[0], status: "waiting" }],
    });
  });

  it("POST cancel answers 202 with the power job", async () => {
    const answer = await api().ask("POST", "/api/power/job-1/cancel");
    expect(answer.statusCode).toBe(202);
    expect(answer.json()).toMatchObject({ id: "job-1" });
  });
});

describe("orders", () => {
  const order = { verb: "provision", nodes: ["node01"] };

  it("POST /api/operations answers 202 with the operations", async () => {
    const answer = await api().ask("POST", "/api/operations", order);
    expect(answer.statusCode).toBe(202);
    expect(answer.json()).toEqual({ operations: [operationView("node01")] });
  });

  it("POST /api/plans answers 200 with what the order would do", async () => {
    const answer = await api().ask("POST", "/api/plans", order);
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual(planView({ verb: "provision", nodes: ["node01"] }));
  });

  it("POST resume answers 202 with the operation", async () => {
    const answer = await api().ask("POST", "/api/operations/op-node01/resume");
    expect(answer.statusCode).toBe(202);
    expect(answer.json()).toMatchObject({ id: "op-node01" });
  });

  it("POST cancel answers 202 with the operation", async () => {
    const answer = await api().ask("POST", "/api/operations/op-node01/cancel");
    expect(answer.statusCode).toBe(202);
    expect(answer.json()).toMatchObject({ id: "op-node01", createdAtMs: startMs });
  });

  it.each<[string, string, unknown, RegExp]>([
    ["a misspelt key", "/api/operations", { verb: "drain", nodes: ["node01"], forse: [] }, /forse/],
    ["no nodes", "/api/plans", { verb: "drain" }, /^nodes: /],
    ["an unknown verb", "/api/operations", { verb: "explode", nodes: [] }, /^verb: /],
    [
      "a node named twice",
      "/api/plans",
      { verb: "drain", nodes: ["a", "a"] },
      /^nodes: a name stands/,
    ],
    ["an unknown action", "/api/power", { action: "explode", nodes: ["a"] }, /^action: /],
    ["a body that is no object", "/api/power", ["on"], /object/],
  ])("refuses %s with 400 and the place", async (_, url, body, message) => {
    const answer = await api().ask("POST", url, body);
    expect(answer.statusCode).toBe(400);
    expect(answer.json().error.message).toMatch(message);
  });

  it.each([
    ["broken JSON", "application/json", "{", 400],
    ["another content type", "application/xml", "<a/>", 415],
    ["a body over the limit", "application/json", JSON.stringify("x".repeat(70_000)), 413],
  ])("refuses %s", async (_, type, payload, status) => {
    const answer = await api().app.inject({
      method: "POST",
      url: "/api/power",
      headers: { authorization, "content-type": type },
      payload,
    });
    expect(answer.statusCode).toBe(status);
    expect(answer.json()).toEqual({ error: { message: expect.any(String) } });
  });

  it.each(["limit=0", "limit=1001", "limit=x", "all=1"])(
    "refuses the operations query %s",
    async (query) => {
      expect((await api().ask("GET", `/api/operations?${query}`)).statusCode).toBe(400);
    },
  );

  it.each(["after=-1", "after=x", "limit=0", "limit=1001", "since=1"])(
    "refuses the event query %s",
    async (query) => {
      expect((await api().ask("GET", `/api/events?${query}`)).statusCode).toBe(400);
    },
  );
});

describe("what can't be answered", () => {
  it.each<[string, "GET" | "POST", string, unknown, number, string]>([
    ["an unknown node", "GET", "/api/nodes/node09/events", undefined, 404, "no node node09"],
    ["an unknown operation", "GET", "/api/operations/op-x", undefined, 404, "no node x"],
    ["an unknown power job", "GET", "/api/power/job-9", undefined, 404, "no power job job-9"],
    [
      "a busy node",
      "POST",
      "/api/operations",
      { verb: "provision", nodes: ["node03"] },
      409,
      "node node03 is busy",
    ],
    ["an unknown path", "GET", "/api/nothing?x=1", undefined, 404, "there is no GET /api/nothing"],
    ["a wrong method", "POST", "/api/nodes", undefined, 404, "there is no POST /api/nodes"],
  ])("says so for %s", async (_, method, url, body, status, message) => {
    const answer = await api().ask(method, url, body);
    expect(answer.statusCode).toBe(status);
    expect(answer.json().error.message).toBe(message);
  });

  it("gives the next thing to do with a refusal", async () => {
    const cluster = () =>
      Promise.reject(new Refusal("conflict", "no cluster yet", "provision one"));
    const answer = await api({ cluster }).ask("GET", "/api/cluster");
    expect(answer.json()).toEqual({ error: { message: "no cluster yet", next: "provision one" } });
  });

  it.each<[string, Partial<Rackstrap>]>([
    [
      "a store that fails",
      {
        nodes: () => {
          throw new Error("database disk image is malformed");
        },
      },
    ],
    [
      "an answer that does not fit its shape",
      { nodes: () => [{ ...nodeView("node01"), sinceMs: Number.NaN }] },
    ],
  ])("answers %s with 500, logs it, and tells nothing internal", async (_, changes) => {
    const { ask, lines } = api(changes);
    const answer = await ask("GET", "/api/nodes");
    expect(answer.statusCode).toBe(500);
    expect(answer.json()).toEqual({
      error: { message: "the server failed on this request", next: "read the server's log" },
    });
    expect(lines.join("")).toContain("api request failed");
  });
});
