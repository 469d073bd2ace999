import { describe, expect, test } from "vitest";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { Mac } from "../../src/net/mac.ts";
import { startOrder } from "../../src/operations/orders.ts";
import { awaitsHardware } from "../../src/operations/steps/await-hardware.ts";
import {
  afterRemoval,
  briefInventory,
  comesBack,
  type LivingRack,
  livingRack,
  withoutLayers,
} from "../fakes/living-rack.ts";
import { aDisk } from "../fakes/machine-facts.ts";
import { votersOf } from "../fakes/raft.ts";

const replaceNode02 = { verb: "replace", nodes: ["node02"] } as const;

/** node02's machine is destroyed; `arrives`: a blank one stands in its place. */
function withDead(rack = livingRack(), arrives = true): LivingRack {
  Object.assign(rack.machine("node02"), { fault: "dead", power: "off" });
  if (arrives) exchange(rack);
  return rack;
}

function exchange(rack: LivingRack): void {
  Object.assign(rack.machine("node02"), {
    ...{ fault: "none", disk: "blank", power: "off", installedBy: undefined },
    target: aDisk("sda", { serial: "SER-new" }),
  });
}

const newDisk = { diskSerials: ["SER-new"] };

test("a dead node's place is given to a new machine: removed, seen off, installed, joined, verified", async () => {
  const rack = withDead();
  const operation = await rack.carryOut({ ...replaceNode02, options: newDisk });
  expect(operation).toMatchObject({ status: "done", kind: "replace" });
  expect(operation.steps.map(({ id }) => id)).toEqual([
    ...["agree", "remove-flaredb", "remove-chainfire", "fence", "hardware"],
    ...["check", "arm", "power", "network", "installer", "membership", "install", "disk-boot"],
    ...["files", "join", "verify", "soak"],
  ]);
  expect(rack.tools.nodes.node("node02").state).toBe("active");
  expect(rack.machine("node02")).toMatchObject({
    ...{ wipes: 1, power: "on" },
    membership: { kind: "join", leader: "node01.example.com" },
  });
  expect(votersOf(rack.raft, "chainfire").toSorted()).toEqual(["node01", "node02", "node03"]);
  expect(rack.raft.violations).toEqual([]);
});

test("a member that was never installed from here has to be said to be gone: its machine may be another than that of the entry", async () => {
  const rack = withDead();
  const { lastInstall } = rack.tools.nodes;
  const never = (name: string) => (name === "node02" ? undefined : lastInstall(name));
  Object.assign(rack.tools.nodes, { lastInstall: never });
  const { refusals } = await rack.draft({ ...replaceNode02, options: newDisk });
  expect(refusals).toMatchObject([{ next: expect.stringMatching(/--gone node02$/) }]);
  const gone = { ...newDisk, gone: ["node02"] };
  expect((await rack.draft({ ...replaceNode02, options: gone })).refusals).toEqual([]);
});

test("the record of a removal has what was asked and answered, and the members before and after", async () => {
  const rack = withDead();
  const { steps } = await rack.carryOut({ ...replaceNode02, options: newDisk });
  expect(steps.find(({ id }) => id === "remove-flaredb")?.evidence).toEqual({
    asked: "remove node02 from flaredb",
    answered: "removed",
    quorum: [
      "flaredb: voters 3, healthy without node02 2: to remove it 2 >= 2, to go on without it 2 >= 2: allowed",
    ],
    before: [
      "node01 leader healthy node01:2480",
      "node02 follower unreachable node02:2480",
      "node03 follower healthy node03:2480",
    ],
    after: ["node01 leader healthy node01:2480", "node03 follower healthy node03:2480"],
  });
  expect(steps.find(({ id }) => id === "fence")?.evidence).toMatchObject({ power: "off" });
});

test("the draft says what is destroyed and the sums, and changes nothing", async () => {
  const rack = withDead();
  const draft = await rack.draft(replaceNode02);
  expect(draft.refusals).toEqual([]);
  expect(draft.destroys).toEqual([
    "the membership of node02, and all that only it still had",
    "everything on /dev/sda of node node02",
  ]);
  expect(draft.quorum[0]).toMatch(/^chainfire: voters 3, healthy without node02 2: .* allowed$/);
  expect(votersOf(rack.raft, "chainfire")).toHaveLength(3);
  expect(rack.tools.operations.operations({ running: false })).toEqual([]);
});

