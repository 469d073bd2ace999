// The etcd driver against real etcd servers: what they say of themselves, every change of membership, and snapshots.

import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Driver } from "../../src/cluster/driver.ts";
import { createDriver } from "../../src/cluster/drivers.ts";
import { type Judgement, judge } from "../../src/cluster/judge.ts";
import { observe } from "../../src/cluster/observe.ts";
import { clusterChanges } from "../../src/operations/cluster-changes.ts";
import { clock } from "../../src/serve/wall-clock.ts";
import { type EtcdLab, etcdPorts, openEtcdLab } from "./etcd-lab.ts";
import { requireTools } from "./host.ts";

const { signal } = new AbortController();
let lab: EtcdLab;
let driver: Driver;

beforeAll(async () => {
  await requireTools({ etcd: "etcd-server", etcdctl: "etcd-client" });
  lab = await openEtcdLab(31, { asksForCertificates: true });
  for (const number of [1, 2, 3]) lab.start(number, [1, 2, 3], "new");
  driver = createDriver("etcd", {
    ca: () => lab.ca,
    ports: etcdPorts,
    nodeAt,
    identity: async () => lab.identity,
  });
  await until(async () => (await view()).verdict === "healthy");
});

afterAll(async () => await lab?.close());

const all = () => [1, 2, 3, 4].map(lab.node);
const nodeAt = (address: string) => all().find((node) => node.address === address)?.name;

async function look() {
  const observations = await observe(driver, all(), signal);
  return { observations, judgement: judge({ layer: "etcd", observations }) };
}

const view = async (): Promise<Judgement> => (await look()).judgement;

const changes = clusterChanges({ look, driver: () => driver, nodes: all, clock });

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let left = 60; left > 0; left--) {
    if (await holds()) return;
    await clock.sleep(500, signal);
  }
  throw new Error("it did not come to pass within 30 s");
}

async function leader() {
  const name = (await view()).leader;
  const node = all().find((one) => one.name === name);
  if (node === undefined) throw new Error(`no leader: ${name}`);
  return node;
}

function given<T>(answer: { ok: true; value: T } | { ok: false; failed: string }): T {
  if (!answer.ok) throw new Error(answer.failed);
  return answer.value;
}

test("three members agree on one leader, and none is sick", async () => {
  const seen = await view();
  expect(seen).toMatchObject({ verdict: "healthy", reasons: [], disagreement: undefined });
  expect(seen.voters.toSorted()).toEqual(["node01", "node02", "node03"]);
  expect(seen.members.map(({ raftAddress }) => raftAddress).toSorted()).toEqual(
    [1, 2, 3].map((number) => `127.0.31.${number}:23800`),
  );
});

test("a value written on one member is read on another, and one that is not there is a failed answer", async () => {
  expect((await driver.putKey(lab.node(1), "greeting", "héllo", signal)).ok).toBe(true);
  expect(given(await driver.getKey(lab.node(2), "greeting", signal))).toBe("héllo");
  expect(await driver.getKey(lab.node(2), "nothing", signal)).toMatchObject({ ok: false });
});

test("a member tells how far it is, as etcdctl does", async () => {
  const told = given(await driver.status(lab.node(1), signal));
  const [status] = JSON.parse(await lab.etcdctl(1, "endpoint", "status", "-w", "json")) as {
    Status: { raftTerm: number; raftIndex: number; dbSize: number };
  }[];
  expect(told).toMatchObject({
    term: status?.Status.raftTerm,
    commitIndex: status?.Status.raftIndex,
    dbSizeBytes: status?.Status.dbSize,
  });
});

