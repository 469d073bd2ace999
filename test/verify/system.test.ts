// The real probes against stand-ins on loopback that show certificates of a throw-away authority.

import { createSocket } from "node:dgram";
import type { RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeAll, expect, test } from "vitest";
import { createDriver } from "../../src/cluster/drivers.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { Secret } from "../../src/net/secret.ts";
import { judgeShown } from "../../src/verify/shown.ts";
import { createSystemProbes } from "../../src/verify/system.ts";
import { type Authority, createAuthority, listen } from "../cluster/authority.ts";
import { never, nodeOf, site } from "./fake-probes.ts";

const name = "node01.example.com";
const closers: (() => void | Promise<void>)[] = [];
let authority: Authority;

beforeAll(async () => {
  authority = await createAuthority("test CA");
});

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function service(listener: RequestListener, identity?: { cert: string; key: string }) {
  const { port, close } = await listen(identity ?? (await authority.issue(name)), listener);
  closers.push(close);
  return port;
}

const get = (port: number) => ({ port, method: "GET", path: "/health" }) as const;

test("an answer comes with its status and its time, whatever the status", async () => {
  const port = await service((_, response) => response.writeHead(503).end('{"status":"degraded"}'));
  expect(await systemProbes().ask(onLoopback, get(port), never)).toEqual({
    ...{ kind: "answered", status: 503, body: { status: "degraded" } },
    tookMs: expect.any(Number),
  });
});

test("what is no JSON is no answer", async () => {
  const port = await service((_, response) => response.end("<html>"));
  expect(await systemProbes().ask(onLoopback, get(port), never)).toEqual({
    ...{ kind: "failed", why: `127.0.0.1:${port} answered something that is not JSON: <html>` },
  });
});

test("a body and a token go along, over one connection", async () => {
  const seen: unknown[] = [];
  const port = await service((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on("end", () => {
      seen.push([request.method, request.headers.authorization, body, request.socket.remotePort]);
      response.end("{}");
    });
  });
  const { ask } = systemProbes();
  const bearer = new Secret("opensesame");
  await ask(
    onLoopback,
    { port, method: "POST", path: "/v1/write", body: { value: 1 }, bearer },
    never,
  );
  await ask(onLoopback, get(port), never);
  const [[, , , first] = [], [, , , second] = []] = seen as unknown[][];
  expect(seen).toEqual([
    ["POST", "Bearer opensesame", '{"value":1}', first],
    ["GET", undefined, "", first],
  ]);
  expect(second).toBe(first);
});

test.each<[string, RequestListener, RegExp]>([
  [
    "a redirect is no answer to follow",
    (_, response) => response.writeHead(302, { location: "/x" }).end(),
    /^302$/,
  ],
  ["a cut connection", (request) => request.socket.destroy(), / cut the connection$/],
  [
    "a body without end",
    (_, response) => response.end("x".repeat(1024 * 1024 + 1)),
    / more than 1048576 bytes$/,
  ],
])("%s is told", async (_, listener, expected) => {
  const port = await service(listener);
  const answer = await systemProbes().ask(onLoopback, get(port), never);
  expect(answer.kind === "failed" ? answer.why : `${answer.status}`).toMatch(expected);
});

test("another name and another authority are refused, even where TLS checks are switched off", async () => {
  const stranger = await createAuthority("another CA");
  const wrongName = await service(() => undefined, await authority.issue("node02.example.com"));
  const wrongCa = await service(() => undefined, await stranger.issue(name));
  const before = process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
  process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
  try {
    expect(await systemProbes().ask(onLoopback, get(wrongName), never)).toMatchObject({
      why: expect.stringMatching(/ shows a certificate for another name than node01.example.com$/),
    });
    expect(await systemProbes().ask(onLoopback, get(wrongCa), never)).toMatchObject({
      why: expect.stringMatching(/ shows a certificate that the cluster CA did not sign$/),
    });
  } finally {
    if (before === undefined) delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    else process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = before;
  }
});

const hourMs = 3_600_000;

test.each<[string, () => Promise<{ cert: string; key: string }>, object]>([
  [
    "in order",
    () => authority.issue(name),
    { chainFault: undefined, namesNode: true, names: `DNS:${name}` },
  ],
  [
    "that has ended",
    () => authority.issue(name, { from: -2 * hourMs, to: -hourMs }),
    { chainFault: undefined, namesNode: true },
  ],
  [
    "for another node",
    () => authority.issue("node02.example.com"),
    { chainFault: undefined, namesNode: false },
  ],
  [
    "of another CA",
    async () => (await createAuthority("another CA")).issue(name),
    { chainFault: expect.stringMatching(/^[A-Z_]+$/), namesNode: true },
  ],
])("a certificate %s is described", async (_, identity, expected) => {
  const port = await service(() => undefined, await identity());
  const query = { address: "127.0.0.1", port, servername: name, ca: authority.ca, timeoutMs: 2000 };
  const shown = await judgeShown(query, never);
  expect(shown).toMatchObject({ kind: "shown", ...expected });
  expect(shown.kind === "shown" && shown.fingerprint).toMatch(/^[0-9a-f]{64}$/);
});

test("a port where nobody listens shows none", async () => {
  const port = await service(() => undefined);
  for (const close of closers.splice(0)) await close();
  const query = { address: "127.0.0.1", port, servername: name, ca: authority.ca, timeoutMs: 2000 };
  expect(await judgeShown(query, never)).toMatchObject({
    ...{ kind: "silent", why: expect.stringContaining("ECONNREFUSED") },
  });
});

/** A name server that says `address` to every question, or that there is no such name. */
async function nameServer(address: string | undefined): Promise<number> {
  const socket = createSocket("udp4");
  closers.push(() => void socket.close());
  socket.on("message", (question, { port, address: to }) => {
    // The question as it came (RFC 1035 §4.1), the flags of an answer, and one record that points to the name at octet 12.
    const head = Buffer.from(question.subarray(0, 12));
    head.writeUInt16BE(address === undefined ? 0x8583 : 0x8580, 2);
    head.writeUInt16BE(address === undefined ? 0 : 1, 6);
    head.writeUInt32BE(0, 8);
    let end = 12;
    while (question[end] !== 0) end++;
    const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
    const bytes = Buffer.from((address ?? "").split(".").map(Number));
    const parts = [head, question.subarray(12, end + 5)];
    socket.send(Buffer.concat(address === undefined ? parts : [...parts, record, bytes]), port, to);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return (socket.address() as AddressInfo).port;
}

function systemProbes() {
  const made = createSystemProbes({
    ...{ inventory: site(), ca: authority.ca },
    driver: (layer) => createDriver(layer, { ca: () => authority.ca }),
    shell: { run: async () => ({ ok: false, kind: "refused", why: "no shell" }) },
    roundTrip: async () => ({ ok: false, failed: "no cluster", silent: true }),
    ...{ issuedFingerprint: () => undefined, readSecret: async () => new Secret("x") },
  });
  closers.push(() => made.close());
  return made;
}

const onLoopback = { ...nodeOf(site(), "node01"), productionAddress: "127.0.0.1" as Ipv4 };

test("the name server of a node is asked over UDP", async () => {
  const { addressesOf } = systemProbes();
  expect(await addressesOf(onLoopback, await nameServer("10.0.200.10"), name)).toEqual([
    "10.0.200.10",
  ]);
  await expect(addressesOf(onLoopback, await nameServer(undefined), name)).rejects.toMatchObject({
    code: "ENOTFOUND",
  });
});

test("users are asked for only where the inventory has a token", async () => {
  expect(systemProbes().iamToken()).toBeUndefined();
});
