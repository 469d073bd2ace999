// Certificates of a living cluster, on the virtual rack: one node's, and the CA of all of them under a client that writes the whole time.
// The tests are one story and run in order.

import { X509Certificate } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { certificateStatusAnswer } from "../../../src/api/certificate-shapes.ts";
import { createStory, keepRecord, type Story } from "../story.ts";

const founders = ["node01", "node02", "node03"];

let story: Story;

beforeAll(async () => {
  story = await createStory({
    nodes: founders.map((name) => ({ name, firmware: "bios" as const })),
  });
});

afterAll(async () => {
  await story?.close();
});

const status = async (...args: readonly string[]) =>
  await story.ask(["certs", "status", ...args], certificateStatusAnswer);

async function problems(): Promise<string[]> {
  const { authority, nodes } = await status();
  return [authority, ...nodes.filter(({ node }) => founders.includes(node))].flatMap(
    (each) => each.problems,
  );
}

const leaf = async (node: string) => {
  const { fingerprint256 } = new X509Certificate(
    await story.ssh(node, `cat /etc/nixos/secrets/${node}-cert.pem`),
  );
  return fingerprint256;
};

const secretFiles = async (node: string) =>
  (await story.ssh(node, "ls /etc/nixos/secrets")).trim().split("\n");

test("three nodes form a cluster that shows what was issued to them", async () => {
  const ids = (await story.begin(["provision", ...founders])).map(({ id }) => id);
  const ended = await story.ended(ids, 1100);
  expect(ended.map(({ status: outcome }) => outcome)).toEqual(["done", "done", "done"]);
  expect(await problems()).toEqual([]);
});

test("one node is given a new certificate, though the server is killed while its services start anew", async () => {
  const before = await Promise.all(founders.map(leaf));
  const [begun] = await story.begin(["certs", "rotate", "node02"]);
  if (begun === undefined) throw new Error("nothing was begun");
  await story.until("node02 is about to start its services anew", 120, async () => {
    const mine = (await story.operations()).find(({ id }) => id === begun.id);
    const step = mine?.steps.find(({ id }) => id === "restart-certificate-node02");
    return step?.status === "pending" ? undefined : step;
  });
  await story.killServer();
  const [ended] = await story.ended([begun.id], 600);
  keepRecord("rotate-one-node", ended);
  expect(ended).toMatchObject({ status: "done" });
  const after = await Promise.all(founders.map(leaf));
  expect(after.map((fingerprint, index) => fingerprint === before[index])).toEqual([
    true,
    false,
    true,
  ]);
  expect(await secretFiles("node02")).toEqual([
    ...["ca-cert.pem", "cluster-config.json", "node02-cert.pem", "node02-key.pem"],
  ]);
  expect(await story.healthyVoters()).toEqual([3, 3]);
  expect(await problems()).toEqual([]);
});

test("the CA is replaced under a client that writes the whole time, and no acknowledged write is lost", async () => {
  const old = (await status()).authority.fingerprint;
  const writer = story.write(founders);
  const ids = (await story.begin(["certs", "rotate", "--ca"])).map(({ id }) => id);
  await story.until("the next CA signs", 900, async () =>
    (await status()).authority.stage === "switched" ? true : undefined,
  );
  await story.killServer();
  const [ended] = await story.ended(ids, 1800);
  const report = await writer.stop();
  keepRecord("rotate-ca", { operation: ended, writer: report });
  expect(ended).toMatchObject({ status: "done" });
  expect(report).toMatchObject({ lost: [], unacknowledged: 0 });
  expect(report.acknowledged).toBeGreaterThan(50);
  const { authority } = await status();
  expect(authority).toMatchObject({ stage: "one", alsoTrusted: [] });
  expect(authority.fingerprint).not.toBe(old);
  expect(await problems()).toEqual([]);
  expect(await story.healthyVoters()).toEqual([3, 3]);
  const pki = join(story.directory, "state/pki");
  expect(readdirSync(join(pki, "retired"))).toEqual([`${old}.pem`]);
  for (const node of founders)
    expect((await story.ssh(node, "cat /etc/nixos/secrets/ca-cert.pem")).trim()).toBe(
      readFileSync(join(pki, "ca-cert.pem"), "utf8").trim(),
    );
});
