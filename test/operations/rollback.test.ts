import { expect, test } from "vitest";
import { parseSystem, parseUnit } from "../../src/operations/node-system.ts";
import { choose } from "../../src/operations/verbs/rollback.ts";
import { crash, systemPath } from "../fakes/node-system.ts";
import { livingRack, settled } from "../fakes/serving-rack.ts";

const [first, second, third] = ["1", "2", "3"].map((number) => systemPath("node02", number));
if (first === undefined || second === undefined || third === undefined) throw new Error("no path");

/** A rack whose node02 has three generations and runs the third. */
async function updatedTwice() {
  const living = await livingRack();
  const system = living.rack.machines.get("node02")?.system;
  if (system === undefined) throw new Error("no machine");
  system.generations = [first, second, third].map((path = "", index) => ({
    ...{ number: index + 1, path },
  }));
  Object.assign(system, { lasting: 3, running: third, booted: third });
  return { ...living, system };
}

test("without a number the generation before is activated by its own program, and lasts", async () => {
  const { order, rack, system } = await updatedTwice();
  expect((await order("rollback", ["node02"])).refusals).toEqual([]);
  expect(await settled(rack)).toMatchObject({ kind: "rollback", status: "done" });
  expect(system).toMatchObject({ lasting: 2, running: second, activations: [`switch ${second}`] });
  expect(system.generations).toHaveLength(3);
});

test("a generation is chosen by its number", async () => {
  const { order, rack, system } = await updatedTwice();
  await order("rollback", ["node02"], { generation: 1 });
  expect(await settled(rack)).toMatchObject({ status: "done" });
  expect(system).toMatchObject({ lasting: 1, running: first });
});

test("with --once it runs until the next start, which is into the one that lasts", async () => {
  const { order, rack, system } = await updatedTwice();
  await order("rollback", ["node02"], { once: true });
  expect(await settled(rack)).toMatchObject({ status: "done" });
  expect(system).toMatchObject({ lasting: 3, running: second, activations: [`test ${second}`] });
});

test("a node that the generation crashed is not taken to run it, since it restarted into the one that lasts", async () => {
  const { order, rack, system } = await updatedTwice();
  const { run } = rack.tools.shell;
  Object.assign(rack.tools.shell, {
    run: async (...said: Parameters<typeof run>) => {
      const answer = await run(...said);
      if (system.running === second) crash(system, new Set());
      return answer;
    },
  });
  await order("rollback", ["node02"], { once: true });
  const { failure } = (await settled(rack)) ?? {};
  expect(failure?.stage).toBe("soak-node02");
  expect(failure?.reason).toContain(`node node02 runs ${third} and not ${second}`);
  expect(system).toMatchObject({ lasting: 3, running: third });
});

test("with --reboot a node whose earlier generation has another kernel is drained, restarted into it and put back", async () => {
  const { order, rack, system } = await updatedTwice();
  system.newKernel.add(third);
  await order("rollback", ["node02"], { reboot: true });
  const operation = await settled(rack);
  expect(operation).toMatchObject({ status: "done" });
  expect(system).toMatchObject({ boots: 2, lasting: 2, running: second, booted: second });
  expect(operation?.steps.map(({ id }) => id)).toContain("reboot-restart-node02");
  expect(rack.tools.nodes.node("node02").state).toBe("active");
});

test("with --reboot a node whose kernel stays is not restarted, and what is for once can't have it", async () => {
  const { order, draft, rack, system } = await updatedTwice();
  await order("rollback", ["node02"], { reboot: true });
  expect(await settled(rack)).toMatchObject({ status: "done" });
  expect(system).toMatchObject({ boots: 1, running: second });
  const { refusals } = await draft("rollback", ["node02"], { once: true, reboot: true });
  expect(refusals[0]?.reason).toBe(
    "rollback: --once and --reboot exclude each other: a restart ends what --once activates",
  );
});

test("a restart is only made of a node that was well on the generation", async () => {
  const { order, rack, system } = await updatedTwice();
  system.newKernel.add(third);
  system.broken.add(second);
  await order("rollback", ["node02"], { reboot: true });
  const operation = await settled(rack);
  expect(operation?.failure?.stage).toBe("watch-node02");
  expect(system).toMatchObject({ boots: 1, lasting: 3, running: third });
});

test("a generation that there is not is refused with those there are, and nothing is touched", async () => {
  const { order, rack, system } = await updatedTwice();
  await order("rollback", ["node02"], { generation: 7 });
  expect((await settled(rack))?.failure?.reason).toBe(
    "node node02 has no generation 7 (there are: 1, 2, 3)",
  );
  expect(system.activations).toEqual([]);
});

