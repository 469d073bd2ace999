import { expect, test } from "vitest";
import { newOperation, newStep } from "../../src/operations/operation.ts";
import { resumeObstacle } from "../../src/operations/orders.ts";
import { type LivingRack, livingRack, takesNoWrites } from "../fakes/living-rack.ts";
import { votersOf } from "../fakes/raft.ts";

const order = { verb: "reprovision", nodes: ["node01"] } as const;

/** The members that each layer lists, sorted. */
const voters = (rack: LivingRack) =>
  [...rack.raft.members.keys()].map((layer) => votersOf(rack.raft, layer).toSorted().join());

test("a living leader hands over, leaves, is wiped, and comes back as a voter", async () => {
  const rack = livingRack();
  const { removeMember } = rack.tools.cluster;
  const ledWhenRemoved: (string | undefined)[] = [];
  Object.assign(rack.tools.cluster, {
    removeMember: async (...args: Parameters<typeof removeMember>) => {
      ledWhenRemoved.push(rack.raft.leaders.get(args[0]));
      return await removeMember(...args);
    },
  });
  const { status, steps } = await rack.carryOut(order);
  expect(status).toBe("done");
  expect(steps.find(({ id }) => id === "hand-over-node01")?.evidence).toEqual({
    leadership: { chainfire: "transferred to node02", flaredb: "transferred to node02" },
  });
  expect(ledWhenRemoved).toEqual(["node02", "node02"]);
  expect(rack.tools.nodes.node("node01").state).toBe("active");
  expect(rack.machine("node01")).toMatchObject({
    ...{ wipes: 1, power: "on" },
    membership: { kind: "join", leader: "node02.example.com" },
  });
  expect(voters(rack)).toEqual(["node01,node02,node03", "node01,node02,node03"]);
  expect(rack.raft.violations).toEqual([]);
});

test("where the cluster has no way to hand over a lead, the removal has another one elected", async () => {
  const rack = livingRack();
  Object.assign(rack.tools.cluster, {
    transferLeader: async () => ({ ok: true, value: "unsupported" }),
  });
  const { status, steps } = await rack.carryOut(order);
  expect(status).toBe("done");
  expect(steps.find(({ id }) => id === "hand-over-node01")?.evidence["leadership"]).toMatchObject({
    chainfire: "unsupported to node02",
  });
});

test("the draft names the disk and what is lost with it", async () => {
  const draft = await livingRack().draft(order);
  expect(draft.destroys).toEqual(["everything on /dev/sda of node node01"]);
  expect(draft.quorum[0]).toMatch(/to remove it 2 >= 2, to go on without it 2 >= 2: allowed$/);
  expect(draft.refusals).toEqual([]);
});

test("with another voter down it is refused with the numbers", async () => {
  const rack = livingRack();
  rack.machine("node03").fault = "dead";
  const { refusals } = await rack.draft(order);
  expect(refusals[0]?.reason).toBe(
    "chainfire: voters 3, healthy without node01 1: to remove it 1 < 2, to go on without it 1 < 2: refused",
  );
});

test("a node that could not be installed again is not taken out: its BMC is away, or a file of its image", async () => {
  const rack = livingRack();
  rack.machine("node01").fault = "bmc-away";
  expect((await rack.draft(order)).refusals).toMatchObject([
    { next: "check the BMC 10.0.10.50: rackstrap power status node01" },
  ]);
  const bare = livingRack(undefined, undefined, { missingAssets: async () => ["no initrd"] });
  expect((await bare.draft(order)).refusals).toMatchObject([{ reason: "no initrd" }]);
});

test("one of two living voters is removed when its name is typed against the budget", async () => {
  const rack = livingRack(["node01", "node02"]);
  const { refusals } = await rack.draft(order);
  expect(refusals[0]?.next).toContain("--force node01");
  const { status, forced } = await rack.carryOut({ ...order, force: ["node01"] });
  expect({ status, forced }).toEqual({ status: "done", forced: ["node01"] });
});

test("another machine under the node's name is for replace", async () => {
  const rack = livingRack();
  const node = rack.tools.inventory().nodes[0];
  Object.assign(node ?? {}, { mac: "52:54:00:99:99:99" });
  const { refusals } = await rack.draft(order);
  expect(refusals[0]?.next).toContain("rackstrap replace node01");
});

test("one that failed at its end, and was done by another order since, is not taken up again", async () => {
  const rack = livingRack();
  const heal = takesNoWrites(rack, "node01");
  const first = await rack.carryOut(order);
  expect(first.failure?.stage).toBe("verify");
  heal();
  const second = await rack.carryOut(order);
  expect(second.status).toBe("done");
  expect(resumeObstacle(rack.orders, first)?.reason).toBe(
    `reprovision node01 was done since (${second.id}): what ${first.id} had done holds no more`,
  );
  // What is left of a cluster's restore is about none of the nodes that are done.
  const restore = newOperation({
    ...{ id: "r1", kind: "restore", node: "prod-cluster", status: "failed", createdAtMs: 1 },
    ...{ endedAtMs: first.endedAtMs, nodes: ["node01", "node02", "node03"] },
    steps: [newStep({ id: "rejoin", title: "join", node: "node02" })],
  });
  expect(resumeObstacle(rack.orders, restore)).toBeUndefined();
  // As a server before this one had taken it up: the node stays what it is, and the server goes on.
  rack.startRunner().reopen(first.id);
  expect((await rack.settled()).status).toBe("done");
  expect(rack.tools.nodes.node("node01").state).toBe("active");
});
