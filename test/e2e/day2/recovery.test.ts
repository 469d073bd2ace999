// A backup of a living cluster, the loss of all its machines, and the cluster again with its data, on the virtual rack.
// The tests are one story and run in order; each leaves the record of its operation in .state/records.

import { cpSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { planShape } from "../../../src/api/operation-shapes.ts";
import { createStory, type Story } from "../story.ts";
import { carryOut, formCluster, founders } from "./orders.ts";

const backups = () => join(story.directory, "state/backups");

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

async function put(key: string, value: string): Promise<void> {
  const json = ["-H", "content-type: application/json", "-d", JSON.stringify({ value })];
  await story.curl("node01", `/v1/kv/${key}`, "-X", "PUT", ...json);
}

async function takeBackup(record: string): Promise<string> {
  const before = readdirSync(story.directory).includes("state") ? folders() : [];
  const { status, failure } = await carryOut(story, record, ["backup"], 300);
  expect({ status, failure }).toEqual({ status: "done" });
  const [made] = folders().filter((name) => !before.includes(name));
  if (made === undefined) throw new Error("no folder was made");
  return join(backups(), made);
}

function folders(): string[] {
  try {
    return readdirSync(backups());
  } catch {
    return [];
  }
}

let backup = "";

test("a backup of every layer is taken from a follower and verified", async () => {
  await put("kept", "in the backup");
  backup = await takeBackup("backup");
  expect((await story.run(["backup", "verify", backup])).code).toBe(0);
  await put("late", "after the backup");
});

test("a restore over the healthy cluster is refused, and so is one of a mixed set", async () => {
  const restore = ["restore", backup, "--cluster", "prod-cluster"];
  const living = await story.ask(restore, planShape);
  expect(living.refusals.map(({ reason }) => reason).join()).toMatch(/node0\d/);
  expect((await story.run([...restore, "--execute"])).code).toBe(1);
  const second = await takeBackup("second-backup");
  const mixed = join(backups(), "mixed");
  cpSync(backup, mixed, { recursive: true });
  const [layerFile] = readdirSync(second).filter((name) => name.startsWith("flaredb"));
  if (layerFile === undefined) throw new Error("the backup has no file of flaredb");
  cpSync(join(second, layerFile), join(mixed, layerFile));
  const plan = await story.ask(["restore", mixed, "--cluster", "prod-cluster"], planShape);
  expect(plan.refusals.map(({ reason }) => reason).join()).toMatch(/flaredb/);
  expect(await story.healthyVoters()).toEqual([3, 3]);
});

test("all machines destroyed, the cluster comes back from the backup with its data", async () => {
  for (const node of founders) story.destroy(node);
  const recovered = await carryOut(
    story,
    "disaster-recover",
    ["disaster-recover", "--backup", backup, "--cluster", "prod-cluster"],
    900,
  );
  expect(recovered).toMatchObject({ status: "done" });
  const others = ["node02", "node03"];
  const ids = (await story.begin(["provision", ...others])).map(({ id }) => id);
  const ended = await story.ended(ids, 900);
  expect(ended.map(({ failure }) => failure)).toEqual([undefined, undefined]);
  expect(await story.healthyVoters()).toEqual([3, 3]);
  for (const node of founders)
    expect(JSON.parse(await story.curl(node, "/v1/kv/kept"))).toEqual({
      key: "kept",
      value: "in the backup",
    });
  await expect(story.curl("node01", "/v1/kv/late")).rejects.toThrow(/404/);
});
