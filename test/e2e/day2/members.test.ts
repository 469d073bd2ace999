// The life of a cluster after its first day, on the virtual rack under a client that writes the whole time.
// The tests are one story and run in order; each leaves the record of its operation in .state/records.

import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type OperationView, planShape } from "../../../src/api/operation-shapes.ts";
import { createStory, keepRecord, type Story, type WriterReport } from "../story.ts";

const founders = ["node01", "node02", "node03"];
// Under emulation members elect a leader within two election timeouts of 8 s, and answer within as much.
const longestGapMs = 45_000;

let story: Story;

beforeAll(async () => {
  story = await createStory({
    nodes: [
      { name: "node01", firmware: "bios", bmc: "ipmi_sim" },
      { name: "node02", firmware: "bios", bmc: "ipmi-17" },
      { name: "node03", firmware: "bios", bmc: "redfish" },
      { name: "node04", firmware: "bios", bmc: "ipmitool" },
    ],
  });
  const ids = (await story.begin(["provision", ...founders])).map(({ id }) => id);
  const ended = await story.ended(ids, 900);
  expect(ended.map(({ status }) => status)).toEqual(["done", "done", "done"]);
});

afterAll(async () => {
  await story?.close();
});

/** Begins an order and waits for its end; what it was is kept under `record`. */
async function carryOut(
  record: string,
  args: readonly string[],
  seconds: number,
  meanwhile: (operation: OperationView) => Promise<void> = async () => undefined,
): Promise<OperationView> {
  const [begun] = await story.begin(args);
  if (begun === undefined) throw new Error(`${args.join(" ")} began nothing`);
  await meanwhile(begun);
  const [ended] = await story.ended([begun.id], seconds);
  if (ended === undefined) throw new Error(`${args.join(" ")} is gone`);
  keepRecord(record, ended);
  return ended;
}

/** Does `work` while a client writes through `members`, and says what that client saw. */
async function underWriter(
  members: readonly string[],
  work: () => Promise<void>,
): Promise<WriterReport> {
  const writer = story.write(members);
  try {
    await work();
  } finally {
    // Its last words are wanted also when the work went wrong.
    await sleep(2000);
  }
  const report = await writer.stop();
  expect(report.lost).toEqual([]);
  expect(report.unacknowledged).toBe(0);
  expect(report.acknowledged).toBeGreaterThan(20);
  return report;
}

/** Kills the server once the operation is in the step of that id. */
function killIn(step: string) {
  return async ({ id }: OperationView): Promise<void> => {
    await story.until(`${id} is in ${step}`, 600, async () => {
      const mine = (await story.operations()).find((operation) => operation.id === id);
      if (mine?.status !== "running") throw new Error(`${id} is ${mine?.status} before ${step}`);
      const at = mine.steps.find(({ status }) => status !== "done");
      return at?.id === step ? true : undefined;
    });
    await story.killServer();
  };
}

test("a fourth node is added to the living cluster, and never told to bootstrap", async () => {
  const report = await underWriter(founders, async () => {
    const plan = await story.ask(["add", "node04"], planShape);
    expect(plan.refusals).toEqual([]);
    expect(await story.states(["node04"])).toEqual(["registered"]);
    const added = await carryOut("add", ["add", "node04"], 600);
    expect(added).toMatchObject({ status: "done", failure: undefined });
  });
  expect(report.longestMs).toBeLessThan(longestGapMs);
  expect(await story.healthyVoters()).toEqual([4, 4]);
  const config = JSON.parse(
    await story.ssh("node04", "cat /etc/nixos/secrets/cluster-config.json"),
  );
  expect(config).toMatchObject({ node_id: "node04", bootstrap: false });
});

test("a node is decommissioned: its entry leaves the file with every comment kept, it is off, and its MAC is refused", async () => {
  const { inventoryFile } = story.rack;
  const { mac } = story.rack.machine("node04");
  writeFileSync(inventoryFile, `# kept by hand\n${readFileSync(inventoryFile, "utf8")}`);
  const plan = await story.ask(["decommission", "node04"], planShape);
  expect(plan.refusals).toEqual([]);
  expect(plan.notes.join("\n")).toMatch(/^-\s+node04:/m);
  const retired = await carryOut("decommission", ["decommission", "node04"], 600);
  expect(retired).toMatchObject({ status: "done", failure: undefined });
  const text = readFileSync(inventoryFile, "utf8");
  expect(text).toMatch(/^# kept by hand\n/);
  expect(text).not.toMatch(/^ {2}node04:/m);
  expect(text).toContain(mac);
  expect(story.rack.machine("node04").qemuPid()).toBeUndefined();
  expect(await story.healthyVoters()).toEqual([3, 3]);
  // Switched on again, it asks for an address and gets none.
  await story.rack.machine("node04").ipmitool(["chassis", "power", "on"]);
  const explained = await story.until("the retired machine asks", 120, async () => {
    const { stdout } = await story.run(["explain", mac]);
    return /refused|retired/.test(stdout) ? stdout : undefined;
  });
  expect(explained).toMatch(/retired/);
  await story.rack.machine("node04").ipmitool(["chassis", "power", "off"]);
});

test("with one node down, whatever takes another is refused with the numbers", async () => {
  story.destroy("node02");
  await story.until("node02 counts as lost", 120, async () =>
    (await story.healthyVoters()).every((count) => count === 2) ? true : undefined,
  );
  for (const verb of ["drain", "update", "replace", "reprovision"]) {
    const { code, stdout } = await story.run([verb, "node03"]);
    expect(code, stdout).toBe(1);
    expect(stdout).toMatch(/voters 3, healthy 2, .*leaves 1 < 2: refused|node node03 is alive/);
    expect((await story.run([verb, "node03", "--execute"])).code).toBe(1);
  }
  expect(await story.healthyVoters()).toEqual([2, 2]);
});

test("a node whose machine and disk are destroyed is replaced, though the server is killed meanwhile; no acknowledged write is lost", async () => {
  const report = await underWriter(["node01", "node03"], async () => {
    const replaced = await carryOut("replace", ["replace", "node02"], 900, killIn("install"));
    expect(replaced).toMatchObject({ status: "done", failure: undefined });
  });
  expect(report.longestMs).toBeLessThan(longestGapMs);
  expect(await story.healthyVoters()).toEqual([3, 3]);
  expect(await story.states(founders)).toEqual(["active", "active", "active"]);
});