test("a snapshot arrives whole, is its owner's alone, and etcd takes it for what it is", async () => {
  for (let key = 0; key < 40; key++)
    await driver.putKey(lab.node(1), `bulk-${key}`, "x".repeat(20_000), signal);
  const folder = mkdtempSync(join(tmpdir(), "rackstrap-snapshot-"));
  const file = join(folder, "etcd.snapshot");
  const snapshot = given(await driver.snapshot(lab.node(2), file, signal));
  const bytes = readFileSync(file);
  expect(snapshot).toMatchObject({
    bytes: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
  });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(["etcd.snapshot"]);
  const seen = JSON.parse(await lab.etcdctl(2, "snapshot", "status", file, "-w", "json")) as {
    revision: number;
    totalSize: number;
  };
  const now = given(await driver.status(lab.node(2), signal));
  // Nobody wrote meanwhile: the index that it was taken at is that of now, and so is the revision.
  expect([snapshot.term, snapshot.index]).toEqual([now.term, now.appliedIndex]);
  const [status] = JSON.parse(await lab.etcdctl(2, "endpoint", "status", "-w", "json")) as {
    Status: { header: { revision: number } };
  }[];
  expect(seen.revision).toBe(status?.Status.header.revision);
  // Verifies the hash at its end.
  await lab.etcdctl(2, "snapshot", "restore", file, `--data-dir=${folder}/restored`);
  expect(readdirSync(join(folder, "restored"))).toEqual(["member"]);
  rmSync(folder, { recursive: true });
});

test("a node joins as a learner, is promoted once it has caught up, leads, and is removed", async () => {
  expect(await changes.addMember("etcd", "node04", signal)).toEqual({
    ok: true,
    value: { added: true },
  });
  const learner = (await view()).members.find(({ id }) => id === "node04");
  expect(learner).toMatchObject({ role: "learner", raftAddress: "127.0.31.4:23800" });
  expect(given(await changes.addMember("etcd", "node04", signal))).toEqual({ added: false });
  const second = { id: "node05", raftAddress: "127.0.31.5:23800" };
  expect(await driver.addMember(await leader(), second, signal)).toMatchObject({
    ok: false,
    passing: true,
    failed: expect.stringContaining("too many learner"),
  });
  expect(given(await changes.promote("etcd", "node04", signal))).toBe("catching-up");

  lab.start(4, [1, 2, 3, 4], "existing");
  await until(async () => given(await changes.promote("etcd", "node04", signal)) !== "catching-up");
  expect(given(await changes.promote("etcd", "node04", signal))).toBe("voter-already");
  await until(async () => (await view()).verdict === "healthy");
  expect((await view()).voters).toHaveLength(4);

  const lead = { from: (await view()).leader ?? "nobody", to: "node04" };
  expect(given(await changes.transferLeader("etcd", lead, signal))).toBe("transferred");
  expect((await view()).leader).toBe("node04");
  expect(given(await changes.removeMember("etcd", "node04", signal))).toEqual({ absent: false });
  expect(given(await changes.removeMember("etcd", "node04", signal))).toEqual({ absent: true });
  await until(async () => (await view()).voters.length === 3);
}, 120_000);

test("a member that is killed is missed, the others are not", async () => {
  const victim = await leader();
  await lab.stop(Number(victim.name.slice(-1)));
  await until(async () => (await view()).leader !== undefined && (await leader()) !== victim);
  const seen = await view();
  expect(seen).toMatchObject({ verdict: "degraded", voters: { length: 3 } });
  expect(seen.healthyVoters).toHaveLength(2);
  expect(given(await changes.removeMember("etcd", victim.name, signal))).toEqual({
    absent: false,
  });
  expect((await view()).voters).toHaveLength(2);
});

test("a server that asks who calls refuses a caller without a certificate, by name", async () => {
  const stranger = createDriver("etcd", { ca: () => lab.ca, ports: etcdPorts });
  const member = await leader();
  expect(await stranger.members(member, signal)).toMatchObject({
    ok: false,
    failed: `${member.address}:23790 asks for a certificate of the cluster CA and was shown none that it takes`,
  });
});

test("a server that does not ask who calls needs none", async () => {
  const open = await openEtcdLab(32, { asksForCertificates: false });
  try {
    open.start(1, [1], "new");
    const stranger = createDriver("etcd", { ca: () => open.ca, ports: etcdPorts });
    await until(async () => (await stranger.health(open.node(1), signal)).ok);
    expect(given(await stranger.members(open.node(1), signal))).toHaveLength(1);
  } finally {
    await open.close();
  }
});