describe("a replacement is refused", () => {
  test("of a node that lives, with where it was seen alive", async () => {
    const { refusals } = await livingRack().draft(replaceNode02);
    expect(refusals).toEqual([
      {
        reason: "node node02 is alive: healthy voter of chainfire, healthy voter of flaredb",
        next: "replace is for the dead; wipe a living node and let it join again with: rackstrap reprovision node02",
      },
    ]);
  });

  test("with another voter down, with the numbers, and no typed name lifts it", async () => {
    const rack = withDead();
    rack.machine("node03").fault = "dead";
    for (const force of [[], ["node02"]]) {
      const { refusals } = await rack.draft({ ...replaceNode02, force });
      expect(refusals.map(({ reason }) => reason)).toEqual([
        "chainfire: voters 3, healthy without node02 1: to remove it 1 < 2, to go on without it 1 < 2: refused",
        "flaredb: voters 3, healthy without node02 1: to remove it 1 < 2, to go on without it 1 < 2: refused",
      ]);
      expect(refusals[0]?.next).not.toContain("--force");
    }
  });

  test("of one of two voters: the other can't decide it alone, whatever is typed", async () => {
    const rack = withDead(livingRack(["node01", "node02"]));
    for (const force of [[], ["node02"]]) {
      const { refusals } = await rack.draft({ ...replaceNode02, force });
      expect(refusals.map(({ reason }) => reason.split(":")[0])).toEqual(["chainfire", "flaredb"]);
      expect(refusals[0]?.next).not.toContain("--force");
    }
  });

  test("of a protected node, and while the cluster is down", async () => {
    const rack = livingRack();
    for (const name of ["node01", "node02", "node03"]) rack.machine(name).fault = "dead";
    const { refusals } = await rack.draft(replaceNode02);
    expect(refusals.map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/^chainfire: no member answers/),
      expect.stringMatching(/^flaredb: no member answers/),
    ]);
    const inventory = briefInventory();
    const nodes = inventory.nodes.map((node) => ({ ...node, protected: true }));
    const guarded = withDead(livingRack(undefined, { ...inventory, nodes }));
    expect((await guarded.draft(replaceNode02)).refusals[0]?.reason).toMatch(/node02 is protected/);
  });
});

describe("a replacement by another machine is refused", () => {
  test.each([
    ["MAC", { mac: "52:54:00:99:99:99" as Mac }, /its MAC was 52:54:00:12:34:57 and is 52:54/],
    [
      "BMC",
      { bmc: { ...briefInventory().nodes[1]?.bmc, address: "10.0.10.77" as Ipv4 } },
      /its BMC was 10.0.10.51 and is 10.0.10.77/,
    ],
  ])(
    "where the %s changed, until the former machine is said to be gone",
    async (_what, change, reason) => {
      const inventory = briefInventory();
      const rack = withDead(livingRack(undefined, inventory));
      const node = inventory.nodes.find(({ name }) => name === "node02");
      Object.assign(node ?? {}, change);
      const { refusals } = await rack.draft(replaceNode02);
      expect(refusals.map((refusal) => refusal.reason)).toEqual([expect.stringMatching(reason)]);
      expect(refusals[0]?.next).toContain("--gone node02");
      const options = { ...newDisk, gone: ["node02"] };
      const { status, steps } = await rack.carryOut({ ...replaceNode02, options });
      expect(status).toBe("done");
      expect(steps.find(({ id }) => id === "fence")).toMatchObject({
        title: "the former machine is said to be gone",
        evidence: { confirmed: "--gone node02" },
      });
    },
  );

  test("where another name is typed for the machine that is gone", async () => {
    const { refusals } = await withDead().draft({
      ...replaceNode02,
      options: { gone: ["node03"] },
    });
    expect(refusals[0]?.reason).toBe("--gone node03 is not about node node02");
  });
});

test("a former machine whose BMC does not answer is not taken for off, and nothing is installed", async () => {
  const rack = withDead(livingRack(), false);
  rack.machine("node02").fault = "bmc-away";
  rack.machine("node02").stopped.add("chainfire");
  const { status, failure } = await rack.carryOut(replaceNode02);
  expect(status).toBe("failed");
  expect(failure).toMatchObject({ stage: "fence" });
  expect(failure?.reason).toMatch(/no answer: it is not known to be off$/);
  expect(failure?.next).toMatch(/rackstrap replace node02 --gone node02 --execute$/);
  expect(rack.machine("node02").wipes).toBe(0);
});

