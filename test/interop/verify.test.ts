// A whole report as the server makes it, of three members on loopback addresses with real TLS: healthy, with one that is gone, and all
// of them hanging. Needs the Debian package openssh-client, and the ports 2379, 2479 and 2022 of 127.20.0.1 to 127.20.0.3.

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { Inventory } from "../../src/inventory/schema.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { Secret } from "../../src/net/secret.ts";
import { createClusterAccess } from "../../src/operations/cluster-access.ts";
import { createNodeShell, keepNodeKey } from "../../src/operations/node-shell.ts";
import { type Ca, loadOrCreateCa } from "../../src/pki/ca.ts";
import { issueNodeCertificate } from "../../src/pki/issue.ts";
import { clusterIdentity } from "../../src/serve/cluster-identity.ts";
import { createVerification } from "../../src/serve/verification.ts";
import { clock } from "../../src/serve/wall-clock.ts";
import { createCertificateStore } from "../../src/store/certificates.ts";
import { openDatabase } from "../../src/store/database.ts";
import type { VerifyLine } from "../../src/verify/line.ts";
import { exampleInventory } from "../fakes/rack.ts";

const root = mkdtempSync(join(tmpdir(), "rackstrap-verify-"));
const names = ["node01", "node02", "node03"];
const addressOf = (name: string) => `127.20.0.${Number(name.slice(-2))}` as Ipv4;
const sshPort = 2022;
let ca: Ca;
const stopped: (() => Promise<void>)[] = [];
const keys = new Map<string, string>();
let points: unknown[] = [];

beforeAll(async () => {
  ca = await loadOrCreateCa(join(root, "pki"), {
    ...{ commonName: "CA", key: "ec", caDays: 400, nowMs: Date.now() },
  });
});

beforeEach(() => {
  keys.clear();
  points = [];
});

afterEach(async () => {
  for (const stop of stopped.splice(0)) await stop();
});

afterAll(() => rmSync(root, { recursive: true }));

function site(): Inventory {
  const inventory = exampleInventory();
  const nodes = inventory.nodes
    .filter(({ name }) => names.includes(name))
    .map((node) => ({
      ...{ ...node, productionAddress: addressOf(node.name) },
      services: ["chainfire", "flaredb"] as const,
    }));
  return { ...inventory, nodes, server: { ...inventory.server, stateDirectory: root } };
}

/** A listener that is closed after the test, whoever is still connected. */
async function opened(server: Server, address: string, port: number): Promise<void> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => sockets.add(socket));
  server.listen(port, address);
  await once(server, "listening");
  stopped.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  });
}

/** Both layers on one node, whose leader is node01; the keys are everybody's. */
async function startMember(name: string): Promise<void> {
  const { certPem: cert, keyPem: key } = await issueNodeCertificate(ca, {
    ...{ name, fqdn: `${name}.example.com`, addresses: [], key: "ec", days: 90 },
    nowMs: Date.now(),
  });
  for (const [layer, port, raftPort] of [
    ["chainfire", 2379, 2380],
    ["flaredb", 2479, 2480],
  ] as const) {
    const server = createServer({ cert, key }, (request, response) => {
      void answer(layer, name, raftPort, request, response);
    });
    await opened(server, addressOf(name), port);
  }
}

async function answer(
  layer: string,
  name: string,
  raftPort: number,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  const body = text === "" ? {} : (JSON.parse(text) as { value?: unknown });
  const { url = "", method } = request;
  const key = url.startsWith("/v1/kv/") ? `${layer} ${url.slice("/v1/kv/".length)}` : undefined;
  const role = (id: string) => (id === "node01" ? "leader" : "follower");
  const members = names.map((id) => ({
    ...{ id, role: role(id), status: "healthy", raft_addr: `${addressOf(id)}:${raftPort}` },
  }));
  const pages: Readonly<Record<string, unknown>> = {
    "/health": { status: "healthy", raft: role(name), cluster_size: 3, chainfire: "connected" },
    "/admin/cluster/members": { members },
    "/admin/cluster/leader": { id: "node01", term: 3 },
    "/v1/write": {},
    "/v1/query": { points },
  };
  if (url === "/v1/write") points.push(body);
  if (key !== undefined && method === "PUT") keys.set(key, String(body.value));
  const page = key === undefined ? pages[url] : { key: key.split(" ")[1], value: keys.get(key) };
  if (page === undefined) response.writeHead(404);
  response.end(JSON.stringify(page ?? { error: "no such path" }));
}

