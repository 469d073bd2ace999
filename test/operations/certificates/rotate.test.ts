import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import type { Judgement } from "../../../src/cluster/judge.ts";
import { readNodes } from "../../../src/operations/certificates/live-status.ts";
import { nodeProblems } from "../../../src/operations/certificates/status.ts";
import { draftOrder } from "../../../src/operations/orders.ts";
import { fingerprintOf } from "../../../src/pki/chain.ts";
import { type Living, livingNodes, strangers } from "./living-nodes.ts";

const root = mkdtempSync(join(tmpdir(), "rackstrap-rotate-"));
afterAll(() => rmSync(root, { recursive: true }));

let living: Living;
let count = 0;
beforeEach(async () => {
  count += 1;
  living = await livingNodes(join(root, `site${count}`));
});
afterEach(async () => await living.close());

const { signal } = new AbortController();

/** What `certs status` finds wrong with the three nodes. */
async function problems(): Promise<string[]> {
  const { inventory, authority, certificates } = living.tools;
  const known = { inventory: inventory(), ca: authority.ca(), issued: certificates.certificates() };
  const nodes = [...living.nodes.values()].map(({ node }) => node);
  const readings = await readNodes(known, nodes, signal);
  const limits = { nowMs: Date.now(), withinDays: 30 };
  return readings.flatMap((reading) => nodeProblems(reading, known.ca, limits));
}

const files = (name: string) => readdirSync(living.nodes.get(name)?.directory ?? "").sort();
const text = (name: string, file: string) =>
  readFileSync(join(living.nodes.get(name)?.directory ?? "", file), "utf8");
const clean = (name: string) => ["ca-cert.pem", `${name}-cert.pem`, `${name}-key.pem`];

test("one node gets a new certificate, its services start anew in order, and nothing of the old one is left", async () => {
  const before = text("node02", "node02-cert.pem");
  expect(await problems()).toEqual([]);
  expect((await living.order({ nodes: ["node02"] })).refusals).toEqual([]);
  const operation = await living.settled();
  expect(operation).toMatchObject({ status: "done", node: "node02", failure: undefined });
  expect(living.log).toEqual([
    "node02 stop iam",
    "node02 stop flaredb",
    "node02 stop chainfire",
    "node02 start chainfire",
    "node02 start flaredb",
    "node02 start iam",
  ]);
  expect(text("node02", "node02-cert.pem")).not.toBe(before);
  expect(files("node02")).toEqual(clean("node02"));
  expect(await problems()).toEqual([]);
  expect(living.tools.certificates.certificates()[0]).toMatchObject({
    ...{ node: "node02", operation: operation?.id, verified: { by: "files" } },
  });
  const proof = operation?.steps.find(({ id }) => id === "prove-certificate-node02");
  expect(proof?.evidence["shown"]).toHaveLength(3);
  // The sum that the budget was looked at with, before the first stop.
  const restart = operation?.steps.find(({ id }) => id === "restart-certificate-node02");
  expect(restart?.evidence["quorum"]).toContainEqual(
    "chainfire: voters 3, healthy 3, taking node02 leaves 2 >= 2: allowed",
  );
});

test("no key is in what is stored of an operation", async () => {
  await living.order({ nodes: ["node02"] });
  const key = text("node02", "node02-key.pem").split("\n")[1] ?? "none";
  await living.settled();
  const stored = JSON.stringify(living.tools.operations.operations({ running: false }));
  for (const secret of [key, text("node02", "node02-key.pem").split("\n")[1] ?? "none", "PRIVATE"])
    expect(stored).not.toContain(secret);
});

test("the CA is replaced on every node, with no moment in which two members don't trust each other", async () => {
  const { authority } = living.tools;
  const old = fingerprintOf(authority.ca().certificate);
  const seen: string[] = [];
  living.after = () => {
    seen.push(...strangers(living, "chainfire"), ...strangers(living, "flaredb"));
    const out = [...living.rack.machines.values()].filter(({ stopped }) => stopped.size > 0);
    if (out.length > 1) seen.push("two nodes are out at one time");
  };
  expect((await living.order({ options: { ca: true } })).refusals).toEqual([]);
  const operation = await living.settled();
  expect(operation).toMatchObject({ status: "done", failure: undefined, node: "prod-cluster" });
  expect(seen).toEqual([]);
  expect(authority.ca()).toMatchObject({ stage: "one", alsoTrusted: [] });
  expect(fingerprintOf(authority.ca().certificate)).not.toBe(old);
  expect(await problems()).toEqual([]);
  const state = living.tools.inventory().server.stateDirectory;
  expect(readFileSync(join(state, "ca-bundle.pem"), "utf8")).toBe(authority.ca().certPem);
  for (const name of living.nodes.keys()) {
    expect(text(name, "ca-cert.pem")).toBe(authority.ca().certPem);
    expect(files(name)).toEqual(clean(name));
  }
  // The leader, node01, comes last in each of the three rounds.
  const rounds = living.log.filter((line) => line.endsWith("stop chainfire"));
  expect(rounds.map((line) => line.slice(0, 6))).toEqual(
    ["node02", "node03", "node01"].flatMap((_, __, all) => all),
  );
}, 120_000);

