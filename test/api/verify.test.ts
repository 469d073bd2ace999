import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { expect, test, vi } from "vitest";
import { createApi } from "../../src/api/app.ts";
import { Secret } from "../../src/net/secret.ts";
import { fakeRackstrap } from "./fake-rackstrap.ts";

const authorization = "Bearer secret";

function api(changes = {}) {
  const log = pino({ level: "silent" });
  return createApi({ service: fakeRackstrap(changes), token: new Secret("secret"), log });
}

test("each area is one line of JSON", async () => {
  const app = api();
  const headers = { authorization };
  const answer = await app.inject({
    method: "POST",
    url: "/api/verify",
    headers,
    payload: { only: "kv" },
  });
  expect(answer.headers["content-type"]).toBe("application/x-ndjson");
  const line = { area: "kv", title: "node01", level: "ok", detail: "well" };
  expect(answer.body).toBe(`${JSON.stringify({ area: "kv", lines: [line], tookMs: 12 })}\n`);
});

test("while nothing is known yet the answer has a space every 20 s, in front of the next line", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const report = { area: "links", lines: [], tookMs: 45_000 };
  const app = api({
    verify: async function* () {
      await vi.advanceTimersByTimeAsync(45_000);
      yield report;
    },
  });
  try {
    const headers = { authorization };
    const answer = await app.inject({ method: "POST", url: "/api/verify", headers, payload: {} });
    expect(answer.body).toBe(`  ${JSON.stringify(report)}\n`);
  } finally {
    vi.useRealTimers();
  }
});

test.each([
  [{ only: "nothing" }, 400],
  [{ area: "kv" }, 400],
])("a request like %j is refused", async (payload, status) => {
  const headers = { authorization };
  const answer = await api().inject({ method: "POST", url: "/api/verify", headers, payload });
  expect(answer.statusCode).toBe(status);
});

test("a reader that goes away ends the checks", async () => {
  const ended = Promise.withResolvers<void>();
  const app = api({
    verify: async function* (_request: unknown, signal: AbortSignal) {
      yield { area: "services", lines: [], tookMs: 1 };
      await once(signal, "abort");
      ended.resolve();
    },
  });
  await app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const reading = new AbortController();
  const response = await fetch(`http://127.0.0.1:${port}/api/verify`, {
    ...{ method: "POST", body: "{}", signal: reading.signal },
    headers: { authorization, "content-type": "application/json" },
  });
  expect(response.status).toBe(200);
  reading.abort();
  await ended.promise;
  await app.close();
});
