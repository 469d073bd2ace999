// The driver of the runbook's API against the rack's stand-in, which is real Raft: a cluster is formed, grows, hands its lead over,
// loses a member, and comes back from a snapshot on an empty disk.

import { copyFileSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Answer } from "../../src/cluster/client.ts";
import type { RaftStatus, Snapshot } from "../../src/cluster/driver.ts";
import type { Judgement } from "../../src/cluster/judge.ts";
import { clock } from "../../src/serve/wall-clock.ts";
import { requireTools } from "./host.ts";
import { openRaftServiceLab, type RaftServiceLab } from "./raft-service-lab.ts";

const { signal } = new AbortController();
const folder = mkdtempSync(join(tmpdir(), "rackstrap-runbook-"));
const file = join(folder, "chainfire.snapshot");
let lab: RaftServiceLab;

beforeAll(async () => {
  await requireTools({ etcd: "etcd-server", etcdctl: "etcd-client", unshare: "util-linux" });
  lab = await openRaftServiceLab();
  lab.start(1, true);
  await untilVoters(["node01"]);
}, 120_000);

afterAll(async () => {
  await lab?.close();
  rmSync(folder, { recursive: true });
});

async function untilVoters(names: readonly string[]): Promise<void> {
  let seen: Judgement | undefined;
  for (let left = 90; left > 0; left--) {
    seen = await lab.ask<Judgement>("view");
    const isWhole = seen.leader !== undefined && seen.healthyVoters.length === names.length;
    if (isWhole && seen.voters.toSorted().join() === names.join()) return;
    await clock.sleep(1000, signal);
  }
  throw new Error(`not ${names.join()} within 90 s: ${JSON.stringify(seen)}`);
}

async function given<T>(call: string, ...args: readonly unknown[]): Promise<T> {
  const answer = await lab.ask<Answer<T>>(call, ...args);
  if (!answer.ok) throw new Error(answer.failed);
  return answer.value;
}

test("nodes that are added become voters by themselves", async () => {
  for (const number of [2, 3]) {
    const name = `node0${number}`;
    expect(await given("add", name)).toEqual({ added: true });
    expect(await given("add", name)).toEqual({ added: false });
    lab.start(number, false);
    await untilVoters(["node01", "node02", "node03"].slice(0, number));
  }
  expect(await given("promote", "node02")).toBe("automatic");
}, 240_000);

test("the lead goes where it is asked to, and terms and indexes grow", async () => {
  const before = await given<RaftStatus>("status", "node01");
  expect(await given("transfer", "node02")).toBe("transferred");
  expect((await lab.ask<Judgement>("view")).leader).toBe("node02");
  const after = await given<RaftStatus>("status", "node01");
  expect(after.term).toBeGreaterThan(before.term ?? Number.NaN);
  expect(after.appliedIndex).toBeGreaterThan(before.appliedIndex ?? Number.NaN);
  expect(await lab.ask("transfer", "node09")).toMatchObject({
    ok: false,
    failed: expect.stringContaining("no voter is called node09"),
  });
}, 120_000);

test("a snapshot arrives whole, with the term and index that it was taken at", async () => {
  await given("put", "node02", "greeting", "héllo");
  const at = await given<RaftStatus>("status", "node02");
  const snapshot = await given<Snapshot>("snapshot", "node02", file);
  expect(snapshot).toMatchObject({ bytes: statSync(file).size, term: at.term });
  expect(snapshot.index).toBeGreaterThanOrEqual(at.appliedIndex ?? Number.NaN);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(["chainfire.snapshot"]);
});

test("a member is removed while it is down, and removing it again changes nothing", async () => {
  await lab.stop(3);
  expect(await given("remove", "node03")).toEqual({ absent: false });
  expect(await given("remove", "node03")).toEqual({ absent: true });
  expect((await lab.ask<Judgement>("view")).voters.toSorted()).toEqual(["node01", "node02"]);
}, 120_000);

test("all disks are lost, and one node comes back with what the snapshot holds", async () => {
  for (const number of [1, 2, 3]) {
    await lab.stop(number);
    for (const entry of readdirSync(lab.data(number)))
      rmSync(join(lab.data(number), entry), { recursive: true });
  }
  copyFileSync(file, join(lab.data(1), "restore.snapshot"));
  lab.start(1, true);
  await untilVoters(["node01"]);
  expect(await given("get", "node01", "greeting")).toBe("héllo");
  expect(readdirSync(lab.data(1))).toEqual(["etcd"]);
}, 120_000);

test("a snapshot that is damaged is not restored, and no empty cluster stands in for it", async () => {
  await lab.stop(1);
  rmSync(join(lab.data(1), "etcd"), { recursive: true });
  copyFileSync(import.meta.filename, join(lab.data(1), "restore.snapshot"));
  lab.start(1, true);
  let health: Answer<unknown> | undefined;
  for (let left = 60; left > 0; left--) {
    health = await lab.ask<Answer<unknown>>("health", "node01");
    if (!health.ok && health.refusal !== undefined) break;
    await clock.sleep(1000, signal);
  }
  expect(health).toMatchObject({
    ok: false,
    failed: expect.stringContaining("/var/lib/chainfire/restore.snapshot can't be restored"),
  });
  expect(await lab.ask("view")).toMatchObject({ verdict: "no-cluster", doubtful: ["node01"] });
  expect(readdirSync(lab.data(1))).not.toContain("etcd");
}, 120_000);