test("a node whose service does not start with its new files has the old ones back, running, and the next node is untouched", async () => {
  const before = ["node02", "node03"].map((name) => text(name, `${name}-key.pem`));
  const node02 = living.nodes.get("node02");
  if (node02 === undefined) throw new Error("no node02");
  node02.broken = "flaredb";
  const { restoreSeen } = { restoreSeen: () => text("node02", "node02-key.pem") === before[0] };
  living.after = () => {
    // It starts again once its old files are back.
    if (node02.units.chainfire.invocation > 1 && restoreSeen()) node02.broken = undefined;
  };
  await living.order({ nodes: ["node02", "node03"] });
  const operation = await living.settled();
  expect(operation).toMatchObject({
    status: "failed",
    failure: { stage: "restart-certificate-node02", reason: expect.stringContaining("flaredb") },
  });
  const names = ["node02", "node03"];
  expect(names.map((name) => text(name, `${name}-key.pem`))).toEqual(before);
  expect(files("node02")).toEqual(clean("node02"));
  expect(Object.values(node02.units).every(({ server }) => server !== undefined)).toBe(true);
  expect(node02.units.flaredb.loaded?.cert).toBe(text("node02", "node02-cert.pem"));
  expect(living.log.filter((line) => line.startsWith("node03"))).toEqual([]);
  expect(await problems()).toEqual([]);
  expect(strangers(living, "chainfire")).toEqual([]);
}, 120_000);

test("a server that is killed after any command to a node ends the rotation right when it starts again", async () => {
  for (let at = 1; ; at++) {
    let commands = 0;
    let crash: Promise<void> | undefined;
    living.after = () => {
      commands += 1;
      if (commands === at) crash = living.crash();
    };
    const before = text("node02", "node02-cert.pem");
    await living.order({ nodes: ["node02"] });
    expect(await living.settled(), `command ${at}`).toMatchObject({ status: "done" });
    await crash;
    expect(text("node02", "node02-cert.pem"), `command ${at}`).not.toBe(before);
    expect(files("node02"), `command ${at}`).toEqual(clean("node02"));
    expect(await problems(), `command ${at}`).toEqual([]);
    if (crash === undefined) break;
  }
}, 120_000);

test("a server that ends while it gives a node its former files back does not take them for the new ones", async () => {
  const former = text("node02", "node02-key.pem");
  const isNew = () => text("node02", "node02-key.pem") !== former;
  const isProven = () =>
    living.tools.operations
      .operations({ running: true })
      .some(({ steps }) => steps.some(({ id, status }) => /^prove/.test(id) && status === "done"));
  const { fresh } = living.tools.cluster;
  Object.assign(living.tools.cluster, {
    // It is no voter with its new files, and one again with the former.
    fresh: async () =>
      (await fresh()).map((view) => (isProven() && isNew() ? without(view, "node02") : view)),
  });
  let crash: Promise<void> | undefined;
  living.after = () => {
    if (isProven() && !isNew()) crash ??= living.crash();
  };
  await living.order({ nodes: ["node02"] });
  const operation = await living.settled();
  await crash;
  expect(crash).toBeDefined();
  expect(operation).toMatchObject({
    status: "failed",
    failure: {
      stage: "voter-certificate-node02",
      reason: expect.stringContaining("no longer has"),
    },
  });
  expect(isNew()).toBe(false);
  expect(files("node02")).toEqual(clean("node02"));
  const units = Object.values(living.nodes.get("node02")?.units ?? {});
  const certificate = text("node02", "node02-cert.pem");
  expect(units.map(({ loaded }) => loaded?.cert === certificate)).toEqual([true, true, true]);
  expect(await problems()).toEqual([]);
}, 120_000);

/** The same layer, with this voter ill. */
function without(view: Judgement, name: string): Judgement {
  const healthyVoters = view.healthyVoters.filter((voter) => voter !== name);
  return { ...view, healthyVoters, verdict: "degraded", reasons: [`${name} is ill`] };
}

test("a server that is killed again and again replaces the CA once, and right", async () => {
  const { authority } = living.tools;
  const old = fingerprintOf(authority.ca().certificate);
  let commands = 0;
  const crashes: Promise<void>[] = [];
  const seen: string[] = [];
  living.after = () => {
    commands += 1;
    seen.push(...strangers(living, "chainfire"));
    if (commands % 8 === 0) crashes.push(living.crash());
  };
  await living.order({ options: { ca: true } });
  expect(await living.settled()).toMatchObject({ status: "done", failure: undefined });
  await Promise.all(crashes);
  expect(crashes.length).toBeGreaterThan(5);
  expect(seen).toEqual([]);
  expect(await problems()).toEqual([]);
  expect(fingerprintOf(authority.ca().certificate)).not.toBe(old);
  const state = living.tools.inventory().server.stateDirectory;
  expect(readdirSync(join(state, "pki/retired"))).toEqual([`${old}.pem`]);
}, 120_000);

