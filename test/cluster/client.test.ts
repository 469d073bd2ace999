import type { RequestListener } from "node:http";
import { Agent, createServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  type Answer,
  type BodyStream,
  exchangeJson,
  exchangeStream,
  type Limits,
  type StreamLimits,
} from "../../src/cluster/client.ts";
import { type Authority, createAuthority, listen } from "./authority.ts";

const name = "node01.example.com";
const limits: Limits = { timeoutMs: 2000, maxBodyBytes: 1000 };
const agent = new Agent();
const never = new AbortController().signal;
const closers: (() => Promise<void>)[] = [];
let authority: Authority;

beforeAll(async () => {
  authority = await createAuthority("test CA");
});

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function member(listener: RequestListener, identity?: { cert: string; key: string }) {
  const { port, close } = await listen(identity ?? (await authority.issue(name)), listener);
  closers.push(close);
  return { address: "127.0.0.1", port, servername: name, ca: authority.ca, agent };
}

function reason(answer: Answer<unknown>): string {
  return answer.ok ? "no failure" : answer.failed.replace(/^127\.0\.0\.1:\d+ /, "");
}

const get = { method: "GET", path: "/health" } as const;

describe("exchangeJson", () => {
  it("reads the JSON of a member that proves its name", async () => {
    const target = await member((request, response) =>
      response.end(JSON.stringify({ path: request.url, host: request.headers.host })),
    );
    expect(await exchangeJson(target, get, limits, never)).toEqual({
      ok: true,
      value: { path: "/health", host: `${name}:${target.port}` },
    });
  });

  it("sends a JSON body and takes an empty answer", async () => {
    let received = "";
    const target = await member((request, response) => {
      request.on("data", (chunk: Buffer) => {
        received += chunk.toString();
      });
      request.on("end", () => response.writeHead(204).end());
    });
    const put = { method: "PUT", path: "/v1/kv/a", body: { value: "é" } } as const;
    expect(await exchangeJson(target, put, limits, never)).toEqual({ ok: true, value: undefined });
    expect(received).toBe('{"value":"é"}');
  });

  it("refuses a certificate for another name", async () => {
    const target = await member(
      (_, response) => response.end("{}"),
      await authority.issue("node02.example.com"),
    );
    expect(reason(await exchangeJson(target, get, limits, never))).toBe(
      "shows a certificate for another name than node01.example.com",
    );
  });

  it("refuses a certificate of another authority, even where TLS checks are switched off", async () => {
    const stranger = await createAuthority("another CA");
    const target = await member((_, response) => response.end("{}"), await stranger.issue(name));
    const before = process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
    try {
      expect(reason(await exchangeJson(target, get, limits, never))).toBe(
        "shows a certificate that the cluster CA did not sign",
      );
    } finally {
      if (before === undefined) delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
      else process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = before;
    }
  });

  it.each([
    ["that has expired", { from: -7_200_000, to: -3_600_000 }],
    ["that is not valid yet: compare the clocks", { from: 3_600_000, to: 7_200_000 }],
  ])("refuses a certificate %s", async (what, validity) => {
    const target = await member(
      (_, response) => response.end("{}"),
      await authority.issue(name, validity),
    );
    expect(reason(await exchangeJson(target, get, limits, never))).toBe(
      `shows a certificate ${what}`,
    );
  });
});

