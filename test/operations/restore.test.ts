import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { surveyForSite } from "../../src/operations/backup/restoration.ts";
import { startOrder } from "../../src/operations/orders.ts";
import { aBackup } from "../fakes/backup-folder.ts";
import {
  anOrder,
  carryOut,
  draft,
  ended,
  orderTools,
  rackRunner,
  soakBriefly,
} from "../fakes/rack-runner.ts";
import { type RaftSite, raftSite } from "../fakes/raft-site.ts";
import { temporaryDirectory } from "../fakes/temporary-directory.ts";

const all = ["node01", "node02", "node03", "node04"];

async function lost(oldData: "sound" | "corrupt" = "corrupt") {
  const directory = join(temporaryDirectory(), "cluster-20260203-040506");
  await aBackup(directory);
  const site = raftSite(oldData);
  const order = (options: object = {}) =>
    anOrder("restore", { directory, cluster: "prod-cluster", ...options });
  return { directory, site, order, rack: site.rack };
}

const formed = ({ clusters }: RaftSite) =>
  [...clusters].filter(([id]) => !id.startsWith("old-")).map(([, cluster]) => cluster);

const bootstrapping = ({ machines }: RaftSite) =>
  [...machines].filter(([, { config }]) => config.bootstrap).map(([name]) => name);

const switchOff = ({ rack, machines }: RaftSite, name: string, power: "on" | "off") => {
  const machine = machines.get(name);
  if (machine === undefined) throw new Error(`no machine ${name}`);
  machine.ssh = false;
  Object.assign(rack.machines.get(name) ?? {}, { power });
};

test("one node forms the cluster from the snapshots, the others join it, and no old file is overwritten", async () => {
  const { site, order, rack } = await lost();
  const operation = await carryOut(rack, order());
  expect(operation.failure).toBeUndefined();
  expect(operation).toMatchObject({ kind: "restore", status: "done", node: "node01" });
  expect(formed(site)).toEqual([
    { layer: "chainfire", members: all, marker: "b1" },
    { layer: "flaredb", members: all, marker: "b1" },
  ]);
  expect(bootstrapping(site)).toEqual(["node01"]);
  for (const { aside } of site.machines.values())
    expect(aside).toEqual(["old-chainfire", "old-flaredb"]);
});

test("another node may form it, and the one that did so first is told to join", async () => {
  const { site, order, rack } = await lost();
  expect(await carryOut(rack, order({ on: "node03" }))).toMatchObject({ status: "done" });
  expect(bootstrapping(site)).toEqual(["node03"]);
  const claim = rack.tools.clusters.claim("prod-cluster");
  expect(claim).toMatchObject({ node: "node03", initialisedAtMs: expect.any(Number) });
  expect(formed(site).map(({ members }) => members.toSorted())).toEqual([all, all]);
});

test("the draft names every step in its order, and changes nothing", async () => {
  const { site, order, rack } = await lost();
  const { drafted, refusals, notes, destroys } = await draft(rack, order());
  expect(refusals).toEqual([]);
  expect(drafted[0]?.steps.map(({ id }) => id)).toEqual([
    "loss",
    ...["aside-node02", "aside-node03", "aside-node04", "aside-node01"],
    ...["place-node01", "bootstrap-node01", "start-node01", "restored-node01"],
    "start-services-node01",
    ...all.slice(1).flatMap((name) => [`rejoin-${name}`, `start-services-${name}`]),
    ...["verify", "soak"],
  ]);
  expect(destroys).toEqual(["what was written to the cluster since 1970-01-01T00:16:40.000Z"]);
  expect(notes).toHaveLength(4);
  expect([...site.machines.values()].flatMap(({ aside }) => aside)).toEqual([]);
});

test("a cluster of which a member answers is not restored over, and its members are named", async () => {
  const { site, order, rack } = await lost("sound");
  site.restart();
  const { refusals } = await draft(rack, order());
  expect(refusals[0]?.reason).toBe(
    "chainfire of cluster prod-cluster exists: node01 (healthy), node02 (healthy), node03 (healthy), node04 (healthy) (healthy)",
  );
  expect(refusals[0]?.next).toMatch(/^a living cluster is mended, not restored over/);
});

test("where the majority is gone for good, the refusal says how what is left is stopped, and then the restore passes", async () => {
  const { site, order, rack } = await lost("sound");
  site.restart();
  for (const name of ["node02", "node03"]) switchOff(site, name, "off");
  for (const name of ["node02", "node03"]) site.machines.get(name)?.running.clear();
  const { refusals } = await draft(rack, order());
  expect(refusals.map(({ reason }) => reason)).toEqual([
    expect.stringMatching(/^chainfire of .*\(no-quorum\)$/),
    expect.stringMatching(/^flaredb of .*\(no-quorum\)$/),
  ]);
  expect(new Set(refusals.map(({ next }) => next))).toEqual(
    new Set([
      "bring the missing members back (rackstrap cluster status); if they can't come back, stop what is left (on node01, node04: systemctl stop flaredb chainfire), then try again",
    ]),
  );
  for (const name of ["node01", "node04"]) site.machines.get(name)?.running.clear();
  expect((await draft(rack, order())).refusals).toEqual([]);
});

