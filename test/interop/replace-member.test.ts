// replace and reprovision over members that are real Raft, under a client that writes all the while: a voter's disk is destroyed and a new
// machine takes its place; a living leader is wiped and comes back.

import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Answer, success } from "../../src/cluster/client.ts";
import type { Judgement } from "../../src/cluster/judge.ts";
import type { ClusterAccess } from "../../src/operations/cluster-access.ts";
import { startOrder } from "../../src/operations/orders.ts";
import type { Installation } from "../../src/operations/provision.ts";
import type { OperationTools, Order } from "../../src/operations/verb.ts";
import { clock } from "../../src/serve/wall-clock.ts";
import { briefInventory, type LivingRack, livingRack } from "../fakes/living-rack.ts";
import { aDisk } from "../fakes/machine-facts.ts";
import { requireTools } from "./host.ts";
import { openRaftServiceLab, type RaftServiceLab } from "./raft-service-lab.ts";

const { signal } = new AbortController();
const all = ["node01", "node02", "node03"];
let lab: RaftServiceLab;

beforeAll(async () => {
  await requireTools({ etcd: "etcd-server", etcdctl: "etcd-client", unshare: "util-linux" });
  lab = await openRaftServiceLab();
  lab.start(1, true);
  await untilVoters(["node01"]);
  for (const number of [2, 3]) {
    await lab.ask("add", `node0${number}`);
    lab.start(number, false);
    await untilVoters(all.slice(0, number));
  }
}, 240_000);

afterAll(async () => {
  await lab?.close();
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

/** The lab's members as operations reach them. */
function labCluster(seen: Judgement[]): Partial<ClusterAccess> {
  const view = async () => {
    const judgement = await lab.ask<Judgement>("view");
    seen.push(judgement);
    return judgement;
  };
  return {
    view,
    views: async () => [await view()],
    fresh: async () => [await view()],
    removeMember: async (_layer, id) => await lab.ask("remove", id),
    transferLeader: async (_layer, { to }) => await lab.ask("transfer", to),
    roundTrip: async (_layer, leader, follower) => {
      const put = await lab.ask<Answer<undefined>>("put", leader, "probe", "here");
      if (!put.ok) return put;
      const got = await lab.ask<Answer<string>>("get", follower, "probe");
      return got.ok ? success({ reads: 1 }) : got;
    },
    promotesHere: () => false,
  };
}

/** The installed machine comes up as its membership says, and its join service has it added. */
function labInstallation(made: Installation, kinds: string[]): Installation {
  let isStarted = false;
  return {
    ...made,
    prepare: async (membership) => {
      kinds.push(membership.kind);
      await made.prepare(membership);
    },
    start: async () => {
      await wipe();
      await made.start();
    },
    bootedFromDisk: async () => {
      if (!isStarted) {
        isStarted = true;
        lab.start(2, kinds.at(-1) === "bootstrap");
        await lab.ask("add", "node02");
      }
      return { booted: true };
    },
  };
}

async function wipe(): Promise<void> {
  await lab.stop(2);
  for (const entry of readdirSync(lab.data(2)))
    rmSync(join(lab.data(2), entry), { recursive: true });
}

/** Writes one number after the other through whoever leads, until it is stopped; those that were acknowledged. */
async function writeUntil(stop: AbortSignal): Promise<readonly number[]> {
  const acknowledged: number[] = [];
  for (let number = 1; !stop.aborted; number++) {
    const node = number % 2 === 0 ? "node01" : "node03";
    const put = await lab.ask<Answer<undefined>>("put", node, `count-${number}`, `${number}`);
    if (put.ok) acknowledged.push(number);
    await clock.sleep(100, signal);
  }
  return acknowledged;
}

function labRack(seen: Judgement[], kinds: string[]): LivingRack {
  const brief = briefInventory();
  const inventory = {
    ...brief,
    cluster: { ...brief.cluster, layers: ["chainfire" as const] },
    timeouts: { ...brief.timeouts, soakSeconds: 5, joinSeconds: 90 },
  };
  const realClock = { ...clock, advance: () => undefined };
  const rack = livingRack(all, inventory, {}, realClock);
  const { installation, bmc } = rack.tools;
  Object.assign(rack.orders, {
    cluster: { ...rack.tools.cluster, ...labCluster(seen) },
    installation: (node, operation) => labInstallation(installation(node, operation), kinds),
    bmc: (node) => ({
      ...bmc(node),
      power: async (action, stop) => {
        if (action === "off") await lab.stop(2);
        await bmc(node).power(action, stop);
      },
    }),
  } satisfies Partial<OperationTools>);
  return rack;
}

async function ended({ tools }: LivingRack) {
  for (let left = 900; left > 0; left--) {
    const [operation] = tools.operations.operations({ running: false });
    if (operation !== undefined && operation.status !== "running") return operation;
    await clock.sleep(200, signal);
  }
  throw new Error(JSON.stringify(tools.operations.operations({ running: false })[0]?.steps));
}

/** Carries the order out under the writer; what came of it, and every look at the cluster. */
async function carriedOut(
  verb: "replace" | "reprovision",
  options: Order["options"],
  prepare: (rack: LivingRack) => Promise<void>,
) {
  const seen: Judgement[] = [];
  const kinds: string[] = [];
  const rack = labRack(seen, kinds);
  const stop = new AbortController();
  const writer = writeUntil(stop.signal);
  await prepare(rack);
  const order = { verb, nodes: ["node02"], options, force: [] };
  const { refusals } = await startOrder(rack.orders, rack.startRunner(), order);
  expect(refusals).toEqual([]);
  const operation = await ended(rack);
  stop.abort();
  const acknowledged = await writer;
  expect([operation.status, operation.failure]).toEqual(["done", undefined]);
  expect(kinds).toEqual(["join"]);
  expect(rack.tools.nodes.node("node02").state).toBe("active");
  await untilVoters(all);
  expect(seen.every(({ healthyVoters }) => healthyVoters.length >= 2)).toBe(true);
  expect(acknowledged.length).toBeGreaterThan(20);
  for (const number of acknowledged)
    expect(await lab.ask("get", "node02", `count-${number}`)).toMatchObject({ value: `${number}` });
  return operation;
}

test("a voter whose disk is destroyed is replaced, and nothing that was acknowledged is lost", async () => {
  await carriedOut("replace", { diskSerials: ["SER-new"] }, async (rack) => {
    await wipe();
    const target = aDisk("sda", { serial: "SER-new" });
    Object.assign(rack.machine("node02"), { disk: "blank", installedBy: undefined, target });
  });
}, 300_000);

test("a living leader hands over, is wiped, and comes back, and nothing that was acknowledged is lost", async () => {
  const { steps } = await carriedOut("reprovision", {}, async () => {
    await lab.ask("transfer", "node02");
    expect((await lab.ask<Judgement>("view")).leader).toBe("node02");
  });
  expect(steps.find(({ id }) => id === "hand-over-node02")?.evidence["leadership"]).toEqual({
    chainfire: expect.stringMatching(/^transferred to node0[13]$/),
  });
}, 300_000);