describe("a kept connection", () => {
  it("takes a machine that vanished behind a kept connection for silent, and one that hangs there not", async () => {
    const kept = new Agent({ keepAlive: true });
    const { cert, key } = await authority.issue(name);
    const server = createServer({ cert, key }, (request, response) => {
      if (request.url === "/first") response.end("{}");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closers.push(async () => {
      kept.destroy();
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const target = {
      ...{ address: "127.0.0.1", port, servername: name, ca: authority.ca, agent: kept },
    };
    const ask = async (path: string) =>
      await exchangeJson(target, { method: "GET", path }, { ...limits, timeoutMs: 150 }, never);
    expect(await ask("/first")).toMatchObject({ ok: true });
    expect(await ask("/hangs")).toMatchObject({ ok: false, silent: false });
    expect(await ask("/first")).toMatchObject({ ok: true });
    // As a machine without power: nobody takes a new connection, and nothing is heard on the old one.
    server.closeIdleConnections = () => undefined;
    server.close();
    expect(await ask("/vanished")).toMatchObject({ ok: false, silent: true });
  });
});

describe("the limits of exchangeJson", () => {
  it("gives up on a member that never answers", async () => {
    const target = await member(() => {});
    const answer = await exchangeJson(target, get, { ...limits, timeoutMs: 150 }, never);
    expect(reason(answer)).toBe("did not answer within 150 ms");
  });

  it("gives up on a member that stops in the middle of its answer", async () => {
    const target = await member((_, response) => response.write('{"status":'));
    const answer = await exchangeJson(target, get, { ...limits, timeoutMs: 150 }, never);
    expect(reason(answer)).toBe("did not answer within 150 ms");
  });

  it("gives up on a listener that never starts TLS", async () => {
    const server = createTcpServer((socket) => socket.resume());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const target = { address: "127.0.0.1", port, servername: name, ca: authority.ca, agent };
    const answer = await exchangeJson(target, get, { ...limits, timeoutMs: 150 }, never);
    expect(reason(answer)).toBe("did not answer within 150 ms");
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });

  it("cuts an answer without end at its limit", async () => {
    const target = await member((_, response) => {
      const more = () => {
        while (response.write("x".repeat(10_000)));
      };
      response.on("drain", more);
      more();
    });
    expect(reason(await exchangeJson(target, get, limits, never))).toBe(
      "answered more than 1000 bytes",
    );
  });

  it("keeps no listener on a connection that it uses again and again", async () => {
    const keeping = new Agent({ keepAlive: true, maxSockets: 1 });
    const target = { ...(await member((_, response) => response.end("{}"))), agent: keeping };
    const warnings: Error[] = [];
    const note = (warning: Error) => warnings.push(warning);
    process.on("warning", note);
    for (let asked = 0; asked < 15; asked++) await exchangeJson(target, get, limits, never);
    await Promise.all(Array.from({ length: 15 }, () => exchangeJson(target, get, limits, never)));
    process.off("warning", note);
    keeping.destroy();
    expect(warnings).toEqual([]);
  });

  it("stops when the caller aborts", async () => {
    const abort = new AbortController();
    const target = await member(() => abort.abort());
    expect(reason(await exchangeJson(target, get, limits, abort.signal))).toBe(
      "was no longer asked: the request was cancelled",
    );
  });
});

describe("exchangeStream", () => {
  const bounds: StreamLimits = { idleMs: 150, maxBytes: 1000 };
  const count = async ({ chunks }: BodyStream): Promise<Answer<number>> => {
    let size = 0;
    for await (const chunk of chunks) size += chunk.length;
    return { ok: true, value: size };
  };

  it("goes on as long as octets arrive", async () => {
    const target = await member((_, response) => {
      let left = 4;
      const timer = setInterval(() => {
        response.write("x");
        if (--left > 0) return;
        clearInterval(timer);
        response.end();
      }, 400);
    });
    const patient = { ...bounds, idleMs: 1200 };
    expect(await exchangeStream(target, get, patient, count, never)).toEqual({
      ok: true,
      value: 4,
    });
  });

  it.each<[string, RequestListener, string]>([
    ["falls silent", (_, response) => response.write("x"), "did not answer within 150 ms"],
    [
      "has no end",
      (_, response) => response.end("x".repeat(2000)),
      "failed: it sends more than 1000 bytes",
    ],
  ])("gives up on a stream that %s", async (_, listener, expected) => {
    const answer = await exchangeStream(await member(listener), get, bounds, count, never);
    expect(reason(answer)).toBe(expected);
  });

  it("does not wait for what its reader leaves", async () => {
    const target = await member((_, response) => response.write("x"));
    const read = async (): Promise<Answer<string>> => ({ ok: true, value: "enough" });
    const started = performance.now();
    expect(await exchangeStream(target, get, { ...bounds, idleMs: 5000 }, read, never)).toEqual({
      ok: true,
      value: "enough",
    });
    expect(performance.now() - started).toBeLessThan(4000);
  });
});

describe("the reasons of exchangeJson", () => {
  it.each<[string, RequestListener, string]>([
    [
      "a redirect",
      (_, response) => response.writeHead(302, { location: "/elsewhere" }).end(),
      "answered HTTP 302",
    ],
    [
      "an error, with its first words made printable",
      (_, response) => response.writeHead(503).end('{"error":"no leader"}\u001b[31m\n'),
      'answered HTTP 503: {"error":"no leader"} [31m',
    ],
    [
      "a body that is not JSON",
      (_, response) => response.end("<html>"),
      "answered something that is not JSON: <html>",
    ],
    ["a cut connection", (request) => request.socket.destroy(), "cut the connection"],
  ])("reports %s", async (_, listener, expected) => {
    expect(reason(await exchangeJson(await member(listener), get, limits, never))).toBe(expected);
  });

  it("reports a port where nothing listens", async () => {
    const target = await member(() => {});
    for (const close of closers.splice(0)) await close();
    expect(reason(await exchangeJson(target, get, limits, never))).toBe(
      "refuses the connection: nothing listens there",
    );
  });
});
