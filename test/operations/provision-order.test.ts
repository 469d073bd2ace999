import { expect, test } from "vitest";
import type { Node } from "../../src/inventory/schema.ts";
import type { Operation } from "../../src/operations/operation.ts";
import { type DraftedOrder, startOrder } from "../../src/operations/orders.ts";
import { fakeRack } from "../fakes/rack.ts";

interface Request {
  readonly nodes: readonly string[];
  readonly erase?: readonly string[];
  readonly diskSerials?: readonly string[];
  readonly limit?: number;
}

const luks: Node["layout"] = {
  ...{ kind: "luks", threshold: 1 },
  tang: [{ url: "http://10.0.100.7", thumbprint: "a".repeat(43) }],
};

function rig({ nodesPerRun = 32, protects = "", encrypts = "" } = {}) {
  const { tools } = fakeRack();
  const inventory = {
    ...tools.inventory(),
    limits: { nodesPerRun, installsAtOnce: 8 },
    nodes: tools.inventory().nodes.map((node) => ({
      ...node,
      protected: node.name === protects,
      ...(node.name === encrypts && { layout: luks }),
    })),
  };
  const submitted: Operation[] = [];
  const start = async ({ nodes, ...options }: Request): Promise<DraftedOrder> => {
    const runner = { submit: (all: readonly Operation[]) => void submitted.push(...all) };
    const powerJobs = { runningFor: () => undefined };
    const order = { verb: "provision", nodes, options: { ...options }, force: [] } as const;
    return await startOrder({ ...tools, inventory: () => inventory, powerJobs }, runner, order);
  };
  const ask = async (request: Request) => (await start(request)).drafted;
  const refusal = async (request: Request) =>
    (await start(request)).refusals.map(({ reason, next }) => `${reason}; ${next}`).join("\n");
  return { ask, refusal, submitted, tools, inventory };
}

const four = ["node01", "node02", "node03", "node04"];

test.each<[string, Parameters<typeof rig>[0], Request, RegExp]>([
  [
    "more nodes than one run may name",
    { nodesPerRun: 3 },
    { nodes: four },
    /4 nodes are named, and limits\.nodesPerRun allows 3 .*--limit 4$/,
  ],
  ["more nodes than were said to be meant", {}, { nodes: four, limit: 2 }, /--limit allows 2/],
  [
    "a limit below the inventory's",
    { nodesPerRun: 4 },
    { nodes: four, limit: 3 },
    /--limit allows 3/,
  ],
  [
    "a protected node",
    { protects: "node02" },
    { nodes: ["node01", "node02"] },
    /node02 is protected.*take "protected" out/,
  ],
  [
    "a protected node, though its name was typed twice",
    { protects: "node02" },
    { nodes: ["node02"], erase: ["node02"] },
    /is protected/,
  ],
  [
    "a node whose disk is to be encrypted",
    { encrypts: "node02" },
    { nodes: ["node01", "node02"] },
    /node02 has the layout luks, .*neither its passphrase nor root\.jwe.*docs\/nixos\.md, "Encrypted disks"/,
  ],
  [
    "a second name that is another node's",
    {},
    { nodes: ["node01"], erase: ["node02"] },
    /--erase node02 is about none of the nodes to provision \(node01\)/,
  ],
  ["a second name with a slip", {}, { nodes: ["node01"], erase: ["node1"] }, /--erase node1 /],
  ["all as a second name", {}, { nodes: four, erase: ["all"] }, /--erase all /],
  [
    "a serial number for several machines",
    {},
    { nodes: ["node01", "node02"], diskSerials: ["B"] },
    /--disk-serial is about one machine, and 2 nodes/,
  ],
])("refused before anything is started: %s", async (_name, setup, request, message) => {
  const { refusal, submitted, tools } = rig(setup);
  expect(await refusal(request)).toMatch(message);
  expect(submitted).toEqual([]);
  expect(tools.nodes.events({ limit: 10 })).toEqual([]);
});

test("an active node is refused, whatever is typed", async () => {
  const { refusal, tools } = rig();
  for (const event of ["install-armed", "wipe-started", "install-finished", "disk-booted"] as const)
    tools.nodes.transition("node01", event, {});
  expect(await refusal({ nodes: ["node01"], erase: ["node01"] })).toMatch(
    /node01 is joining .*destroy/,
  );
});

test("as many nodes as the site allows go through, and more where their number is typed", async () => {
  expect(await rig({ nodesPerRun: 4 }).ask({ nodes: four })).toHaveLength(4);
  expect(await rig({ nodesPerRun: 3 }).ask({ nodes: four, limit: 4 })).toHaveLength(4);
});

test("what was typed is kept with its own node alone, and stands in the timeline", async () => {
  const { ask, tools } = rig();
  const [first, second] = await ask({ nodes: ["node01", "node02"], erase: ["node02"] });
  expect(first?.confirmed).toBeUndefined();
  expect(second?.confirmed).toEqual({ eraseData: true, diskSerials: [] });
  expect(tools.nodes.events({ limit: 10 })).toMatchObject([
    { node: "node02", kind: "wipe-confirmed", detail: { operation: second?.id, eraseData: true } },
  ]);
});

test("what was typed outlives a restart", async () => {
  const { ask, tools } = rig();
  const operations = await ask({ nodes: ["node01"], diskSerials: ["B"] });
  tools.operations.create(operations);
  expect(tools.operations.runningFor("node01")?.confirmed).toEqual({
    eraseData: false,
    diskSerials: ["B"],
  });
});
