import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { expect, onTestFinished, test, vi } from "vitest";
import { createApi } from "../../src/api/app.ts";
import type { ConsoleLine } from "../../src/api/console-shapes.ts";
import type { Rackstrap } from "../../src/api/service.ts";
import { BmcError } from "../../src/bmc/bmc.ts";
import { linesOf } from "../../src/cli/lines.ts";
import { Secret } from "../../src/net/secret.ts";
import type { ConsoleViewer } from "../../src/operations/shared-console.ts";
import { fakeRackstrap, probeView } from "./fake-rackstrap.ts";

const token = new Secret("a".repeat(43));
const headers = { authorization: `Bearer ${token.reveal()}` };

async function listen(changes: Partial<Rackstrap> = {}) {
  const app = createApi({ service: fakeRackstrap(changes), token, log: pino({ level: "silent" }) });
  await app.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(() => app.close());
  const { port } = app.server.address() as AddressInfo;
  const url = (path: string) => `http://127.0.0.1:${port}/api/nodes/node01${path}`;
  return { app, url };
}

async function* follow(response: Response): AsyncGenerator<ConsoleLine> {
  if (response.body === null) throw new Error("no body");
  for await (const line of linesOf(response.body)) yield JSON.parse(line) as ConsoleLine;
}

const base64 = (text: string) => Buffer.from(text).toString("base64");

test("a console is one line of JSON after the other: what was, how it stands, what comes", async () => {
  const { url } = await listen();
  const response = await fetch(url("/console"), { headers });
  expect(response.headers.get("content-type")).toBe("application/x-ndjson");
  const lines = follow(response);
  const next = async () => (await lines.next()).value as ConsoleLine;
  expect(await next()).toMatchObject({ kind: "recent", data: base64("last words\r\n") });
  expect(await next()).toMatchObject({ kind: "state", state: "open" });
  const body = JSON.stringify({ data: base64("root\r\xff") });
  const type = { "content-type": "application/json" };
  const typed = await fetch(url("/console"), {
    method: "POST",
    headers: { ...headers, ...type },
    body,
  });
  expect(await typed.json()).toEqual({ bytes: 7 });
  expect(await next()).toMatchObject({ kind: "output", data: base64("root\r\xff") });
});

test("who goes away leaves the console, and says why it is away as long as it looks", async () => {
  const leave = vi.fn();
  const viewers: ConsoleViewer[] = [];
  const joinConsole = vi.fn((_node: string, _take: boolean, viewer: ConsoleViewer) => {
    viewers.push(viewer);
    return { recent: Buffer.alloc(0), state: { kind: "connecting" as const }, leave };
  });
  const { url } = await listen({ joinConsole });
  const abort = new AbortController();
  const response = await fetch(url("/console?take=true"), { headers, signal: abort.signal });
  expect(joinConsole).toHaveBeenCalledWith("node01", true, expect.anything());
  const lines = follow(response);
  await lines.next();
  await lines.next();
  const away = { reason: "it is busy", failure: "busy", retryMs: 1000 } as const;
  viewers[0]?.changed({ kind: "away", ...away });
  expect((await lines.next()).value).toMatchObject({ kind: "state", state: "away", ...away });
  abort.abort();
  await vi.waitUntil(() => leave.mock.calls.length > 0);
});

test("a reader that reads nothing is cut off before it fills the memory", async () => {
  const leave = vi.fn();
  const viewers: ConsoleViewer[] = [];
  const { url } = await listen({
    joinConsole: (_node, _take, viewer) => {
      viewers.push(viewer);
      return { recent: Buffer.alloc(0), state: { kind: "open" }, leave };
    },
  });
  const response = await fetch(url("/console"), { headers });
  for (let chunk = 0; chunk < 400; chunk += 1) {
    viewers[0]?.printed(Buffer.alloc(64 * 1024));
    if (chunk % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await vi.waitUntil(() => leave.mock.calls.length > 0);
  await response.body?.cancel().catch(() => undefined);
});

test.each<["GET" | "POST" | "DELETE", string, unknown, number]>([
  ["GET", "/api/nodes/node09/console", undefined, 404],
  ["GET", "/api/nodes/node09/console/log", undefined, 404],
  ["GET", "/api/nodes/node01/console?take=yes", undefined, 400],
  ["POST", "/api/nodes/node01/console", { data: "not base64!" }, 400],
  ["POST", "/api/nodes/node01/console", { data: "A".repeat(10_000) }, 400],
  ["POST", "/api/nodes/node01/console", { break: false }, 400],
  ["POST", "/api/nodes/node01/console", { break: true }, 200],
  ["POST", "/api/bmc/probe", { target: "10.0.10.0/24" }, 200],
  ["POST", "/api/bmc/probe", { target: "" }, 400],
  ["POST", "/api/bmc/probe", { target: "node01", passwords: ["x"] }, 400],
  ["POST", "/api/nodes/node01/bmc/identify", { seconds: 256 }, 400],
  ["POST", "/api/nodes/node01/bmc/identify", { seconds: 5 }, 200],
  ["POST", "/api/nodes/node01/bmc/password", { password: "" }, 400],
  ["POST", "/api/nodes/node01/bmc/password", { password: "new" }, 200],
  ["GET", "/api/nodes/node01/bmc", undefined, 200],
  ["GET", "/api/nodes/node01/bmc/sensors", undefined, 200],
  ["GET", "/api/nodes/node01/bmc/events", undefined, 200],
  ["DELETE", "/api/nodes/node01/bmc/events", undefined, 200],
])(
  "%s %s with %j is answered with %i, and without the token with 401",
  async (method, url, payload, status) => {
    const { app } = await listen();
    const body = payload === undefined ? {} : { payload: payload as object };
    expect((await app.inject({ method, url, headers, ...body })).statusCode).toBe(status);
    expect((await app.inject({ method, url, ...body })).statusCode).toBe(401);
  },
);

test("a probe goes out as it was found", async () => {
  const { app } = await listen();
  const payload = { target: "node01" };
  const answer = await app.inject({ method: "POST", url: "/api/bmc/probe", headers, payload });
  expect(answer.json()).toEqual({ probes: [probeView] });
});

test.each([
  ["busy", 409],
  ["unreachable", 502],
  ["unsupported", 502],
] as const)("a BMC's %s is answered with %i and its own words", async (kind, status) => {
  const { app } = await listen({
    bmcSensors: async () => {
      throw new BmcError(kind, "BMC 10.0.10.50: no");
    },
  });
  const answer = await app.inject({ method: "GET", url: "/api/nodes/node01/bmc/sensors", headers });
  expect(answer.statusCode).toBe(status);
  expect(answer.json()).toEqual({ error: { message: "BMC 10.0.10.50: no" } });
});
