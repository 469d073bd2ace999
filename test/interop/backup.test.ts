// A backup of real etcd servers through their driver, and what becomes of its snapshot in a fresh server.

import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Driver } from "../../src/cluster/driver.ts";
import { createDriver } from "../../src/cluster/drivers.ts";
import { type Judgement, judge } from "../../src/cluster/judge.ts";
import { observe } from "../../src/cluster/observe.ts";
import { examineBackup, listBackups } from "../../src/operations/backup/folder.ts";
import { markerKey } from "../../src/operations/backup/manifest.ts";
import { clock } from "../../src/serve/wall-clock.ts";
import { fakeCluster } from "../fakes/cluster.ts";
import { fakeRack } from "../fakes/rack.ts";
import { anOrder, carryOut } from "../fakes/rack-runner.ts";
import { temporaryDirectory } from "../fakes/temporary-directory.ts";
import { type EtcdLab, etcdPorts, openEtcdLab } from "./etcd-lab.ts";
import { requireTools } from "./host.ts";

const { signal } = new AbortController();
let lab: EtcdLab;
let driver: Driver;

beforeAll(async () => {
  await requireTools({ etcd: "etcd-server", etcdctl: "etcd-client" });
  lab = await openEtcdLab(36, { asksForCertificates: true });
  for (const number of [1, 2, 3]) lab.start(number, [1, 2, 3], "new");
  const nodeAt = (address: string) =>
    [1, 2, 3, 4].map(lab.node).find((node) => node.address === address)?.name;
  driver = createDriver("etcd", {
    ...{ ca: () => lab.ca, ports: etcdPorts, nodeAt, identity: async () => lab.identity },
  });
  await until(async () => (await look([1, 2, 3])).verdict === "healthy");
});

afterAll(async () => await lab?.close());

async function look(numbers: readonly number[]): Promise<Judgement> {
  const observations = await observe(driver, numbers.map(lab.node), signal);
  return judge({ layer: "etcd", observations });
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let left = 60; left > 0; left--) {
    if (await holds()) return;
    await clock.sleep(500, signal);
  }
  throw new Error("it did not come to pass within 30 s");
}

const node = (name: string) => lab.node(Number(name.slice(-1)));

/** The example site with the lab's servers as its only layer. */
function siteOfEtcd() {
  const rack = fakeRack();
  const { cluster, ...site } = rack.tools.inventory();
  const inventory = { ...site, cluster: { ...cluster, layers: ["etcd" as const] } };
  const seen = async () => [await look([1, 2, 3])];
  Object.assign(rack.tools, {
    inventory: () => inventory,
    cluster: {
      ...fakeCluster([], () => judge({ layer: "etcd", observations: new Map() })),
      ...{ views: seen, fresh: seen },
      putKey: async (_layer: string, name: string, key: string, value: string) =>
        await driver.putKey(node(name), key, value, signal),
      getKey: async (_layer: string, name: string, key: string) =>
        await driver.getKey(node(name), key, signal),
      status: async (_layer: string, name: string) => await driver.status(node(name), signal),
      snapshot: async (_layer: string, name: string, file: string) =>
        await driver.snapshot(node(name), file, signal),
    },
  });
  return rack;
}

test("a backup of three etcd servers is what etcdctl says it is, and a fresh server has the data", async () => {
  const first = lab.node(1);
  for (let key = 0; key < 30; key++)
    await driver.putKey(first, `bulk-${key}`, "x".repeat(10_000), signal);
  const to = temporaryDirectory();
  const operation = await carryOut(siteOfEtcd(), anOrder("backup", { to }));
  expect(operation.failure).toBeUndefined();
  const [folder = ""] = await listBackups(to);
  const { manifest, faults } = await examineBackup(folder, signal);
  expect(faults).toEqual([]);
  const [kept] = manifest?.layers ?? [];
  const leader = (await look([1, 2, 3])).leader;
  expect(kept).toMatchObject({ layer: "etcd", backup: operation.id });
  expect(kept?.from).not.toBe(leader);
  expect(kept?.members).toHaveLength(3);

  const file = join(folder, "etcd.snapshot");
  const status = JSON.parse(await lab.etcdctl(1, "snapshot", "status", file, "-w", "json"));
  // 30 keys and the marker.
  expect(status).toMatchObject({ totalKey: expect.any(Number) });
  expect(status.totalKey).toBeGreaterThanOrEqual(31);

  // The cluster is lost: its data is, too, for the fresh server has a directory of its own.
  for (const number of [1, 2, 3]) await lab.stop(number);
  const { name, address } = lab.node(4);
  const peer = `https://${address}:${etcdPorts.raftPort}`;
  await lab.etcdctl(
    4,
    ...["snapshot", "restore", file, `--data-dir=${lab.root}/data-${name}`, `--name=${name}`],
    ...[`--initial-cluster=${name}=${peer}`, `--initial-advertise-peer-urls=${peer}`],
  );
  lab.start(4, [4], "existing");
  await until(async () => (await look([4])).verdict === "healthy");
  expect((await look([4])).voters).toEqual(["node04"]);
  expect(await driver.getKey(lab.node(4), "bulk-29", signal)).toMatchObject({
    value: "x".repeat(10_000),
  });
  expect(await driver.getKey(lab.node(4), markerKey, signal)).toMatchObject({
    value: operation.id,
  });
}, 120_000);
