// Updates of a living cluster on the virtual rack, one node at a time, under a client that writes the whole time.
// The tests are one story and run in order; each leaves the record of its operation in .state/records.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { clusterAnswer } from "../../../src/api/shapes.ts";
import { createStory, type Story } from "../story.ts";
import { carryOut, formCluster, founders, killIn, longestGapMs, underWriter } from "./orders.ts";

let story: Story;

beforeAll(async () => {
  story = await createStory({
    nodes: founders.map((name) => ({ name, firmware: "bios" as const })),
  });
  await formCluster(story);
});

afterAll(async () => {
  await story?.close();
});

/** Gives every node another system to be built: the stand-in for nix makes it of this text. */
function declareGeneration(text: string): void {
  const file = join(story.directory, "flake/rack.json");
  const flake = JSON.parse(readFileSync(file, "utf8")) as { nodes: Record<string, object> };
  for (const node of Object.values(flake.nodes)) Object.assign(node, { generation: text });
  writeFileSync(file, JSON.stringify(flake));
}

const running = async (node: string) =>
  (await story.ssh(node, "readlink /run/current-system; readlink /nix/var/nix/profiles/system"))
    .trim()
    .split("\n");

/** Who leads has the last turn. */
async function haveNode03Lead(): Promise<void> {
  const { layers } = await story.ask(["cluster", "status"], clusterAnswer);
  const leader = layers.find(({ layer }) => layer === "chainfire")?.leader ?? "nobody";
  const json = ["-H", "content-type: application/json", "-d", JSON.stringify({ id: "node03" })];
  await story.curl(leader, "/admin/cluster/leader/transfer", "-X", "POST", ...json);
}

test("three nodes get another system one after the other, though the server is killed meanwhile; no write waits longer than for an election", async () => {
  const before = await Promise.all(founders.map(running));
  declareGeneration("2");
  const report = await underWriter(story, "update", founders, async () => {
    const { status, failure } = await carryOut(
      story,
      "update",
      ["update", ...founders],
      1500,
      killIn(story, "test-node02"),
    );
    expect({ status, failure }).toEqual({ status: "done" });
  });
  expect(report.longestMs).toBeLessThan(longestGapMs);
  const after = await Promise.all(founders.map(running));
  for (const [index, [system, profile]] of after.entries()) {
    expect(system).not.toBe(before[index]?.[0]);
    expect(profile).toBe("system-2-link");
  }
  expect(await story.healthyVoters()).toEqual([3, 3]);
});

test("a system that leaves node02 broken is taken back there, node03 is not touched, and the reason is told", async () => {
  await story.restart((inventory) => ({
    ...inventory,
    update: {
      ...inventory.update,
      build: ["env", "RACK_FAULT_UPDATE=node02", ...(inventory.update?.build ?? [])],
      healthSeconds: 60,
    },
  }));
  const before = await Promise.all(founders.map(running));
  await haveNode03Lead();
  declareGeneration("3");
  const { code, stdout } = await story.run(["update", "node02", "node03", "--execute"], 1_200_000);
  expect(code, stdout).toBe(1);
  expect(stdout).toMatch(/node02 is back on generation 2 .* healthy; not touched: node03/s);
  const after = await Promise.all(founders.map(running));
  expect(after[1]?.[0]).toBe(before[1]?.[0]);
  expect(after[2]).toEqual(before[2]);
  expect(await story.healthyVoters()).toEqual([3, 3]);
});
