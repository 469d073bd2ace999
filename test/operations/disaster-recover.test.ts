import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { failure, success } from "../../src/cluster/client.ts";
import { carryingOn, resumeObstacle, startOrder } from "../../src/operations/orders.ts";
import { aBackup } from "../fakes/backup-folder.ts";
import { type FakeMachine, type FakeRack, fakeRack, newProvisions } from "../fakes/rack.ts";
import {
  anOrder,
  carryOut,
  draft,
  ended,
  orderTools,
  rackRunner,
  soakBriefly,
} from "../fakes/rack-runner.ts";
import { temporaryDirectory } from "../fakes/temporary-directory.ts";

const founders = ["node01", "node02", "node03"];

/** A rack whose cluster of three was formed, and is destroyed: machines off, disks blank. */
async function destroyed() {
  const backup = join(temporaryDirectory(), "cluster-20260203-040506");
  await aBackup(backup);
  const rack = fakeRack();
  await provision(rack, founders);
  for (const name of founders)
    Object.assign(machine(rack, name), { disk: "blank", power: "off", membership: undefined });
  // The lists of members were on those disks.
  for (const list of rack.raft.members.values()) list.clear();
  // What a layer holds is what its founder was given.
  const getKey = async () => {
    const given = [...rack.machines.values()].some(({ snapshots }) => snapshots.length === 2);
    return given ? success("b1") : failure("there is no such key");
  };
  Object.assign(rack.tools.cluster, { getKey });
  const order = (options: object = { backup }) =>
    anOrder("disaster-recover", { cluster: "prod-cluster", ...options });
  return { rack, order, backup };
}

async function provision(rack: FakeRack, names: readonly string[]) {
  const nodes = rack.tools.inventory().nodes.filter(({ name }) => names.includes(name));
  const operations = newProvisions(rack.tools, nodes, rack.clock.now());
  rackRunner(rack).submit(operations);
  return await Promise.all(operations.map(({ id }) => ended(rack, id)));
}

function machine({ machines }: FakeRack, name: string): FakeMachine {
  const found = machines.get(name);
  if (found === undefined) throw new Error(`no machine ${name}`);
  return found;
}

const told = ({ machines }: FakeRack) =>
  [...machines]
    .filter(([, { membership }]) => membership?.kind === "bootstrap")
    .map(([name]) => name);

test("one node is installed with the snapshots among its first files, and the others join it by provisioning", async () => {
  const { rack, order, backup } = await destroyed();
  const operation = await carryOut(rack, order());
  expect(operation.failure).toBeUndefined();
  expect(operation).toMatchObject({ status: "done", node: "node01" });
  expect(machine(rack, "node01").snapshots.map(({ source }) => source)).toEqual([
    join(backup, "chainfire.snapshot"),
    join(backup, "flaredb.snapshot"),
  ]);
  expect(rack.tools.nodes.node("node01").state).toBe("active");
  const events = rack.tools.nodes.events({ node: "node01", limit: 1000 });
  expect(events.find(({ kind }) => kind === "cluster-formed-anew")?.detail).toMatchObject({
    ...{ cluster: "prod-cluster", backup, operation: operation.id },
  });
  const others = await provision(rack, ["node02", "node03"]);
  expect(others.map(({ status }) => status)).toEqual(["done", "done"]);
  expect(told(rack)).toEqual(["node01"]);
  expect(rack.raft.violations).toEqual([]);
});

test("without data another node forms the cluster, with a machine that is destroyed for good", async () => {
  const { rack, order } = await destroyed();
  Object.assign(machine(rack, "node01"), { fault: "bmc-password" });
  const refused = await draft(rack, order({ bootstrap: true, on: "node02" }));
  expect(refused.refusals.map(({ next }) => next)).toEqual([
    "see to its BMC; if the machine is destroyed or has no power for good, say so: --gone node01",
  ]);
  expect(refused.destroys).toContain("all data of cluster prod-cluster: it begins empty");
  const operation = await carryOut(rack, order({ bootstrap: true, gone: ["node01"] }));
  expect(operation).toMatchObject({ status: "done", node: "node02" });
  expect(machine(rack, "node02").snapshots).toEqual([]);
  expect(told(rack)).toEqual(["node02"]);
  const claim = rack.tools.clusters.claim("prod-cluster");
  expect(claim).toMatchObject({ node: "node02", initialisedAtMs: expect.any(Number) });
});

test("a living cluster, a machine that is on, a slip in the name: each is refused", async () => {
  const { rack, order } = await destroyed();
  machine(rack, "node03").power = "on";
  const { refusals } = await draft(rack, order({ bootstrap: true, cluster: "prod" }));
  expect(refusals.map(({ reason }) => reason)).toEqual([
    "--cluster prod is not the cluster of this site, which is prod-cluster",
    expect.stringContaining("node node03 is powered on and nobody can be asked there"),
  ]);
  const alive = fakeRack();
  await provision(alive, founders);
  expect((await draft(alive, order({ bootstrap: true }))).refusals[0]?.reason).toMatch(
    /^chainfire of cluster prod-cluster exists: node01 \(healthy\)/,
  );
});