/** All lines of a report, with each area's name before its title. */
async function report(): Promise<readonly VerifyLine[]> {
  const loaded = site();
  const inventory = () => loaded;
  const identity = clusterIdentity(() => ca, inventory, clock.now);
  const cluster = createClusterAccess({ inventory, ca: () => ca.certPem, identity, clock });
  const verify = createVerification({
    ...{ inventory, cluster, clock, identity, ca: () => ca },
    shell: createNodeShell(root, join(root, "no-key"), sshPort),
    nodes: { wasInstalled: () => true },
    certificates: createCertificateStore(openDatabase(":memory:")),
    readSecret: async () => new Secret("x"),
  });
  const lines: VerifyLine[] = [];
  const request = { skipSmoke: false, bandwidth: false };
  for await (const area of verify(request, new AbortController().signal)) lines.push(...area.lines);
  return lines;
}

const titles = (lines: readonly VerifyLine[], level: VerifyLine["level"]) =>
  lines.filter((line) => line.level === level).map(({ area, title }) => `${area}: ${title}`);

test("of a healthy cluster nothing is an error, and nothing is left behind but two keys and a metric", async () => {
  for (const name of names) await startMember(name);
  const lines = await report();
  expect(titles(lines, "error")).toEqual([]);
  expect(titles(lines, "ok")).toEqual([
    ...names.flatMap((name) => [`services: ${name} chainfire`, `services: ${name} flaredb`]),
    ...["members: chainfire", "members: flaredb", "members: nodes"],
    ...["leader: chainfire", "leader: flaredb"],
    ...names.flatMap((name) => [
      `certificates: ${name} chainfire 2379`,
      `certificates: ${name} flaredb 2479`,
    ]),
    ...["kv: chainfire", "kv: flaredb", "smoke: chainfire writes", "smoke: flaredb query"],
  ]);
  // No node's host key is known here, so nobody is logged in to.
  expect(titles(lines, "warning")).toEqual(names.map((name) => `links: from ${name}`));
  expect([...keys.keys()].toSorted()).toEqual([
    ...["chainfire rackstrap-probe", "chainfire rackstrap-smoke", "flaredb rackstrap-probe"],
  ]);
  expect(points).toMatchObject([{ metric: "rackstrap_smoke" }]);
});

test("a member that is gone is told in every area that it is missing from, and writes go on", async () => {
  for (const name of names.slice(0, 2)) await startMember(name);
  const lines = await report();
  expect(titles(lines, "error")).toEqual([
    ...["services: node03 chainfire", "services: node03 flaredb"],
    ...["members: chainfire", "members: flaredb"],
    ...["certificates: node03 chainfire 2379", "certificates: node03 flaredb 2479"],
  ]);
  expect(titles(lines, "warning")).toContain("leader: chainfire");
  expect(titles(lines, "ok")).toContain("smoke: chainfire writes");
});

test("a cluster whose machines take connections and say nothing is reported within 15 seconds", async () => {
  for (const name of names) {
    for (const port of [2379, 2479, sshPort])
      await opened(
        createTcpServer((socket) => socket.resume()),
        addressOf(name),
        port,
      );
    const node = { name, fqdn: `${name}.example.com` };
    await keepNodeKey(
      root,
      node,
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    );
  }
  const beganMs = performance.now();
  const lines = await report();
  expect(performance.now() - beganMs).toBeLessThan(15_000);
  expect(new Set(lines.filter(({ level }) => level === "error").map(({ area }) => area)).size).toBe(
    7,
  );
  expect(lines.find(({ title }) => title === "from node01")).toMatchObject({
    ...{
      level: "error",
      detail: expect.stringMatching(/^not tried: ssh .*(no end in time|timed out)/),
    },
  });
});
