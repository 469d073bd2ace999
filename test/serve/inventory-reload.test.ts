import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { expect, test } from "vitest";
import type { InventoryVerdict } from "../../src/api/inventory-shapes.ts";
import { isEmptyDiff } from "../../src/inventory/diff.ts";
import { parseInventory } from "../../src/inventory/load.ts";
import type { Inventory } from "../../src/inventory/schema.ts";
import type { NewEvent } from "../../src/nodes/ports.ts";
import type { InventoryRefusal } from "../../src/operations/inventory-guard.ts";
import { createInventoryRecord } from "../../src/serve/inventory-record.ts";
import { openInventory, type ReloadCause } from "../../src/serve/inventory-reload.ts";
import { checkInventoryStatus, createInventoryService } from "../../src/serve/inventory-service.ts";
import { seededRandom } from "../fakes/seeded-random.ts";
import { temporaryDirectory } from "../fakes/temporary-directory.ts";

const good = readFileSync("inventory/site.yaml", "utf8");
const edited = (piece: string, by: string) => {
  if (!good.includes(piece)) throw new Error(`no ${piece}`);
  return good.replace(piece, by);
};
const changed = edited("leaseSeconds: 600", "leaseSeconds: 900");

function server(refusals: readonly InventoryRefusal[] = []) {
  const file = join(temporaryDirectory(), "site.yaml");
  writeFileSync(file, good);
  let nowMs = 1_000;
  const reload = openInventory(file, () => nowMs);
  const applied: Inventory[] = [];
  const read: (InventoryVerdict & { cause: ReloadCause })[] = [];
  const begin = (
    apply = async (inventory: Inventory): Promise<void> => void applied.push(inventory),
  ) =>
    reload.begin({
      refusals: async () => refusals,
      apply,
      onRead: (verdict, cause) => read.push({ ...verdict, cause }),
    });
  return {
    ...{ reload, applied, read, file, begin },
    write: (text: string) => {
      nowMs += 1_000;
      writeFileSync(file, text);
    },
    remember: () => reload.inForce(),
  };
}

test("a sound file is in force at once, and its difference is told", async () => {
  const { reload, applied, read, write, begin } = server();
  begin();
  write(changed);
  const before = reload.inForce();
  const verdict = await reload.reload("files");
  expect(verdict.diff.settings).toEqual([
    { path: "networks.provisioning.leaseSeconds", from: "600", to: "900" },
  ]);
  expect(reload.inForce().networks.provisioning.leaseSeconds).toBe(900);
  expect(before.networks.provisioning.leaseSeconds).toBe(600);
  expect(applied).toEqual([reload.inForce()]);
  expect(read).toEqual([{ ...verdict, cause: "files" }]);
  expect(reload.status()).toMatchObject({ valid: true, loadedAtMs: 2_000, readAtMs: 2_000 });
});

test("an invalid file leaves the last good one in force, and says where it is wrong until it is right", async () => {
  const { reload, applied, read, write, file, begin } = server();
  begin();
  const before = reload.inForce();
  write(edited("leaseSeconds: 600", "leaseSeconds: soon"));
  await reload.reload("files");
  expect(reload.inForce()).toBe(before);
  expect(applied).toEqual([]);
  const problem = {
    ...{ file, line: 26, column: 19, path: "networks.provisioning.leaseSeconds" },
    message: '"soon" is not a number',
  };
  expect(reload.status()).toMatchObject({ valid: false, problems: [problem], loadedAtMs: 1_000 });
  expect(reload.isRefused()).toBe(true);
  expect(checkInventoryStatus(reload.status())).toMatchObject([
    {
      title: "inventory",
      level: "error",
      detail: expect.stringContaining(`${file}:26:19: networks`),
    },
  ]);
  write(good);
  await reload.reload("files");
  expect(reload.isRefused()).toBe(false);
  expect(checkInventoryStatus(reload.status())).toMatchObject([{ level: "ok" }]);
  expect(read.map(({ problems }) => problems.length)).toEqual([1, 0]);
});

