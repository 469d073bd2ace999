import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "../../src/bmc/clock.ts";
import type { PowerVerb } from "../../src/bmc/power-verbs.ts";
import { createSlots } from "../../src/bmc/slots.ts";
import { createStagger } from "../../src/bmc/stagger.ts";
import type { Node } from "../../src/inventory/schema.ts";
import type { PowerJob } from "../../src/operations/power-job.ts";
import { createPowerJobs } from "../../src/operations/power-jobs.ts";
import { type MachineBmc, machineBmc, silent } from "../fakes/machine-bmc.ts";
import { exampleInventory } from "../fakes/rack.ts";

const startMs = 1_000_000;
const settings = exampleInventory().power;
const [example] = exampleInventory().nodes as [Node];

beforeEach(() => {
  vi.useFakeTimers({ now: startMs });
});

afterEach(() => {
  vi.useRealTimers();
});

/** Machines with their BMCs: names ending in a digit, the rest of the name being the power group. */
function rack(bmcs: Readonly<Record<string, MachineBmc>>) {
  const operations = new Map<string, string>();
  const told: string[] = [];
  const held = new Set<string>();
  const faults: unknown[] = [];
  let ids = 0;
  const jobs = createPowerJobs({
    settings: () => settings,
    ...{ clock: systemClock, now: () => Date.now() },
    bmc: ({ name }) => bmcs[name] ?? machineBmc("off"),
    watch: {
      asked: (node, power) => void told.push(`${node} asked ${power}`),
      askedNoMore: (node) => void told.push(`${node} asked no more`),
      hold: (node) => {
        held.add(node);
        return () => held.delete(node);
      },
    },
    operation: (node) => operations.get(node),
    record: ({ node, kind }) => void told.push(`${node} ${kind}`),
    stagger: createStagger(() => settings, systemClock),
    slots: createSlots(() => settings.concurrency),
    newId: () => `job${++ids}`,
    onFault: (_, error) => faults.push(error),
  });
  const order = (verb: PowerVerb, names = Object.keys(bmcs), despiteOperations = false) => ({
    verb,
    nodes: names.map((name): Node => ({ ...example, name, powerGroup: name.slice(0, -1) })),
    despiteOperations,
  });
  return { jobs, order, operations, told, held, faults };
}

const outcomes = (job: PowerJob | undefined) =>
  job?.tasks.map(({ node, status, failure }) =>
    [node, status, failure?.kind].filter(Boolean).join(" "),
  );

describe("a job", () => {
  it("answers at once with its plan, and goes on by itself", async () => {
    const bmcs = { a1: machineBmc("off"), a2: machineBmc("off"), b1: machineBmc("off") };
    const { jobs, order, told, held } = rack(bmcs);
    const job = jobs.start(order("on"));
    expect(job.tasks.map(({ node, status, startAtMs }) => [node, status, startAtMs])).toEqual([
      ["a1", "waiting", startMs],
      ["b1", "waiting", startMs + 250],
      ["a2", "waiting", startMs + 1_000],
    ]);
    await vi.advanceTimersByTimeAsync(600);
    expect(outcomes(jobs.job("job1"))).toEqual(["a1 asked", "b1 asked", "a2 waiting"]);
    expect(jobs.runningFor("a2")).toBe("job1");
    await vi.advanceTimersByTimeAsync(10_000);
    expect(outcomes(jobs.job("job1"))).toEqual(["a1 done", "b1 done", "a2 done"]);
    expect(jobs.job("job1")?.endedAtMs).toBe(startMs + 3_000);
    expect(told).toContain("a2 asked on");
    expect(told).toContain("a2 power-set");
    expect([held.size, jobs.runningFor("a2")]).toEqual([0, undefined]);
  });

  it("fails for one machine and not for the others, with kind and reason", async () => {
    const bmcs = {
      a1: machineBmc("on"),
      b1: machineBmc("on", { fault: silent }),
      c1: machineBmc("on", { deaf: true }),
      d1: machineBmc("on", {
        powerState: async () => {
          throw new TypeError("a bug");
        },
      }),
    };
    const { jobs, order, told, faults } = rack(bmcs);
    jobs.start(order("off"));
    await vi.advanceTimersByTimeAsync(70_000);
    const job = jobs.job("job1");
    expect(outcomes(job)).toEqual([
      "a1 done",
      "b1 failed timeout",
      "c1 failed timeout",
      "d1 failed fault",
    ]);
    expect(job?.tasks[1]?.failure?.reason).toContain(silent.message);
    expect(job?.endedAtMs).toBeLessThanOrEqual(startMs + 60_000);
    expect(told).toContain("b1 power-failed");
    expect(faults).toEqual([expect.any(TypeError)]);
  });

  it("says accepted and uncertain of resets", async () => {
    const bmcs = { a1: machineBmc("on"), b1: machineBmc("on", { losesAnswers: true }) };
    const { jobs, order } = rack(bmcs);
    jobs.start(order("reset"));
    await vi.advanceTimersByTimeAsync(70_000);
    expect(outcomes(jobs.job("job1"))).toEqual(["a1 accepted", "b1 uncertain timeout"]);
    expect(bmcs.b1.asked.length).toBe(1);
  });
});