test("an entry that names another machine before the former one was seen off ends it: that one's BMC is no witness", async () => {
  const rack = withDead();
  const { lastInstall } = rack.tools.nodes;
  await startOrder(rack.orders, rack.startRunner(), {
    ...{ ...replaceNode02, options: newDisk, force: [] },
    nodes: [...replaceNode02.nodes],
  });
  const former = (name: string) => {
    const last = lastInstall(name);
    return last && { ...last, mac: "52:54:00:aa:aa:aa" as Mac };
  };
  Object.assign(rack.tools.nodes, { lastInstall: former });
  const { failure } = await rack.settled();
  expect(failure).toMatchObject({ stage: "fence" });
  expect(failure?.reason).toMatch(
    /^node node02 was another machine at its last install \(its MAC was 52:54:00:aa:aa:aa and is .*\): its declared BMC can't see that one off$/,
  );
  expect(failure?.next).toMatch(/--gone node02/);
  expect(rack.machine("node02").wipes).toBe(0);
});

test("a machine that is said to be gone and whose BMC answers is switched off all the same", async () => {
  const rack = withDead(livingRack(), false);
  Object.assign(rack.machine("node02"), { fault: "none", power: "on", disk: "blank" });
  const options = { gone: ["node02"] };
  const { status, steps } = await rack.carryOut({ ...replaceNode02, options });
  expect(status).toBe("done");
  expect(steps.find(({ id }) => id === "fence")?.evidence).toEqual({
    power: "off",
    seenBy: "BMC 10.0.10.51",
  });
});

test("a machine that is said to be gone and whose BMC is silent is taken for gone", async () => {
  const rack = withDead(livingRack(), false);
  rack.machine("node02").fault = "bmc-away";
  rack.machine("node02").stopped.add("chainfire");
  const options = { gone: ["node02"] };
  const { failure, steps } = await rack.carryOut({ ...replaceNode02, options });
  expect(steps.find(({ id }) => id === "fence")).toMatchObject({
    status: "done",
    evidence: { confirmed: "--gone node02", bmc: expect.stringContaining("no answer") },
  });
  // The new machine is waited for, and its BMC does not come.
  expect(failure?.stage).toBe("hardware");
});

test("a machine with another MAC may be written into the entry while its replacement waits for it", async () => {
  const before = briefInventory();
  let inventory = before;
  const rack = withDead(livingRack(undefined, inventory, { inventory: () => inventory }), false);
  Object.assign(rack.machine("node02"), { fault: "bmc-away" }).stopped.add("chainfire");
  const mac = "52:54:00:99:99:99" as Mac;
  const { bmc } = rack.orders;
  let asked = 0;
  Object.assign(rack.orders, {
    bmc: (node: Parameters<typeof bmc>[0]) => {
      const waiting = rack.tools.operations.runningFor("node02");
      if (waiting !== undefined && awaitsHardware(waiting)) asked += 1;
      if (asked === 3 && inventory === before) {
        exchange(rack);
        rack.machine("node02").stopped.clear();
        inventory = {
          ...inventory,
          nodes: inventory.nodes.map((each) => (each.name === "node02" ? { ...each, mac } : each)),
        };
      }
      return bmc(node);
    },
  });
  const options = { ...newDisk, gone: ["node02"] };
  const operation = await rack.carryOut({ ...replaceNode02, options });
  expect(operation.failure).toBeUndefined();
  expect(rack.tools.nodes.lastInstall("node02")?.mac).toBe(mac);
});

test("a node that comes back before its removal stays a member", async () => {
  const rack = withDead(livingRack(), false);
  comesBack(rack, "node02");
  const { failure } = await rack.carryOut(replaceNode02);
  expect(failure?.reason).toMatch(
    /^node node02 has come back: healthy voter of chainfire, healthy voter of flaredb/,
  );
  expect(votersOf(rack.raft, "flaredb")).toContain("node02");
});

test("a node that comes back between its two removals is told to be half a member, and can't be left in", async () => {
  const rack = withDead(livingRack(), false);
  afterRemoval(rack, () => {
    rack.machine("node02").fault = "none";
  });
  const { failure } = await rack.carryOut(replaceNode02);
  expect(failure).toMatchObject({
    stage: "remove-chainfire",
    next: "have it join again: rackstrap reprovision node02",
  });
  expect(failure?.reason).toMatch(/; it was removed from flaredb before, and not from chainfire$/);
});

test("a living node that runs no layer is not taken for dead because no member knows it", async () => {
  const site = withoutLayers(briefInventory(), "node04");
  const rack = livingRack(["node01", "node02", "node03", "node04"], site);
  rack.machine("node04").fault = "never-joins";
  for (const list of rack.raft.members.values()) list.delete("node04");
  const { refusals } = await rack.draft({ verb: "replace", nodes: ["node04"] });
  expect(refusals[0]?.reason).toBe(
    "node node04 is active and runs no layer of the cluster, so no member can tell whether it is dead",
  );
  const gone = { verb: "replace", nodes: ["node04"], options: { gone: ["node04"] } } as const;
  expect((await rack.draft(gone)).refusals).toEqual([]);
});

