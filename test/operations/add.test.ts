import { describe, expect, test } from "vitest";
import { failure } from "../../src/cluster/client.ts";
import { newOperation } from "../../src/operations/operation.ts";
import { resumeObstacle } from "../../src/operations/orders.ts";
import { briefInventory, livingRack, takesNoWrites, withoutLayers } from "../fakes/living-rack.ts";
import { votersOf } from "../fakes/raft.ts";

const addNode04 = { verb: "add", nodes: ["node04"] } as const;

test("a plain install into a living cluster asks what add asks, and waits for nobody's turn", async () => {
  const rack = livingRack();
  const provision = { verb: "provision", nodes: ["node04"] } as const;
  const sum =
    "chainfire: voters 3, healthy 3: to go on should a new one fail at once 3 >= 3: allowed";
  expect((await rack.draft(provision)).quorum).toContain(sum);
  rack.machine("node03").fault = "dead";
  await rack.tools.cluster.fresh();
  expect((await rack.draft(provision)).refusals[0]?.reason).toBe(
    "chainfire: voters 3, healthy 2: to go on should a new one fail at once 2 < 3: refused",
  );
  rack.machine("node03").fault = "none";
  await rack.tools.cluster.fresh();
  rack.tools.operations.create([
    newOperation({ id: "op-add", kind: "add", node: "node05", createdAtMs: 1 }),
  ]);
  expect((await rack.draft(provision)).refusals).toMatchObject(
    [{ reason: /^operation op-add adds node node05/, next: /rackstrap add node04$/ }].map(
      ({ reason, next }) => ({
        reason: expect.stringMatching(reason),
        next: expect.stringMatching(next),
      }),
    ),
  );
});

test("a voter whose operation failed while it was looked at is taken up again, and not wiped", async () => {
  const rack = livingRack();
  const heal = takesNoWrites(rack, "node04");
  const { id, status, failure: why } = await rack.carryOut(addNode04);
  expect({ status, stage: why?.stage }).toEqual({ status: "failed", stage: "verify" });
  expect(rack.tools.nodes.node("node04").state).toBe("failed");
  heal();
  const stored = rack.tools.operations.operation(id);
  if (stored === undefined) throw new Error("the operation is gone");
  expect(resumeObstacle(rack.orders, stored)).toBeUndefined();
  rack.startRunner().reopen(id);
  expect((await rack.settled()).status).toBe("done");
  expect(rack.tools.nodes.node("node04").state).toBe("active");
  expect(rack.machine("node04").wipes).toBe(1);
});

test("a machine that one installed stays on when it fails once more, whatever was armed for its node since", async () => {
  const rack = livingRack();
  takesNoWrites(rack, "node04");
  const { id } = await rack.carryOut(addNode04);
  const { consumedAtMs: _, resolved: __, ...intent } = rack.tools.nodes.intent("node04") ?? {};
  if (!("node" in intent)) throw new Error("node04 was never armed");
  rack.tools.nodes.arm({ ...intent, id: "later", operation: "other" });
  Object.assign(rack.tools.cluster, { roundTrip: async () => failure("no write is taken") });
  rack.startRunner().reopen(id);
  expect((await rack.settled()).status).toBe("failed");
  expect(rack.machine("node04").power).toBe("on");
});

test("one that failed at its end is measured, when it is taken up, by the members that there are then", async () => {
  const rack = livingRack();
  const heal = takesNoWrites(rack, "node04");
  const { id } = await rack.carryOut(addNode04);
  heal();
  // Another order took a member out meanwhile, as it should be.
  rack.machine("node03").fault = "never-joins";
  for (const list of rack.raft.members.values()) list.delete("node03");
  rack.startRunner().reopen(id);
  const { status, failure: why } = await rack.settled();
  expect({ status, why }).toEqual({ status: "done", why: undefined });
});

test("a node that will run no layer is no voter to be counted", async () => {
  const rack = livingRack(undefined, withoutLayers(briefInventory(), "node04"));
  rack.machine("node03").fault = "dead";
  expect(await rack.draft(addNode04)).toMatchObject({ refusals: [], quorum: [], notes: [] });
});

test("a new entry becomes a verified member, by a document that says join", async () => {
  const rack = livingRack();
  const { status, steps } = await rack.carryOut(addNode04);
  expect(status).toBe("done");
  expect(steps.map(({ id }) => id).slice(0, 3)).toEqual(["turn", "agree", "growth"]);
  expect(rack.machine("node04")).toMatchObject({
    ...{ wipes: 1 },
    membership: { kind: "join", leader: "node01.example.com" },
  });
  expect(rack.tools.nodes.node("node04").state).toBe("active");
  expect(votersOf(rack.raft, "chainfire")).toHaveLength(4);
});

test("the draft shows the sum and that four voters bear no more than three", async () => {
  const draft = await livingRack().draft(addNode04);
  expect(draft.refusals).toEqual([]);
  expect(draft.quorum[0]).toBe(
    "chainfire: voters 3, healthy 3: to go on should a new one fail at once 3 >= 3: allowed",
  );
  expect(draft.notes).toContain("chainfire: 4 voters go on with 1 of them lost, as 3 do");
});