test("only layers without their majority are named to be stopped", async () => {
  const { site, order, rack } = await lost("sound");
  site.restart();
  for (const name of all.slice(1)) site.machines.get(name)?.running.delete("chainfire");
  const { refusals } = await draft(rack, order());
  expect(refusals[0]?.next).toContain("(on node01: systemctl stop chainfire)");
  expect(refusals[1]?.next).toMatch(/^a living cluster is mended/);
});

test("a cluster whose members run and can't be reached from here is not restored over", async () => {
  const { site, order, rack } = await lost("sound");
  site.restart();
  for (const name of all) site.hidden.add(name);
  const { refusals } = await draft(rack, order());
  expect(refusals.map(({ reason }) => reason)).toContain(
    "node node01 runs flaredb, which this server can't reach: it may be a voter of a cluster that works",
  );
});

test("every reason is given at once: the name, the set, a machine that may be alive, a slip", async () => {
  const { site, order, rack } = await lost();
  switchOff(site, "node03", "on");
  const { refusals } = await draft(
    rack,
    order({ cluster: "prod", directory: "/nowhere", gone: ["node99"] }),
  );
  expect(refusals.map(({ reason }) => reason)).toEqual([
    "--cluster prod is not the cluster of this site, which is prod-cluster",
    "node99 is no node with data of the cluster",
    "/nowhere is no backup: it has no manifest.json, which is written last",
    expect.stringContaining("node node03 is powered on and nobody can be asked there"),
  ]);
});

test("a backup with a file that is missing, of another size or of another set is refused at the draft", async () => {
  const { directory, order, rack } = await lost();
  const reasons = async () => (await draft(rack, order())).refusals.map(({ reason }) => reason);
  writeFileSync(join(directory, "flaredb.snapshot"), "b1, and more");
  expect(await reasons()).toEqual([
    "flaredb.snapshot is damaged or of another backup: 12 bytes, not 2",
  ]);
  rmSync(join(directory, "flaredb.snapshot"));
  expect(await reasons()).toEqual(["flaredb.snapshot is missing"]);
  const manifest = await aBackup(directory);
  const [chainfire, ...others] = manifest.layers;
  const layers = [{ ...chainfire, backup: "b0" }, ...others];
  writeFileSync(join(directory, "manifest.json"), JSON.stringify({ ...manifest, layers }));
  expect(await reasons()).toEqual([
    "the set is mixed: chainfire is of the backup b0, and the manifest is of b1",
  ]);
  const ofAnother = { ...manifest, cluster: "test" };
  writeFileSync(join(directory, "manifest.json"), JSON.stringify(ofAnother));
  expect(await reasons()).toEqual(["the backup is of the cluster test, not of prod-cluster"]);
});

test("a file whose content alone is another is refused at the draft, and of a large backup only its size is looked at", async () => {
  const { directory, order, rack } = await lost();
  writeFileSync(join(directory, "flaredb.snapshot"), "b2");
  const [refusal] = (await draft(rack, order())).refusals;
  expect(refusal?.reason).toContain(
    "flaredb.snapshot is damaged or of another backup: its SHA-256",
  );
  const { signal } = new AbortController();
  const large = await surveyForSite(directory, rack.tools.inventory(), signal, 1);
  expect(large.faults).toEqual([]);
});

test("what the draft has not read is found before anything is touched", async () => {
  const { directory, site, order, rack } = await lost();
  const commands: string[] = [];
  site.intercept = (command, effects) => {
    if (effects.length > 0) commands.push(command);
    for (const effect of effects) effect();
  };
  const { drafted } = await startOrder(orderTools(rack.tools), rackRunner(rack), order());
  writeFileSync(join(directory, "flaredb.snapshot"), "b2");
  const { status, failure: why } = await ended(rack, drafted[0]?.id ?? "");
  expect([status, why?.stage]).toEqual(["failed", "loss"]);
  expect(why?.reason).toMatch(
    /^the backup .* can't be used: flaredb.snapshot is damaged or of another backup: its SHA-256 is /,
  );
  expect(commands).toEqual([]);
  expect([...site.machines.values()].flatMap(({ aside }) => aside)).toEqual([]);
});

