import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "../../src/bmc/clock.ts";
import { type Answer, failure, success } from "../../src/cluster/client.ts";
import type { Transfer } from "../../src/cluster/driver.ts";
import { type Judgement, judge } from "../../src/cluster/judge.ts";
import { startCommitWatch } from "../../src/operations/commit-watch.ts";
import { openDatabase } from "../../src/store/database.ts";
import { createNodeStore } from "../../src/store/nodes.ts";
import { exampleInventory } from "../fakes/rack.ts";

const startMs = 1_000_000;
const names = ["node01", "node02", "node03"];

beforeEach(() => {
  vi.useFakeTimers({ now: startMs });
});

afterEach(() => {
  vi.useRealTimers();
});

type Writing = (node: string, signal: AbortSignal) => Promise<Answer<undefined>>;

const commits: Writing = async () => success(undefined);
const hangs: Writing = (_, signal) =>
  new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(failure("given up")), { once: true });
  });

/** Three voters of one layer; each test changes what they do. */
function layerOf(database = openDatabase(":memory:")) {
  const layer = {
    leader: "node01" as string | undefined,
    /** Nodes that answer no question. */
    silent: new Set<string>(),
    write: commits,
    transfer: async (to: string): Promise<Answer<Transfer>> => {
      layer.leader = to;
      return success("transferred");
    },
    writes: [] as string[],
    transfers: [] as string[],
    everySeconds: 10,
  };
  const site = exampleInventory();
  const inventory = () => ({
    ...site,
    cluster: {
      ...site.cluster,
      layers: ["chainfire" as const],
      writeProbeSeconds: layer.everySeconds,
    },
  });
  let looks = 0;
  const store = createNodeStore(database, () => Date.now());
  const operating = new Set<string>();
  const faults: unknown[] = [];
  const watch = startCommitWatch({
    ...{ inventory, store, clock: systemClock, now: () => Date.now() },
    cluster: {
      view: async () => {
        looks++;
        return viewOf(layer);
      },
      putKey: async (_layer, node, _key, _value, signal) => {
        layer.writes.push(node);
        return await layer.write(node, signal);
      },
      transferLeader: async (_layer, { from, to }) => {
        layer.transfers.push(`${from} to ${to}`);
        return await layer.transfer(to);
      },
    },
    operating: () => operating,
    record: (event) => void store.append(event),
    onFault: (error) => faults.push(error),
  });
  const events = () =>
    store
      .events({ afterId: 0, limit: 100 })
      .map(({ kind, node, detail }) => ({ kind, node, ...detail }));
  const told = () => events().map(({ kind, node }) => `${kind} ${node}`);
  return { layer, watch, operating, faults, events, told, database, looks: () => looks };
}

function viewOf({
  leader,
  silent,
}: {
  leader: string | undefined;
  silent: Set<string>;
}): Judgement {
  const members = names.map((id) => ({
    ...{ id, raftAddress: `${id}:2380`, status: "healthy" },
    role: id === leader ? ("leader" as const) : ("follower" as const),
  }));
  const answer = (name: string) =>
    silent.has(name)
      ? { failure: "connection refused", silent: true }
      : {
          members,
          leader: { id: leader, term: 2 },
          health: {
            ...{ status: "healthy", clusterSize: 3, chainfire: undefined },
            raft: name === leader ? "leader" : "follower",
          },
        };
  const observations = new Map(names.map((name) => [name, answer(name)]));
  return judge({ layer: "chainfire", observations });
}

const seconds = async (count: number) => await vi.advanceTimersByTimeAsync(count * 1000);