test("a rotation of the CA that was cancelled half way is taken up where it stands", async () => {
  const { authority, operations } = living.tools;
  living.after = () => {
    const [running] = operations.operations({ running: true });
    if (authority.ca().stage === "switched" && running !== undefined)
      living.runner.cancel(running.id);
  };
  await living.order({ options: { ca: true } });
  expect(await living.settled()).toMatchObject({ status: "cancelled" });
  expect(authority.ca().stage).toBe("switched");
  living.after = () => undefined;
  // As `operations retry` orders it: the same nodes, and what the operation was kept with.
  const [ended] = operations.operations({ running: false });
  const { nodes, parameters } = ended ?? { nodes: [], parameters: {} };
  const { refusals, notes } = await living.order({ nodes, options: parameters });
  expect(refusals).toEqual([]);
  expect(notes).toContain("a rotation has begun, and is taken up where it stands");
  expect(await living.settled()).toMatchObject({ status: "done" });
  expect(authority.ca().stage).toBe("one");
  expect(await problems()).toEqual([]);
  expect(
    readdirSync(join(living.tools.inventory().server.stateDirectory, "pki/retired")),
  ).toHaveLength(1);
}, 120_000);

const draft = async (nodes: readonly string[], options: object = {}) =>
  await draftOrder(living.tools, {
    ...{ verb: "rotate-certificates", nodes, options: { ...options }, force: [] },
  });

const nodeSteps = ["deliver", "hand-over", "restart", "prove", "voter", "settle"];

test("the draft has the steps of each node, the sums, and changes nothing", async () => {
  const { drafted, refusals, quorum, destroys } = await draft([], { ca: true });
  expect(refusals).toEqual([]);
  expect(destroys).toEqual(["the key of the CA that is replaced"]);
  expect(quorum).toHaveLength(6);
  const ids = drafted[0]?.steps.map(({ id }) => id) ?? [];
  expect(ids.filter((id) => id.startsWith("ca-") || id.endsWith("node03"))).toEqual([
    "ca-begin",
    ...nodeSteps.map((step) => `${step}-trust-both-node03`),
    "ca-switch",
    ...nodeSteps.map((step) => `${step}-certificate-node03`),
    "ca-finish",
    ...nodeSteps.map((step) => `${step}-trust-new-node03`),
  ]);
  expect(living.log).toEqual([]);
  expect(living.tools.authority.ca().stage).toBe("one");
});

test("with one member out, another is refused with the numbers, and its typed name lifts that", async () => {
  // All of them are seen as members before one goes.
  await living.rack.tools.cluster.fresh();
  living.rack.machines.get("node03")?.stopped.add("chainfire");
  const { refusals } = await draft(["node02"]);
  expect(refusals.map(({ reason }) => reason)).toEqual([
    "chainfire: voters 3, healthy 2, taking node02 leaves 1 < 2: refused",
    "flaredb: voters 3, healthy 2, taking node02 leaves 1 < 2: refused",
  ]);
  expect((await living.order({ nodes: ["node02"], force: ["node02"] })).refusals).toEqual([]);
});

test("a node whose services run anew is done, though another falls then: nothing is left to be stopped", async () => {
  await living.rack.tools.cluster.fresh();
  living.after = () => {
    if (living.log.at(-1) === "node02 start iam")
      living.rack.machines.get("node03")?.stopped.add("chainfire");
  };
  await living.order({ nodes: ["node02"] });
  expect((await living.settled())?.failure).toBeUndefined();
  expect(await problems()).toEqual([]);
}, 120_000);

test("where no majority is left, as with all certificates expired, a node gets its own by its typed name and keeps it", async () => {
  await living.rack.tools.cluster.fresh();
  for (const name of ["node02", "node03"]) living.rack.machines.get(name)?.stopped.add("chainfire");
  await living.rack.tools.cluster.fresh();
  const order = { nodes: ["node01"], force: ["node01"] };
  expect((await living.order(order)).refusals).toEqual([]);
  const operation = await living.settled();
  expect(operation?.failure).toBeUndefined();
  expect(operation?.steps.find(({ id }) => id === "voter-certificate-node01")?.evidence).toEqual({
    withoutMajority: [expect.stringMatching(/^chainfire: /), expect.stringMatching(/^flaredb: /)],
  });
}, 120_000);

test("a node that is not in service, nodes named together with the CA, and an operator's own CA are refused with what to do", async () => {
  expect((await draft(["node04"])).refusals[0]?.reason).toBe(
    "node node04 is registered, and has to be active",
  );
  living.tools.nodes.transition("node03", "drained", {});
  const [drained] = (await draft([], { ca: true })).refusals;
  expect(drained).toMatchObject({
    reason: "node node03 is drained, and has to be active for the CA to be replaced",
    next: expect.stringContaining("rackstrap undrain node03"),
  });
  expect((await draft([])).notes).toEqual(["node03 is not active, and is left out"]);
  expect((await draft(["node01"], { ca: true })).refusals[0]?.next).toContain("name no node");
  Object.assign(living.tools.authority, { refusal: { why: "the operator's own", next: "append" } });
  expect((await draft([], { ca: true })).refusals[0]?.reason).toBe("the operator's own");
  expect((await draft(["node01"])).refusals).toEqual([]);
});