test("a machine that is off is left out, and may be provisioned afterwards", async () => {
  const { site, order, rack } = await lost();
  switchOff(site, "node01", "off");
  switchOff(site, "node03", "on");
  const gone = ["node03"];
  // What is on is not gone, whatever is typed.
  expect((await draft(rack, order({ gone }))).refusals).toHaveLength(1);
  Object.assign(rack.machines.get("node03") ?? {}, { fault: "bmc-password" });
  expect((await draft(rack, order())).refusals).toHaveLength(1);
  expect((await draft(rack, order({ gone: ["node04", ...gone] }))).refusals[0]?.reason).toBe(
    "--gone node04: this server can log in to it, so it is not gone",
  );
  const { notes, drafted } = await draft(rack, order({ gone }));
  expect(notes).toContain("node node01 is not there: afterwards run rackstrap provision node01");
  expect(drafted[0]?.node).toBe("node02");
  const operation = await carryOut(rack, order({ gone }));
  expect(operation.status).toBe("done");
  expect(formed(site).map(({ members }) => members)).toEqual([
    ["node02", "node04"],
    ["node02", "node04"],
  ]);
});

test("where nobody lets the server in, the restore names what else there is", async () => {
  const { site, order, rack } = await lost();
  for (const name of all) switchOff(site, name, "off");
  const { refusals, drafted } = await draft(rack, order());
  expect(drafted).toEqual([]);
  expect(refusals[0]?.next).toContain("rackstrap disaster-recover --backup DIR");
});

/** How many of a command's effects came about before the server and the rack were cut off. */
interface CutOff {
  /** The number of the command, drafting included. */
  readonly at: number;
  readonly effects: number;
  /** The machines start again before the server does. */
  readonly restarts: boolean;
}

/** What must never be, at any moment. */
function wrongs(site: RaftSite): string[] {
  const told = bootstrapping(site);
  const ones = formed(site);
  const isAlive = site.isOldAlive();
  return [
    ...(told.length > 1 ? [`told to bootstrap: ${told.join()}`] : []),
    ...(new Set(ones.map(({ layer }) => layer)).size < ones.length ? ["formed twice"] : []),
    ...ones.filter(({ marker }) => marker !== "b1").map(({ layer }) => `${layer} formed empty`),
    ...(isAlive && ones.length > 0 ? ["a second cluster beside the old one"] : []),
  ];
}

async function restoreCutOff(oldData: "sound" | "corrupt", cut?: CutOff) {
  const { site, order, rack } = await lost(oldData);
  soakBriefly(rack);
  const seen = new Set<string>();
  const calls: number[] = [];
  const runner = rackRunner(rack);
  const watch = () => wrongs(site).forEach((wrong) => void seen.add(wrong));
  site.intercept = (command, effects) => {
    if (command.includes("-cluster-join.service") && site.isOldWorking())
      seen.add("laid aside under a cluster that works");
    const isCut = calls.push(effects.length) === cut?.at;
    for (const effect of isCut ? effects.slice(0, cut.effects) : effects) {
      effect();
      watch();
    }
    if (!isCut) return;
    if (cut.restarts) site.restart();
    watch();
    void runner.close();
    throw new Error("the server is gone");
  };
  const { drafted } = await startOrder(orderTools(rack.tools), runner, order());
  const id = drafted[0]?.id ?? "";
  for (let turn = 0; turn < 20_000 && calls.length !== cut?.at; turn++) {
    if (rack.tools.operations.operation(id)?.status !== "running") break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  await runner.close();
  rackRunner(rack).resume();
  const operation = await ended(rack, id);
  watch();
  return { site, operation, calls, wrongs: [...seen] };
}

async function everyCut(oldData: "sound" | "corrupt"): Promise<CutOff[]> {
  const { operation, calls } = await restoreCutOff(oldData);
  expect(operation.status).toBe("done");
  // Each machine is asked twice when the order is drafted.
  return calls.flatMap((count, index) =>
    index < all.length * 2
      ? []
      : Array.from({ length: count + 1 }, (_, effects) =>
          [false, true].map((restarts) => ({ at: index + 1, effects, restarts })),
        ).flat(),
  );
}

test.each([
  ["corrupt", ["done"]],
  // Machines that start before their data is aside are the old cluster again: that is no loss.
  ["sound", ["done", "exists"]],
] as const)(
  "cut off anywhere, machines restarted or not: told to one node at most, formed once at most, never empty (old data %s)",
  async (oldData, expected) => {
    const outcomes = new Set<string>();
    const cuts = await everyCut(oldData);
    expect(cuts.length).toBeGreaterThan(60);
    for (const cut of cuts) {
      const { site, operation, wrongs: seen } = await restoreCutOff(oldData, cut);
      expect(seen, JSON.stringify(cut)).toEqual([]);
      const exists = /^(chainfire|flaredb) of cluster .* exists/.test(
        operation.failure?.reason ?? "",
      );
      outcomes.add(exists ? "exists" : (operation.failure?.reason ?? operation.status));
      if (operation.status === "done")
        expect(formed(site).map(({ members }) => members.toSorted())).toEqual([all, all]);
    }
    expect([...outcomes].toSorted()).toEqual(expected);
  },
  180_000,
);