describe("a whole rack", () => {
  it("is cycled though every answer is lost, each machine once and never two of a group in one second", async () => {
    const bmcs = Object.fromEntries(
      Array.from({ length: 40 }, (_, index) => [
        `rack${index % 4}-pdu${Math.floor(index / 4) % 10}`,
        machineBmc("on", { losesAnswers: true, offMs: (index * 700) % 9_000 }),
      ]),
    );
    const { jobs, order } = rack(bmcs);
    const grouped = order("cycle").nodes.map((node) => ({
      ...node,
      powerGroup: node.name.slice(0, 5),
    }));
    jobs.start({ ...order("cycle"), nodes: grouped });
    await vi.advanceTimersByTimeAsync(200_000);
    expect(new Set(jobs.job("job1")?.tasks.map(({ status }) => status))).toEqual(new Set(["done"]));
    const starts = Object.entries(bmcs).map(([name, bmc]) => {
      expect(bmc.asked.map(([action]) => action)).toEqual(["off", "on"]);
      return { group: name.slice(0, 5), atMs: bmc.asked[1]?.[1] ?? 0 };
    });
    for (const { group, atMs } of starts) {
      const second = starts.filter((one) => one.atMs >= atMs && one.atMs < atMs + 999);
      expect(second.length).toBeLessThanOrEqual(4);
      expect(second.filter((one) => one.group === group).length).toBe(1);
    }
  });

  it("of a thousand machines is read with no more BMCs at one time than the limit", async () => {
    let now = 0;
    let most = 0;
    const bmcs = Object.fromEntries(
      Array.from({ length: 1_000 }, (_, index) => [
        `n${index}`,
        machineBmc("on", {
          powerState: async () => {
            now += 1;
            most = Math.max(most, now);
            await systemClock.sleep(100, new AbortController().signal);
            now -= 1;
            return "on";
          },
        }),
      ]),
    );
    const { jobs, order } = rack(bmcs);
    jobs.start(order("status"));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(most).toBe(settings.concurrency);
    expect(jobs.job("job1")?.endedAtMs).toBe(startMs + 2_000);
  });
});

describe("a turn to start", () => {
  it("does not come to all at once when many BMCs have become free at one time", async () => {
    const slow = Object.fromEntries(
      Array.from({ length: settings.concurrency }, (_, index) => [
        `slow${index}`,
        machineBmc("on", { offMs: 9_000 }),
      ]),
    );
    const off = Object.fromEntries(
      Array.from({ length: 12 }, (_, index) => [`g${index}x`, machineBmc("off")]),
    );
    const { jobs, order } = rack({ ...slow, ...off });
    jobs.start(order("off", Object.keys(slow)));
    jobs.start(order("on", Object.keys(off)));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(
      new Set(
        jobs
          .jobs()
          .flatMap(outcomes)
          .map((line) => line?.split(" ")[1]),
      ),
    ).toEqual(new Set(["done"]));
    const starts = Object.values(off).map(({ asked }) => asked[0]?.[1] ?? 0);
    for (const atMs of starts) {
      const second = starts.filter((one) => one >= atMs && one < atMs + 999);
      expect(second.length).toBeLessThanOrEqual(settings.startsPerSecond);
    }
  });

  it("keeps no other machine from being read while it is waited for", async () => {
    const bmcs = Object.fromEntries(
      Array.from({ length: settings.concurrency + 10 }, (_, index) => [
        `same${index % 10}${index}`,
        machineBmc("off"),
      ]),
    );
    const { jobs, order } = rack({ ...bmcs, z1: machineBmc("on") });
    const names = Object.keys(bmcs);
    const nodes = order("on", names).nodes.map((node) => ({ ...node, powerGroup: "one" }));
    // A job each, so that all are at once in the queue for their turn.
    for (const node of nodes) jobs.start({ verb: "on", nodes: [node], despiteOperations: false });
    jobs.start(order("status", ["z1"]));
    await vi.advanceTimersByTimeAsync(500);
    expect(outcomes(jobs.jobs()[0])).toEqual(["z1 done"]);
    await jobs.close();
  });
});