test("when the majority is lost during a replacement, no further member is removed and no machine touched", async () => {
  const rack = withDead();
  afterRemoval(rack, () => {
    rack.machine("node03").fault = "dead";
  });
  const { failure, steps } = await rack.carryOut({ ...replaceNode02, options: newDisk });
  expect(failure).toMatchObject({ stage: "remove-chainfire" });
  expect(failure?.reason).toContain("voters 3, healthy without node02 1");
  expect(failure?.next).toMatch(/no further member is removed and no machine is touched/);
  const members = [
    "node01 follower healthy node01:2380",
    "node02 follower unreachable node02:2380",
    "node03 follower unreachable node03:2380",
  ];
  expect(steps.find(({ id }) => id === "remove-chainfire")?.evidence).toMatchObject({ members });
  const alarm = rack.tools.nodes
    .events({ node: "node02", limit: 100 })
    .find(({ kind }) => kind === "operation-failed");
  expect(alarm?.detail).toMatchObject({ stage: "remove-chainfire", members });
  expect(votersOf(rack.raft, "chainfire")).toHaveLength(3);
  expect(rack.machine("node02")).toMatchObject({ wipes: 0, starts: 0 });
});

test("a join that times out leaves no learner, and the machine on to be looked at", async () => {
  const rack = withDead();
  rack.machine("node02").fault = "stays-learner";
  const { run } = rack.orders.shell;
  const commands: string[] = [];
  Object.assign(rack.orders.shell, {
    run: async (...args: Parameters<typeof run>) => {
      commands.push(`${args[0].name}: ${args[1]}`);
      return await run(...args);
    },
  });
  const { failure } = await rack.carryOut({ ...replaceNode02, options: newDisk });
  expect(failure).toMatchObject({ stage: "join" });
  expect(commands).toContain(
    "node02: systemctl stop chainfire-cluster-join.service; systemctl stop flaredb-cluster-join.service",
  );
  expect([...(rack.raft.members.get("chainfire")?.keys() ?? [])]).toEqual(["node01", "node03"]);
  expect(rack.machine("node02").power).toBe("on");
  expect(rack.tools.nodes.node("node02").state).toBe("failed");
});

test("a node whose join timed out with a vote on one layer keeps it, and its timeline says so", async () => {
  const rack = withDead();
  rack.machine("node02").fault = "stays-learner";
  const { run } = rack.orders.shell;
  Object.assign(rack.orders.shell, {
    run: async (...args: Parameters<typeof run>) => {
      const flaredb = rack.raft.members.get("flaredb");
      const other = flaredb?.get("node01");
      if (other !== undefined) flaredb?.set("node02", other);
      return await run(...args);
    },
  });
  const { failure } = await rack.carryOut({ ...replaceNode02, options: newDisk });
  expect(failure).toMatchObject({ stage: "join" });
  expect(votersOf(rack.raft, "flaredb")).toContain("node02");
  const events = rack.tools.nodes.events({ node: "node02", limit: 100 });
  expect(events.find(({ kind }) => kind === "joined-in-part")?.detail).toMatchObject({
    votes: ["flaredb"],
    next: expect.stringMatching(/rackstrap reprovision node02$/),
  });
});

test("a replacement that failed is ordered again, and goes on from where the cluster is", async () => {
  const rack = withDead();
  rack.machine("node02").fault = "install-fails";
  const first = await rack.carryOut({ ...replaceNode02, options: newDisk });
  expect(first.failure?.stage).toBe("install");
  exchange(rack);
  const again = await rack.carryOut({
    verb: "replace",
    nodes: ["node02"],
    options: first.parameters,
  });
  expect(again.status).toBe("done");
  expect(rack.tools.nodes.node("node02").state).toBe("active");
});

test("cut off after any write, a replacement ends right, with one wipe and never too few voters", {
  timeout: 60_000,
}, async () => {
  let cut = 0;
  for (let isCut = true; isCut && cut < 150; cut++) {
    const rack = withDead();
    const first = rack.startRunner(cut + 1);
    const order = { ...replaceNode02, options: newDisk, force: [] };
    expect((await startOrder(rack.orders, first, order)).refusals).toEqual([]);
    isCut = await rack.isCutOff();
    await first.close();
    if (isCut) rack.startRunner().resume();
    const { status, failure } = await rack.settled();
    expect([cut, status, failure]).toEqual([cut, "done", undefined]);
    expect(rack.machine("node02").wipes).toBe(1);
    expect(rack.raft.violations).toEqual([]);
    expect(votersOf(rack.raft, "flaredb")).toHaveLength(3);
  }
  // Every step begins and ends with a write.
  expect(cut).toBeGreaterThan(30);
});