test("a file that is gone, or is no file, is a problem like any other", async () => {
  const { reload, file, begin } = server();
  begin();
  const before = reload.inForce();
  rmSync(file);
  expect((await reload.reload("files")).problems[0]?.message).toMatch(/can't be read \(ENOENT/);
  mkdirSync(file);
  expect((await reload.reload("files")).problems[0]?.message).toMatch(/can't be read \(it is no/);
  expect(reload.inForce()).toBe(before);
});

test("a change that is refused counts as invalid, with the reason and what to do first", async () => {
  const refusal = { node: "node04", reason: "node04 is a voter", next: "remove it first" };
  const { reload, applied, write, begin } = server([refusal]);
  begin();
  const before = reload.inForce();
  write(changed);
  expect((await reload.reload("signal")).refused).toEqual([refusal]);
  expect([reload.inForce() === before, applied.length, reload.isRefused()]).toEqual([
    true,
    0,
    true,
  ]);
  expect(checkInventoryStatus(reload.status())).toMatchObject([
    {
      level: "error",
      detail: expect.stringContaining("node04 is a voter"),
      next: "remove it first",
    },
  ]);
});

test("what can't change waits for the next start and is named, and the rest is in force", async () => {
  const { reload, write, begin, read } = server();
  begin();
  write(changed.replace("httpPort: 8080", "httpPort: 8081"));
  const waiting = [{ path: "server.httpPort", from: "8080", to: "8081" }];
  expect((await reload.reload("files")).needsRestart).toEqual(waiting);
  const { server: own, networks } = reload.inForce();
  expect([own.httpPort, networks.provisioning.leaseSeconds]).toEqual([8080, 900]);
  expect(reload.status()).toMatchObject({ valid: true, needsRestart: waiting });
  expect(checkInventoryStatus(reload.status())).toMatchObject([
    { level: "ok" },
    { level: "warning", detail: expect.stringContaining("server.httpPort") },
  ]);
  await reload.reload("request");
  expect(read.length).toBe(1);
  write(changed);
  await reload.reload("files");
  expect([reload.status().needsRestart, read.length]).toEqual([[], 2]);
});

test("a network moves as a whole or not at all: half of it would wait for the next start", async () => {
  const { reload, applied, write, begin } = server();
  begin();
  const before = reload.inForce();
  const moved = good.replaceAll("10.0.100.", "10.0.150.");
  write(moved);
  const { refused, problems } = await reload.reload("files");
  expect(problems).toEqual([]);
  expect(refused[0]).toMatchObject({
    reason: expect.stringMatching(
      /^takes effect only with a restart: server\.address: 10\.0\.100\.10 .*10\.0\.150\.0\/24/,
    ),
    next: expect.stringContaining("systemctl restart rackstrap"),
  });
  expect([reload.inForce() === before, applied.length, reload.isRefused()]).toEqual([
    true,
    0,
    true,
  ]);
  expect((await reload.compare(parseInventory(moved, "site.yaml"))).refused).toEqual(refused);
  write(changed);
  expect((await reload.reload("files")).refused).toEqual([]);
});

test.each<[string, string, string, RegExp]>([
  [
    "a node",
    "provisioningAddress: 10.0.100.50",
    "provisioningAddress: 10.0.100.10",
    /nodes\.node01\.provisioningAddress: .*the server/,
  ],
  [
    "a pool",
    "pool: { start: 10.0.100.100, end: 10.0.100.200 }",
    "pool: { start: 10.0.100.5, end: 10.0.100.10 }",
    /server\.address: .*pool/,
  ],
])(
  "%s does not get the address that the server has until it is started again",
  async (_, from, to, reason) => {
    const { reload, write, begin } = server();
    begin();
    write(edited("address: 10.0.100.10 ", "address: 10.0.100.11 ").replace(from, to));
    const { refused, problems } = await reload.reload("files");
    expect(problems).toEqual([]);
    expect(refused[0]?.reason).toMatch(reason);
  },
);

test("nothing happens before the server runs, or when the file says what is in force", async () => {
  const { reload, applied, read, write, begin } = server();
  write(changed);
  await reload.reload("signal");
  expect(reload.inForce().networks.provisioning.leaseSeconds).toBe(600);
  begin();
  write(good);
  await reload.reload("signal");
  expect([applied, read, reload.status().loadedAtMs]).toEqual([[], [], 1_000]);
});

test("readings wait for each other, and one that fails to be applied is told and ends nothing", async () => {
  const { reload, write, begin, read } = server();
  let inside = 0;
  let most = 0;
  begin(async () => {
    inside += 1;
    most = Math.max(most, inside);
    await new Promise((resolve) => setImmediate(resolve));
    inside -= 1;
    throw new Error("DHCP has stopped");
  });
  write(changed);
  const first = reload.reload("files");
  const second = reload.reload("files");
  expect((await first).problems[0]?.message).toMatch(/can't be taken: DHCP has stopped/);
  await second;
  expect([most, read[0]?.problems.length]).toEqual([1, 1]);
});

test("posted texts are compared as if they stood in the server's folder, and change nothing", async () => {
  const { reload, begin } = server();
  begin();
  const service = createInventoryService(reload);
  const before = reload.inForce();
  const path = "/home/operator/lab.yaml";
  const compare = (text: string) => service.compareInventory([{ path, text }]);
  const relative = edited("flake: /srv/provisioning", "flake: ./provisioning");
  const flake = join(reload.file, "../provisioning");
  expect((await compare(relative)).diff.settings).toEqual([
    { path: "install.flake", from: "/srv/provisioning", to: flake },
  ]);
  expect((await compare("site: [")).problems).toMatchObject([{ file: path, line: 1 }]);
  expect(await compare(good)).toMatchObject({ problems: [], diff: { settings: [], changed: [] } });
  expect([reload.inForce() === before, reload.isRefused()]).toEqual([true, false]);
});

test("further files count like the first: what they say, what comes and what goes", async () => {
  const { reload, file, write, begin } = server();
  begin();
  const folder = join(file, "../nodes");
  mkdirSync(folder);
  const at = good.indexOf("  node04:");
  const node04 = `nodes:\n${good.slice(at)}`;
  const node05 = node04
    .replace("node04", "node05")
    .replace("34:59", "34:60")
    .replace("100.80", "100.81")
    .replace("200.20", "200.21")
    .replace("10.54", "10.55")
    .replace("position: 14", "position: 15");
  writeFileSync(join(folder, "d.yaml"), node04);
  write(`${good.slice(0, at)}include: [nodes/*.yaml]\n`);
  expect(isEmptyDiff((await reload.reload("files")).diff)).toBe(true);
  expect(reload.status().files).toEqual([file, join(folder, "d.yaml")]);
  expect(reload.isLastRead(reload.read())).toBe(true);

  writeFileSync(join(folder, "e.yaml"), node05);
  expect(reload.isLastRead(reload.read())).toBe(false);
  expect((await reload.reload("files")).diff.added).toEqual(["node05"]);

  writeFileSync(join(folder, "e.yaml"), node04);
  const { problems } = await reload.reload("files");
  expect(problems).toMatchObject([{ file: join(folder, "e.yaml"), path: "nodes.node04" }]);
  expect(reload.inForce().nodes.length).toBe(5);

  rmSync(folder, { recursive: true });
  expect(reload.isLastRead(reload.read())).toBe(false);
  expect((await reload.reload("files")).problems).toMatchObject([{ file, path: "include.0" }]);
  expect(reload.inForce().nodes.length).toBe(5);
});

test("posted files are all that there are, and each is told of under the name it was sent by", async () => {
  const { reload, begin } = server();
  begin();
  const service = createInventoryService(reload);
  const at = good.indexOf("  node04:");
  const main = { path: "/home/me/site.yaml", text: `${good.slice(0, at)}include: [n/*.yaml]\n` };
  const nodes = { path: "/home/me/n/d.yaml", text: `nodes:\n${good.slice(at)}` };
  expect(isEmptyDiff((await service.compareInventory([main, nodes])).diff)).toBe(true);
  expect((await service.compareInventory([main])).diff.removed).toEqual(["node04"]);
  const bad = { ...nodes, text: nodes.text.replace("mac: 52", "mac: x2") };
  expect((await service.compareInventory([main, bad])).problems).toMatchObject([
    { file: nodes.path, path: "nodes.node04.mac" },
  ]);
});

test("each reading that matters is one event, however large the change", () => {
  const events: NewEvent[] = [];
  const append = (event: NewEvent) => {
    events.push(event);
    if (events.length > 2) throw new Error("the disk is full");
    return { ...event, id: 1, atMs: 1 };
  };
  const record = createInventoryRecord(append, pino({ level: "silent" }));
  const nothing = { added: [], removed: [], changed: [], settings: [] };
  const sound = {
    problems: [],
    refused: [],
    needsRestart: [{ path: "server.httpPort" }],
    warnings: [],
  };
  const added = Array.from({ length: 1_000 }, (_, i) => `node${i}`);
  record({ ...sound, diff: { ...nothing, added } }, "signal");
  const refused = added.map((node) => ({ node, reason: `${node} is a voter`, next: "" }));
  record({ ...sound, refused, diff: nothing }, "files");
  record({ ...sound, refused, diff: nothing }, "files");
  expect(events[0]).toMatchObject({
    kind: "inventory-reloaded",
    detail: { cause: "signal", added: added.slice(0, 50), needsRestart: ["server.httpPort"] },
  });
  expect(events[1]).toMatchObject({ kind: "inventory-refused", detail: { count: 1_000 } });
  expect(events[1]?.detail["reasons"]).toEqual(
    added.slice(0, 50).map((node) => `${node} is a voter`),
  );
});

/** The text with one piece damaged as disks, editors and people damage text. */
function damaged(text: string, random: (below: number) => number): string {
  const at = random(text.length);
  const length = 1 + random(40);
  const noise = () => String.fromCharCode(random(4) === 0 ? random(0x1_0000) : random(128));
  const piece = text.slice(at, at + length);
  switch (random(7)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return text.slice(0, at) + text.slice(at + length);
    case 2:
      return text.slice(0, at) + Array.from({ length }, noise).join("") + text.slice(at + length);
    case 3:
      return text.slice(0, at) + piece + text.slice(at);
    case 4:
      return text.slice(0, at) + "[{\"'&*!|>%@`\t:#-?"[random(17)] + text.slice(at);
    case 5:
      return text.slice(0, at) + "[".repeat(1 + random(3_000)) + text.slice(at);
    default:
      return text.slice(at) + text.slice(0, at);
  }
}

test("a thousand damaged files end nothing, and none of them is in force for a moment", async () => {
  const { reload, applied, write, begin } = server();
  begin();
  let before = reload.inForce();
  const random = seededRandom(17);
  let invalid = 0;
  for (let tries = 0; invalid < 1_000 && tries < 5_000; tries += 1) {
    write(damaged(good, random));
    const { problems } = await reload.reload("files");
    if (problems.length === 0) {
      // Some damage makes another sound file: a digit, a comment.
      before = reload.inForce();
      continue;
    }
    invalid += 1;
    expect([reload.inForce() === before, reload.isRefused()]).toEqual([true, true]);
    expect(problems.every(({ line, message }) => line > 0 && message !== "")).toBe(true);
  }
  expect(invalid).toBe(1_000);
  const sound = applied.length;
  write(changed);
  await reload.reload("files");
  expect([reload.isRefused(), applied.length]).toEqual([false, sound + 1]);
}, 120_000);
