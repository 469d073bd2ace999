import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { VerifyRequest } from "../../src/api/verify-shapes.ts";
import { type AreaReport, areas } from "../../src/verify/line.ts";
import { startServer, type TestServer } from "./run.ts";

const reports: readonly AreaReport[] = [
  {
    area: "services",
    lines: [
      {
        ...{ area: "services", title: "node01 chainfire", level: "ok" },
        detail: "healthy, raft leader, cluster_size 3",
      },
      {
        ...{ area: "services", title: "node02 flaredb", level: "error" },
        detail: 'chainfire is "lost\u001b[31m" in place of "connected"',
        next: "on node02: systemctl status flaredb; journalctl -u flaredb -n 100",
      },
    ],
    tookMs: 120,
  },
  {
    area: "links",
    lines: [
      {
        ...{ area: "links", title: "from node01, round trip", level: "warning" },
        detail: "node02 1.20 ms; below 1 ms is ideal",
        next: "look at what lies between them: cables, duplex, load, a switch too many",
      },
    ],
    tookMs: 900,
  },
];

let well: TestServer;
let sick: TestServer;
const asked: VerifyRequest[] = [];

beforeAll(async () => {
  well = await startServer();
  sick = await startServer({
    verify: async function* (request) {
      asked.push(request);
      yield* reports;
    },
  });
});

afterAll(async () => {
  await well.close();
  await sick.close();
});

test("each area is printed with its lines and remedies, and then the sum", async () => {
  const { code, stdout } = await sick.rackstrap("verify");
  expect(stdout.replace(/after \d+s/, "after 1s")).toBe(`
services
  ok       node01 chainfire: healthy, raft leader, cluster_size 3
  error    node02 flaredb: chainfire is "lost\\x1b[31m" in place of "connected"
           next: on node02: systemctl status flaredb; journalctl -u flaredb -n 100

links
  warning  from node01, round trip: node02 1.20 ms; below 1 ms is ideal
           next: look at what lies between them: cables, duplex, load, a switch too many

1 errors, 1 warnings, 1 ok, after 1s
`);
  for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(100);
  expect(code).toBe(1);
});

test("a cluster without an error ends with 0", async () => {
  const { code, stdout } = await well.rackstrap("verify");
  for (const area of areas) expect(stdout).toContain(`\n${area}\n  ok       node01: well\n`);
  expect(stdout).toMatch(/\n0 errors, 0 warnings, 7 ok, after \d+s\n$/);
  expect(code).toBe(0);
});

test("as JSON all areas come at once", async () => {
  const { code, stdout } = await sick.rackstrap("verify", "--json");
  expect(JSON.parse(stdout)).toEqual({
    ...{ atMs: expect.any(Number), tookMs: expect.any(Number), areas: reports },
  });
  expect(code).toBe(1);
});

test("the options are asked of the server", async () => {
  asked.length = 0;
  await sick.rackstrap("verify", "--only", "links", "--bandwidth");
  await sick.rackstrap("verify", "--skip-smoke");
  expect(asked).toEqual([
    { only: "links", skipSmoke: false, bandwidth: true },
    { skipSmoke: true, bandwidth: false },
  ]);
});

test("writing and not writing at once is refused", async () => {
  const { code, stderr } = await well.rackstrap("verify", "--only", "kv", "--skip-smoke");
  expect(stderr).toContain("--only kv writes, and --skip-smoke forbids it");
  expect(code).toBe(2);
});

test("the textfile is replaced as a whole, for everybody to read", async () => {
  const file = join(sick.directory, "rackstrap.prom");
  for (const _ of [1, 2]) expect((await sick.rackstrap("verify", "--textfile", file)).code).toBe(1);
  const text = readFileSync(file, "utf8");
  expect(text).toContain(
    'rackstrap_verify_check{area="services",title="node01 chainfire"} 1\n' +
      'rackstrap_verify_check{area="services",title="node02 flaredb"} 0\n' +
      'rackstrap_verify_check{area="links",title="from node01, round trip"} 1\n',
  );
  expect(text).toContain('rackstrap_verify_lines{level="warning"} 1\n');
  expect(text).toContain('rackstrap_verify_area_duration_seconds{area="links"} 0.9\n');
  expect(text).toMatch(/\nrackstrap_verify_duration_seconds \d+\.\d+\n/);
  expect(text).toMatch(/\nrackstrap_verify_timestamp_seconds \d+(\.\d+)?\n$/);
  expect(statSync(file).mode & 0o777).toBe(0o644);
  expect(readdirSync(sick.directory).filter((name) => name.includes("rackstrap.prom"))).toEqual([
    "rackstrap.prom",
  ]);
});

test("a textfile that can't be written is told, and so is a server that is away", async () => {
  const file = join(sick.directory, "no-such-folder/rackstrap.prom");
  const { code, stderr } = await sick.rackstrap("verify", "--textfile", file);
  expect(stderr).toContain(`${file} can't be written: `);
  expect(code).toBe(1);
  expect(existsSync(file)).toBe(false);
});

test("a report that ends in the middle is no report", async () => {
  const broken = await startServer({
    verify: async function* () {
      yield* reports.slice(0, 1);
      throw new Error("a fault of ours");
    },
  });
  const { code, stdout } = await broken.rackstrap("verify");
  await broken.close();
  expect(stdout).not.toContain("errors,");
  expect(code).toBe(3);
});