test("a node that is not well on the earlier generation gets back the one that it had", async () => {
  const { order, rack, system } = await updatedTwice();
  system.broken.add(second);
  await order("rollback", ["node02"]);
  const operation = await settled(rack);
  expect(operation?.failure?.stage).toBe("soak-node02");
  expect(operation?.failure?.reason).toContain("node node02 is back on generation 3");
  expect(system).toMatchObject({ lasting: 3, running: third });
});

test("a node that runs a generation for once gets back that one, and not the one that it fled", async () => {
  const { order, rack, system } = await updatedTwice();
  await order("rollback", ["node02"], { once: true });
  await settled(rack);
  expect(system).toMatchObject({ lasting: 3, running: second });
  system.broken.add(first);
  await order("rollback", ["node02"], { generation: 1 });
  expect((await settled(rack))?.failure?.reason).toContain("node node02 is back on generation 2");
  expect(system).toMatchObject({ lasting: 2, running: second });
});

test("a second --once that does not do leaves what the node starts with as it was", async () => {
  const { order, rack, system } = await updatedTwice();
  await order("rollback", ["node02"], { once: true });
  await settled(rack);
  system.broken.add(first);
  await order("rollback", ["node02"], { once: true, generation: 1 });
  expect((await settled(rack))?.failure?.reason).toContain(
    `node node02 is back on generation 2 (${second}) until its next start and healthy`,
  );
  expect(system).toMatchObject({ lasting: 3, running: second });
  expect(system.activations.at(-1)).toBe(`test ${second}`);
});

test("with another node down it is refused with the numbers, and --force and --generation are for one node", async () => {
  const { draft, rack } = await updatedTwice();
  rack.machines.get("node03")?.stopped.add("chainfire");
  const { refusals } = await draft("rollback", ["node02"]);
  expect(refusals[0]?.reason).toContain("healthy 2, taking node02 leaves 1 < 2: refused");
  expect((await draft("rollback", ["node02"], {}, ["node02"])).refusals).toEqual([]);
  expect((await draft("rollback", ["node01", "node02"])).refusals[0]?.reason).toContain("one node");
});

const listing = [
  `generation system-10-link 1765363500 ${second}`,
  `generation system-9-link 1765363400 ${first}`,
  "lasting system-10-link",
  `running ${second}`,
  "booted ",
  "",
].join("\n");

test("the generations of a node are read in the order of their numbers", () => {
  const system = parseSystem(listing);
  expect(system).toEqual({
    generations: [
      { number: 9, createdAtMs: 1_765_363_400_000, path: first },
      { number: 10, createdAtMs: 1_765_363_500_000, path: second },
    ],
    lasting: { number: 10, createdAtMs: 1_765_363_500_000, path: second },
    ...{ running: second, booted: "" },
  });
  expect(choose(system, undefined)).toMatchObject({
    ...{ target: { generation: 9 }, before: { generation: 10 } },
  });
});

test("a node that runs the generation that is meant would go back to the one that it starts with", () => {
  const system = { ...parseSystem(listing), running: first };
  expect(choose(system, undefined)).toMatchObject({
    ...{ target: { generation: 9 }, before: { generation: 10 } },
  });
  expect(choose(system, 10)).toMatchObject({
    ...{ target: { generation: 10 }, before: { generation: 9 }, lasting: 10 },
  });
});

test("a node whose profile names no generation that exists has none to go back to", () => {
  const system = parseSystem("lasting system-3-link\nrunning /nix/store/x\nbooted /nix/store/x\n");
  expect(system.lasting).toBeUndefined();
  expect(choose(system, undefined)).toEqual({ reason: "starts with no generation that exists" });
});

test.each<[string, string, ReturnType<typeof parseUnit>]>([
  ["never started", "LoadState=not-found\nActiveState=inactive\n", { kind: "absent" }],
  ["queued", "LoadState=loaded\nActiveState=inactive\n", { kind: "running" }],
  ["at work", "LoadState=loaded\nActiveState=activating\n", { kind: "running" }],
  ["over", "LoadState=loaded\nActiveState=active\nExecMainStatus=0\n", { kind: "ended" }],
  [
    "failed",
    "LoadState=loaded\nActiveState=failed\nExecMainStatus=4\nunit a\nunit b\nunit c\nunit d\n",
    { kind: "failed", why: "exit code 4: unit b / unit c / unit d" },
  ],
])("an activation that is %s is known as such", (_, text, state) => {
  expect(parseUnit(text)).toEqual(state);
});