describe("a leader that commits", () => {
  it("is written to every ten seconds, and nothing is told", async () => {
    const { layer, watch, told } = layerOf();
    await seconds(0);
    expect(watch.view("chainfire")).toEqual({ committedMs: startMs });
    await seconds(60);
    expect(layer.writes).toHaveLength(7);
    expect(new Set(layer.writes)).toEqual(new Set(["node01"]));
    expect(watch.view("chainfire")).toEqual({ committedMs: startMs + 60_000 });
    expect(told()).toEqual([]);
    await watch.close();
    await seconds(60);
    expect(layer.writes).toHaveLength(7);
  });

  it("is not written to where that is switched off, and is as soon as it is switched on", async () => {
    const { layer } = layerOf();
    layer.everySeconds = 0;
    await seconds(60);
    const before = layer.writes.length;
    await seconds(60);
    expect(layer.writes).toHaveLength(before);
    layer.everySeconds = 10;
    await seconds(20);
    expect(layer.writes.length).toBeGreaterThan(before);
  });

  it("is followed to another machine", async () => {
    const { layer, told } = layerOf();
    await seconds(1);
    layer.leader = "node02";
    layer.write = async (node) =>
      node === "node02" ? success(undefined) : failure("connection refused", { silent: true });
    await seconds(60);
    expect(layer.writes.at(-1)).toBe("node02");
    expect(told()).toEqual([]);
  });
});

describe("a layer without members", () => {
  it("is looked at once a minute, and written to as soon as it is seen", async () => {
    const { layer, watch, looks } = layerOf();
    await seconds(1);
    for (const name of names) layer.silent.add(name);
    layer.write = async () => failure("connection refused", { silent: true });
    await seconds(600);
    expect(looks()).toBe(11);
    layer.silent.clear();
    layer.write = commits;
    await seconds(60);
    expect(watch.view("chainfire").committedMs).toBeGreaterThan(startMs + 600_000);
  });
});

describe("a leader that commits nothing", () => {
  it("is told after three misses of five seconds, and its lead is handed to another voter", async () => {
    const { layer, watch, events } = layerOf();
    await seconds(1);
    // A follower hands on what it is asked to write.
    layer.write = async (node, signal) =>
      layer.leader === "node01" ? await hangs(node, signal) : success(undefined);
    await seconds(33);
    expect(events()).toEqual([]);
    await seconds(2);
    expect(events()).toEqual([
      {
        ...{ kind: "stuck-leader", node: "node01", layer: "chainfire", misses: 3 },
        reason: "node01 did not commit a write within 5 s",
        next: expect.stringContaining("rackstrap power off node01"),
      },
      {
        ...{ kind: "leader-handed-over", node: "node01", layer: "chainfire" },
        ...{ to: "node02", outcome: "transferred" },
      },
    ]);
    expect(watch.view("chainfire").stuck).toEqual({
      ...{ leader: "node01", sinceMs: startMs + 15_000 },
      reason: "node01 did not commit a write within 5 s",
    });
    expect(watch.view("chainfire").stuck?.leader).toBe("node01");
    await seconds(10);
    expect(watch.view("chainfire").stuck).toBeUndefined();
    await seconds(20);
    expect(events().at(-1)).toEqual({ kind: "commits-again", node: "node02", layer: "chainfire" });
  });

  it("keeps its place where the lead can't be handed over, and the operator is told what is left to do", async () => {
    const { layer, watch, events } = layerOf();
    layer.write = hangs;
    layer.transfer = async () => failure("chainfire: node02 does not lead yet, node01 does");
    await seconds(300);
    expect(layer.transfers).toEqual(["node01 to node02"]);
    expect(events()).toHaveLength(2);
    expect(events()[1]).toMatchObject({
      outcome: "chainfire: node02 does not lead yet, node01 does",
      next: expect.stringContaining("rackstrap power off node01"),
      quorum: [expect.stringContaining("taking node01 leaves 2 >= 2: allowed")],
    });
    expect(watch.view("chainfire").stuck?.leader).toBe("node01");
  });

  it("is not followed by one change of leader after the other, where it is not the leader's fault", async () => {
    const { layer, told } = layerOf();
    layer.write = async () => failure("no space", { passing: true });
    await seconds(600);
    expect(layer.transfers).toEqual(["node01 to node02"]);
    expect(told()).toEqual([
      "stuck-leader node01",
      "leader-handed-over node01",
      "stuck-leader node02",
    ]);
    layer.write = commits;
    await seconds(30);
    expect(told().at(-1)).toBe("commits-again node02");
  });

  it("is given to a node that no operation is at work on, if there is one", async () => {
    const { layer, operating } = layerOf();
    layer.write = hangs;
    operating.add("node02");
    await seconds(60);
    expect(layer.transfers).toEqual(["node01 to node03"]);
  });
});