test("a backup whose content alone is another is found before the node may form the cluster, and before it is wiped", async () => {
  const { rack, order, backup } = await destroyed();
  const wipes = machine(rack, "node01").wipes;
  const { drafted } = await startOrder(orderTools(rack.tools), rackRunner(rack), order());
  writeFileSync(join(backup, "flaredb.snapshot"), "b2");
  const { status, failure: why } = await ended(rack, drafted[0]?.id ?? "");
  expect([status, why?.stage]).toEqual(["failed", "loss"]);
  expect(why?.reason).toContain("flaredb.snapshot is damaged or of another backup: its SHA-256 is");
  expect(machine(rack, "node01")).toMatchObject({ wipes, power: "off" });
  const events = rack.tools.nodes.events({ node: "node01", limit: 1000 });
  expect(events.map(({ kind }) => kind)).not.toContain("cluster-formed-anew");
});

test("a backup with a file of another size is refused when the recovery is ordered", async () => {
  const { rack, order, backup } = await destroyed();
  writeFileSync(join(backup, "flaredb.snapshot"), "cut off");
  expect((await draft(rack, order())).refusals.map(({ reason }) => reason)).toEqual([
    "flaredb.snapshot is damaged or of another backup: 7 bytes, not 2",
  ]);
});

test.each([{}, { bootstrap: true, backup: "/backups/one" }])(
  "either a backup or none has to be said, not %j",
  async (options) => {
    const { rack, order } = await destroyed();
    expect((await draft(rack, order(options))).refusals[0]?.reason).toContain(
      "say one of --backup DIR and --bootstrap",
    );
  },
);

/** Has `act` happen each time when an installer is found, until what is returned is called. */
function whenFound({ tools }: FakeRack, act: () => void): () => void {
  const { installation } = tools;
  const acting: typeof installation = (node, id) => ({
    ...installation(node, id),
    find: async (signal) => {
      act();
      return await installation(node, id).find(signal);
    },
  });
  Object.assign(tools, { installation: acting });
  return () => void Object.assign(tools, { installation });
}

test("a machine that is switched on before the node is told stops it, and the mark stays with the one node", async () => {
  const { rack, order } = await destroyed();
  const stop = whenFound(rack, () => {
    machine(rack, "node02").power = "on";
  });
  const { failure: why } = await carryOut(rack, order());
  expect(why).toMatchObject({ stage: "still-lost" });
  expect(told(rack)).toEqual([]);
  // Another node that is provisioned alone is not told to form it either.
  stop();
  machine(rack, "node02").power = "off";
  const [other] = await provision(rack, ["node02"]);
  expect(other?.failure?.reason).toMatch(/^cluster prod-cluster was formed at /);
  // Nor is the one node by a plain install, which would begin without the backup's data; by the same order again it is.
  const [alone] = await provision(rack, ["node01"]);
  expect(alone?.failure?.reason).toMatch(/^cluster prod-cluster was formed at /);
  for (const name of founders) machine(rack, name).power = "off";
  expect((await carryOut(rack, order())).failure).toBeUndefined();
});

test("one that can't switch its machine off again takes its permission with it all the same", async () => {
  const { rack, order } = await destroyed();
  const stop = whenFound(rack, () => {
    machine(rack, "node01").fault = "bmc-away";
    machine(rack, "node02").power = "on";
  });
  expect((await carryOut(rack, order())).failure).toMatchObject({ stage: "still-lost" });
  stop();
  machine(rack, "node01").fault = "none";
  for (const name of founders) machine(rack, name).power = "off";
  const [alone] = await provision(rack, ["node01"]);
  expect(alone?.failure?.reason).toMatch(/^cluster prod-cluster was formed at /);
});

test("one whose founder never forms the cluster ends at once: there is nobody to ask for a learner that is left", async () => {
  const { rack, order } = await destroyed();
  machine(rack, "node01").fault = "never-joins";
  const { failure: why, steps } = await carryOut(rack, order());
  expect(why?.stage).toBe("restored-node01");
  const last = steps.find(({ id }) => id === "restored-node01");
  const tookMs = (last?.endedAtMs ?? 0) - (last?.startedAtMs ?? 0);
  const { restoreSeconds } = rack.tools.inventory().timeouts;
  expect(tookMs).toBeLessThan((restoreSeconds + 30) * 1000);
  expect(rack.tools.clusters.claim("prod-cluster")?.initialisedAtMs).toBeDefined();
});

/** The founder's layers are no cluster until it has loaded its snapshots, which takes it so long from its first look on. */
function loadsFor(rack: FakeRack, seconds: number): void {
  const founder = machine(rack, "node01");
  const { fresh, views } = rack.tools.cluster;
  const lost = founder.wipes;
  let begunAtMs: number | undefined;
  const load = () => {
    if (founder.wipes === lost || founder.disk !== "installed") return;
    begunAtMs ??= rack.clock.now();
    founder.fault = rack.clock.now() - begunAtMs < seconds * 1000 ? "never-joins" : "none";
  };
  const loading =
    <T>(look: () => Promise<T>) =>
    async () => {
      load();
      return await look();
    };
  Object.assign(rack.tools.cluster, { fresh: loading(fresh), views: loading(views) });
}