describe("a machine is refused", () => {
  it("while another job is at work on it, and only that one", async () => {
    const { jobs, order } = rack({ a1: machineBmc("off"), b1: machineBmc("off") });
    jobs.start(order("on", ["a1"]));
    expect(outcomes(jobs.start(order("off")))).toEqual(["b1 waiting", "a1 refused refused"]);
    expect(jobs.job("job2")?.tasks[1]?.failure?.reason).toBe(
      "the power job job1 is at work on it: see rackstrap power show job1, or rackstrap power cancel job1",
    );
    expect(outcomes(jobs.start(order("status")))).toEqual(["a1 waiting", "b1 waiting"]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(outcomes(jobs.start(order("off", ["a1"])))).toEqual(["a1 waiting"]);
    await jobs.close();
  });

  it.each<[PowerVerb, boolean, string]>([
    ["off", false, "refused"],
    ["soft", false, "refused"],
    ["cycle", false, "refused"],
    ["reset", false, "refused"],
    ["on", false, "waiting"],
    ["status", false, "waiting"],
    ["off", true, "waiting"],
    ["cycle", true, "waiting"],
  ])("for %s during an operation (despite operations: %s): %s", (verb, despite, status) => {
    const { jobs, order, operations } = rack({ a1: machineBmc("on") });
    operations.set("a1", "op-1");
    const [task] = jobs.plan(order(verb, ["a1"], despite)).tasks;
    expect(task?.status).toBe(status);
    if (status === "refused") expect(task?.failure?.reason).toContain("operations show op-1");
  });
});

describe("a job is given up", () => {
  it("for those that wait, when it is cancelled", async () => {
    const bmcs = { a1: machineBmc("on", { offMs: 5_000 }), a2: machineBmc("on") };
    const { jobs, order, told } = rack(bmcs);
    jobs.start(order("cycle"));
    await vi.advanceTimersByTimeAsync(500);
    jobs.cancel("job1");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(outcomes(jobs.job("job1"))).toEqual(["a1 done", "a2 failed cancelled"]);
    expect(bmcs.a2.asked).toEqual([]);
    expect(told.filter((line) => line.startsWith("a2"))).toEqual([]);
    expect(jobs.cancel("job9")).toBeUndefined();
  });

  it("for a shutdown that is waited for, when it is cancelled, so that it can be switched off hard", async () => {
    const { jobs, order, told } = rack({ a1: machineBmc("on", { softMs: "never" }) });
    jobs.start(order("soft"));
    await vi.advanceTimersByTimeAsync(20_000);
    jobs.cancel("job1");
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toEqual(["a1 asked off", "a1 asked no more"]);
    expect(jobs.job("job1")?.tasks[0]?.failure).toEqual({
      kind: "cancelled",
      reason: "no longer waited for: it may shut down yet",
    });
    expect(outcomes(jobs.start(order("off")))).toEqual(["a1 waiting"]);
    await jobs.close();
  });

  it("where it stands, when the server stops, and what was asked for stays", async () => {
    const { jobs, order, told } = rack({ a1: machineBmc("on", { softMs: "never" }) });
    jobs.start(order("soft"));
    await vi.advanceTimersByTimeAsync(20_000);
    await jobs.close();
    expect(told).toEqual(["a1 asked off"]);
  });

  it("where it stands, when the server stops", async () => {
    const { jobs, order } = rack({ a1: machineBmc("on", { offMs: 5_000 }), a2: machineBmc("on") });
    jobs.start(order("cycle"));
    await vi.advanceTimersByTimeAsync(500);
    await jobs.close();
    expect(outcomes(jobs.job("job1"))).toEqual(["a1 failed cancelled", "a2 failed cancelled"]);
  });

  it("an hour after its end, and not before", async () => {
    const { jobs, order } = rack({ a1: machineBmc("on") });
    jobs.start(order("status"));
    await vi.advanceTimersByTimeAsync(3_599_000);
    expect(jobs.jobs().map(({ id }) => id)).toEqual(["job1"]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect([jobs.jobs(), jobs.job("job1")]).toEqual([[], undefined]);
  });
});