describe("the lead of a stuck leader", () => {
  it("is not handed over again and again while a write comes through now and then", async () => {
    const { layer, told } = layerOf();
    let writes = 0;
    layer.transfer = async () => failure("refused");
    layer.write = async () =>
      ++writes % 4 === 0 ? success(undefined) : failure("slow", { passing: true });
    await seconds(1200);
    expect(told()).toEqual(["stuck-leader node01", "leader-handed-over node01"]);
  });

  it("is told once over a restart of the server, and its end, too", async () => {
    const first = layerOf();
    first.layer.write = hangs;
    first.layer.transfer = async () => failure("refused");
    await seconds(60);
    await first.watch.close();
    const second = layerOf(first.database);
    second.layer.write = hangs;
    await seconds(60);
    expect(second.layer.transfers).toEqual([]);
    expect(second.told()).toEqual(["stuck-leader node01", "leader-handed-over node01"]);
    second.layer.write = commits;
    await seconds(40);
    expect(second.told().at(-1)).toBe("commits-again node01");
  });
});

describe("what is no sign of a stuck leader", () => {
  it.each<[string, (rig: ReturnType<typeof layerOf>) => void]>([
    [
      "nobody leads",
      ({ layer }) => {
        layer.leader = undefined;
      },
    ],
    [
      "most voters are gone",
      ({ layer }) => void ["node02", "node03"].map((n) => layer.silent.add(n)),
    ],
    [
      "the server may not write there",
      ({ layer }) => {
        layer.write = async () =>
          failure("permission denied", { refusal: { status: 403, text: "permission denied" } });
      },
    ],
  ])("is that %s", async (_, happen) => {
    const rig = layerOf();
    rig.layer.write = hangs;
    happen(rig);
    await seconds(300);
    expect(rig.told()).toEqual([]);
    expect(rig.layer.transfers).toEqual([]);
    expect(rig.watch.view("chainfire").stuck).toBeUndefined();
  });

  it("is a leader that is in no inventory: another voter is written through, and never a stranger given the lead", async () => {
    const { layer, watch, told } = layerOf();
    layer.leader = "stranger";
    await seconds(60);
    expect(new Set(layer.writes.slice(1))).toEqual(new Set(["node01"]));
    expect(watch.view("chainfire").committedMs).toBeGreaterThan(startMs + 50_000);
    layer.write = hangs;
    await seconds(300);
    expect(told()).toEqual([]);
    expect(layer.transfers).toEqual([]);
  });

  it("is a watch that was switched off", async () => {
    const { layer, watch } = layerOf();
    layer.write = hangs;
    layer.transfer = async () => failure("refused");
    await seconds(60);
    expect(watch.view("chainfire").stuck).toBeDefined();
    layer.everySeconds = 0;
    await seconds(20);
    expect(watch.view("chainfire")).toEqual({});
  });

  it("is a leader that only this server can't reach: another voter hands the write on", async () => {
    const { layer, watch, told } = layerOf();
    layer.silent.add("node01");
    layer.write = async (node) =>
      node === "node01" ? failure("no route to host", { silent: true }) : success(undefined);
    await seconds(300);
    expect(told()).toEqual([]);
    expect(watch.view("chainfire").committedMs).toBeGreaterThan(startMs + 280_000);
  });

  it("is a fault of the watch itself, which goes on", async () => {
    const { layer, faults, watch } = layerOf();
    layer.write = async () => {
      throw new Error("a bug");
    };
    await seconds(60);
    expect(faults.length).toBeGreaterThan(3);
    layer.write = commits;
    await seconds(10);
    expect(watch.view("chainfire").committedMs).toBeGreaterThan(startMs);
  });
});