test("a founder may load its snapshots as long as a restore may take, however short a join is", async () => {
  const { rack, order } = await destroyed();
  const { joinSeconds, restoreSeconds } = rack.tools.inventory().timeouts;
  expect(joinSeconds).toBeLessThan(900);
  expect(restoreSeconds).toBeGreaterThan(900);
  loadsFor(rack, 900);
  expect((await carryOut(rack, order())).failure).toBeUndefined();
});

test("one whose founder loads for longer than that is taken up again, and nothing is wiped", async () => {
  const { rack, order } = await destroyed();
  loadsFor(rack, 1500);
  const { wipes } = machine(rack, "node01");
  const failed = await carryOut(rack, order());
  expect(failed).toMatchObject({ status: "failed", failure: { stage: "restored-node01" } });
  expect(rack.tools.nodes.node("node01").state).toBe("failed");
  expect(carryingOn(failed)).toBe("resume");
  expect(resumeObstacle(orderTools(rack.tools), failed)).toBeUndefined();
  rackRunner(rack).reopen(failed.id);
  expect((await ended(rack, failed.id)).failure).toBeUndefined();
  expect(rack.tools.nodes.node("node01").state).toBe("active");
  expect(machine(rack, "node01").wipes).toBe(wipes + 1);
  expect(told(rack)).toEqual(["node01"]);
});

test("one that is cancelled while its founder is looked at is taken up again; before its install it begins anew", async () => {
  const { rack, order } = await destroyed();
  const runner = rackRunner(rack);
  const { roundTrip } = rack.tools.cluster;
  const cancel = async () => {
    for (const { id } of rack.tools.operations.operations({ running: true })) runner.cancel(id);
    return failure("no write is taken");
  };
  Object.assign(rack.tools.cluster, { roundTrip: cancel });
  const cancelled = await carryOut(rack, order({ bootstrap: true }), runner);
  expect(cancelled).toMatchObject({ status: "cancelled", failure: { stage: "verify" } });
  expect(carryingOn(cancelled)).toBe("resume");
  Object.assign(rack.tools.cluster, { roundTrip });
  rackRunner(rack).reopen(cancelled.id);
  expect((await ended(rack, cancelled.id)).status).toBe("done");
  expect(rack.tools.nodes.node("node01").state).toBe("active");
  const begun = (id: string) => id !== "files" && id !== "join";
  const steps = cancelled.steps.filter(({ id }) => begun(id));
  expect(carryingOn({ ...cancelled, steps })).toBe("retry");
});

/** The server ends at its write `at`, which is lost or not, and starts again. `at` 0: it does not end. */
async function recoverCutOff(at: number, isLost: boolean) {
  const { rack, order } = await emptied();
  let writes = 0;
  const runner = rackRunner(rack, (work) => {
    writes += 1;
    if (writes === at) void runner.close();
    if (writes === at && isLost) return;
    rack.database.transaction(work)();
  });
  const { drafted } = await startOrder(orderTools(rack.tools), runner, order);
  const id = drafted[0]?.id ?? "";
  for (let turn = 0; turn < 20_000 && writes !== at; turn++) {
    if (rack.tools.operations.operation(id)?.status !== "running") break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  await runner.close();
  rackRunner(rack).resume();
  return { rack, writes, operation: await ended(rack, id) };
}

/** A cluster that was formed by node01, of which nothing is left but the store's mark. */
async function emptied() {
  const backup = join(temporaryDirectory(), "cluster-20260203-040506");
  await aBackup(backup);
  const rack = fakeRack();
  soakBriefly(rack);
  rack.tools.clusters.claimBootstrap("prod-cluster", "node01");
  rack.tools.clusters.markInitialised("prod-cluster");
  Object.assign(rack.tools.cluster, { getKey: async () => success("b1") });
  const order = anOrder("disaster-recover", { cluster: "prod-cluster", on: "node02", backup });
  return { rack, order };
}

test("with the server ended at any of its writes, one node is told and wiped once, and nobody else", async () => {
  const { writes, operation } = await recoverCutOff(0, false);
  expect(operation.status).toBe("done");
  expect(writes).toBeGreaterThan(30);
  for (let at = 1; at <= writes; at++)
    for (const isLost of [true, false]) {
      const { rack, operation: cut } = await recoverCutOff(at, isLost);
      const where = `write ${at}${isLost ? ", lost" : ""}`;
      expect(cut.failure, where).toBeUndefined();
      expect(told(rack), where).toEqual(["node02"]);
      expect(
        [...rack.machines.values()].map(({ wipes }) => wipes),
        where,
      ).toEqual([0, 1, 0, 0]);
      expect(machine(rack, "node02").snapshots, where).toHaveLength(2);
      expect(rack.tools.clusters.claim("prod-cluster"), where).toMatchObject({ node: "node02" });
    }
}, 120_000);
