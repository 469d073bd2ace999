// The life of a cluster after its first day, on the virtual rack under a client that writes the whole time.
// The tests are one story and run in order; each leaves the record of its operation in .state/records.

import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { planShape } from "../../../src/api/operation-shapes.ts";
import { clusterAnswer, eventsAnswer } from "../../../src/api/shapes.ts";
import { createStory, keepRecord, type Story } from "../story.ts";
import { carryOut, formCluster, founders, killIn, longestGapMs, underWriter } from "./orders.ts";

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
  await formCluster(story);
});

afterAll(async () => {
  await story?.close();
});

test("a leader that sends heartbeats and commits nothing is told, loses its lead, and writes are committed again", async () => {
  const { layers } = await story.ask(["cluster", "status"], clusterAnswer);
  const leader = layers.find(({ layer }) => layer === "chainfire")?.leader ?? "nobody";
  const stuck = "/var/lib/chainfire/stuck";
  for (const name of founders) await story.ssh(name, `echo ${leader} > ${stuck}`);
  const told = await story.until("writes are committed again", 240, async () => {
    const { events } = await story.ask(["events"], eventsAnswer);
    const about = events.filter(({ detail }) => detail["layer"] === "chainfire");
    return about.at(-1)?.kind === "commits-again" ? about : undefined;
  });
  keepRecord("stuck-leader", told);
  expect(told.map(({ kind, node }) => [kind, node === leader])).toEqual([
    ["stuck-leader", true],
    ["leader-handed-over", true],
    ["commits-again", false],
  ]);
  expect(told[1]?.detail).toMatchObject({ outcome: "transferred" });
  for (const name of founders) await story.ssh(name, `rm ${stuck}`);
  expect(await story.healthyVoters()).toEqual([3, 3]);
});

test("a fourth node is added to the living cluster, and never told to bootstrap", async () => {
  const report = await underWriter(story, "add", founders, async () => {
    const plan = await story.ask(["add", "node04"], planShape);
    expect(plan.refusals).toEqual([]);
    expect(await story.states(["node04"])).toEqual(["registered"]);
    const added = await carryOut(story, "add", ["add", "node04"], 600);
    expect(added).toMatchObject({ status: "done" });
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
  const retired = await carryOut(story, "decommission", ["decommission", "node04"], 600);
  expect(retired).toMatchObject({ status: "done" });
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
    expect(stdout).toMatch(
      /voters 3, healthy (2, .*leaves|without node03 1: .*) 1 < 2: refused|node node03 is alive/,
    );
    expect((await story.run([verb, "node03", "--execute"])).code).toBe(1);
  }
  expect(await story.healthyVoters()).toEqual([2, 2]);
});

test("a node whose machine and disk are destroyed is replaced, though the server is killed meanwhile; no acknowledged write is lost", async () => {
  const report = await underWriter(story, "replace", ["node01", "node03"], async () => {
    const replaced = await carryOut(
      story,
      "replace",
      ["replace", "node02"],
      900,
      killIn(story, "install"),
    );
    expect(replaced).toMatchObject({ status: "done" });
  });
  expect(report.longestMs).toBeLessThan(longestGapMs);
  expect(await story.healthyVoters()).toEqual([3, 3]);
  expect(await story.states(founders)).toEqual(["active", "active", "active"]);
});