test("several are added one after the other", async () => {
  const rack = livingRack(["node01"]);
  const nodes = ["node02", "node03", "node04"];
  const busy: number[] = [];
  const { installation } = rack.tools;
  Object.assign(rack.orders, {
    installation: (...args: Parameters<typeof installation>) => {
      const made = installation(...args);
      return {
        ...made,
        start: async () => {
          busy.push(votersOf(rack.raft, "chainfire").length);
          await made.start();
        },
      };
    },
  });
  await rack.carryOut({ verb: "add", nodes, options: { limit: 3 } });
  const operations = rack.tools.operations.operations({ running: false });
  expect(operations.map(({ node, status }) => `${node} ${status}`).toSorted()).toEqual([
    "node02 done",
    "node03 done",
    "node04 done",
  ]);
  // Each was wiped when all before it were voters.
  expect(busy).toEqual([1, 2, 3]);
});

describe("an addition is refused", () => {
  test("where there is no live cluster, with the way to form one", async () => {
    const rack = livingRack([]);
    const { refusals } = await rack.draft(addNode04);
    expect(refusals[0]?.reason).toMatch(/^chainfire: there is no live cluster to join/);
    expect(refusals[0]?.next).toContain("rackstrap provision node04");
  });

  test("of a member", async () => {
    const { refusals } = await livingRack().draft({ verb: "add", nodes: ["node02"] });
    expect(refusals[0]?.reason).toBe("node node02 is a voter of chainfire already");
  });

  test("while a voter is down, for the new one might fail as well", async () => {
    const rack = livingRack();
    rack.machine("node03").fault = "dead";
    const { refusals } = await rack.draft(addNode04);
    expect(refusals[0]?.reason).toBe(
      "chainfire: voters 3, healthy 2: to go on should a new one fail at once 2 < 3: refused",
    );
  });
});

describe("an addition never forms a cluster", () => {
  // Each is a moment at which the cluster goes out of sight for good.
  test.each(["check", "network", "installer"])("that is lost at %s", async (lost) => {
    const rack = livingRack();
    // As an adopted one, which nobody formed from here.
    rack.database.prepare("DELETE FROM clusters").run();
    const { fresh } = rack.tools.cluster;
    const isReached = () =>
      rack.tools.operations
        .operations({ running: true })[0]
        ?.steps.some(({ id, status }) => id === lost && status !== "pending") === true;
    const lose = () => {
      if (isReached())
        for (const name of ["node01", "node02", "node03"]) rack.machine(name).fault = "dead";
    };
    const { views } = rack.tools.cluster;
    Object.assign(rack.tools.cluster, {
      views: async () => {
        lose();
        return await views();
      },
      fresh: async () => {
        lose();
        return await fresh();
      },
    });
    const { status, failure } = await rack.carryOut(addNode04);
    expect(status).toBe("failed");
    expect(failure?.stage).toBe("membership");
    expect(failure?.reason).toMatch(/forming it again would make a second cluster/);
    expect(rack.machine("node04")).toMatchObject({ wipes: 0, membership: undefined });
    expect(rack.raft.violations).toEqual([]);
  });

  test("also not as the founder that was claimed and never formed", async () => {
    const inventory = briefInventory();
    const nodes = inventory.nodes.map((node) =>
      node.name === "node04" ? ({ ...node, role: "control-plane" } as const) : node,
    );
    const rack = livingRack(undefined, { ...inventory, nodes });
    rack.database.prepare("DELETE FROM clusters").run();
    rack.tools.clusters.claimBootstrap(inventory.cluster.name, "node04");
    const { status } = await rack.carryOut(addNode04);
    expect(status).toBe("done");
    expect(rack.machine("node04").membership?.kind).toBe("join");
  });

  test.each([
    ["and was never claimed", undefined, /does not exist yet/],
    ["and was claimed for this very node", "node04", /add never forms one: nothing was wiped$/],
  ])("that is lost with the store's memory of it, %s", async (_what, claimed, reason) => {
    const inventory = briefInventory();
    const nodes = inventory.nodes.map((node) =>
      node.name === "node04" ? ({ ...node, role: "control-plane" } as const) : node,
    );
    const rack = livingRack(undefined, { ...inventory, nodes });
    const { name } = inventory.cluster;
    const { installation } = rack.tools;
    Object.assign(rack.orders, {
      installation: (...args: Parameters<typeof installation>) => {
        const made = installation(...args);
        return {
          ...made,
          find: async (signal: AbortSignal) => {
            for (const each of ["node01", "node02", "node03"]) rack.machine(each).fault = "dead";
            rack.database.prepare("DELETE FROM clusters").run();
            if (claimed !== undefined) rack.tools.clusters.claimBootstrap(name, claimed);
            return await made.find(signal);
          },
        };
      },
    });
    const { failure } = await rack.carryOut(addNode04);
    expect(failure?.stage).toBe("membership");
    expect(failure?.reason).toMatch(reason);
    expect(rack.tools.clusters.claim(name)?.node).toBe(claimed);
    expect(rack.machine("node04")).toMatchObject({ wipes: 0, membership: undefined });
  });
});
