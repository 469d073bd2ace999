import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "../../src/bmc/clock.ts";
import { observed } from "../../src/bmc/observed.ts";
import type { Node } from "../../src/inventory/schema.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { createPowerWatch } from "../../src/operations/power-watch.ts";
import { openDatabase } from "../../src/store/database.ts";
import { createNodeStore } from "../../src/store/nodes.ts";
import { type MachineBmc, machineBmc, silent } from "../fakes/machine-bmc.ts";
import { exampleInventory } from "../fakes/rack.ts";

const startMs = 1_000_000;
const never = new AbortController().signal;
const { nodes } = exampleInventory();

beforeEach(() => {
  vi.useFakeTimers({ now: startMs });
});

afterEach(() => {
  vi.useRealTimers();
});

/** Watches the first nodes of the example site, one for each BMC. */
function watching(
  bmcs: readonly MachineBmc[],
  database = openDatabase(":memory:"),
  concurrency = 50,
) {
  const now = () => Date.now();
  const store = createNodeStore(database, now);
  const operating = new Set<string>();
  const faults: unknown[] = [];
  let watched = nodes.slice(0, bmcs.length);
  const watch = createPowerWatch({
    nodes: () => watched,
    ...{ store, now, clock: systemClock, concurrency: () => concurrency },
    record: (event) => void store.append(event),
    operating: () => operating,
    pollMs: () => 60_000,
    random: () => 0.5,
    onFault: (error) => faults.push(error),
  });
  const bmc = (name: string) => {
    const machine = bmcs[nodes.findIndex((node) => node.name === name)];
    if (machine === undefined) throw new Error(name);
    return observed(machine, watch.observer(name));
  };
  watch.start((node) => bmc(node.name));
  const told = () =>
    store
      .events({ afterId: 0, limit: 100 })
      .map(({ kind, detail }) => `${kind}${"seen" in detail ? ` ${detail["seen"]}` : ""}`);
  const declare = (declared: readonly Node[]) => {
    watched = [...declared];
  };
  return { watch, bmc, store, database, operating, faults, told, declare };
}

describe("readings", () => {
  it("come soon after the start, then once a minute", async () => {
    const machine = machineBmc("on");
    const { watch } = watching([machine]);
    expect(watch.view("node01")).toMatchObject({ state: "unknown", differs: false });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(machine.readings).toBe(1);
    expect(watch.view("node01")).toMatchObject({
      state: "on",
      last: "on",
      readAtMs: startMs + 8_000,
    });
    await vi.advanceTimersByTimeAsync(600_000);
    expect(machine.readings).toBe(11);
    await watch.close();
    await vi.advanceTimersByTimeAsync(600_000);
    expect(machine.readings).toBe(11);
  });

  it.each<[string, (w: ReturnType<typeof watching>) => void]>([
    ["an operation", ({ operating }) => void operating.add("node01")],
    ["a power job", ({ watch }) => void watch.hold("node01")],
  ])("come every five seconds while %s is at work", async (_, begin) => {
    const machine = machineBmc("on");
    const all = watching([machine]);
    await vi.advanceTimersByTimeAsync(10_000);
    begin(all);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(machine.readings).toBeGreaterThanOrEqual(10);
    expect(machine.readings).toBeLessThanOrEqual(14);
    await all.watch.close();
  });

  it("that somebody else asked for count, and none is added to them", async () => {
    const machine = machineBmc("on");
    const { watch, bmc } = watching([machine]);
    for (let times = 0; times < 20; times += 1) {
      await bmc("node01").powerState();
      await vi.advanceTimersByTimeAsync(5_000);
    }
    expect(machine.readings).toBe(20);
    expect(watch.view("node01").readAtMs).toBe(startMs + 95_000);
    await watch.close();
  });

  it("are not asked of a BMC that is at work", async () => {
    const machine = machineBmc("on", {
      describe: async () => {
        await systemClock.sleep(100_000, never);
        return { protocol: "ipmi" };
      },
    });
    const { watch, bmc } = watching([machine]);
    const working = bmc("node01").describe();
    await vi.advanceTimersByTimeAsync(99_000);
    expect(machine.readings).toBe(0);
    await vi.advanceTimersByTimeAsync(3_000);
    await working;
    expect(machine.readings).toBe(1);
    await watch.close();
  });
});

describe("another inventory: readings", () => {
  it("begin with a node that is declared, and end with one that is not", async () => {
    const machines = [machineBmc("on"), machineBmc("off")];
    const [first, second] = nodes;
    if (first === undefined || second === undefined) throw new Error("two nodes are needed");
    const { watch, declare } = watching(machines);
    declare([first]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(machines.map(({ readings }) => readings)).toEqual([1, 0]);
    declare([second]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(machines.map(({ readings }) => readings)).toEqual([1, 1]);
    expect(watch.view("node02").state).toBe("off");
    // Whoever still is at work on it must not fail over it.
    expect(watch.view("node01").state).toBe("on");
    await watch.close();
  });

  it("of another BMC say nothing of the one that a node has from then on", async () => {
    const [first] = nodes;
    if (first === undefined) throw new Error("a node is needed");
    const { watch, declare } = watching([machineBmc("on")]);
    await vi.advanceTimersByTimeAsync(10_000);
    declare([{ ...first, powerGroup: "pdu-9" }]);
    expect(watch.view("node01").state).toBe("on");
    declare([{ ...first, bmc: { ...first.bmc, address: "10.0.10.99" as Ipv4 } }]);
    expect(watch.view("node01")).toMatchObject({ state: "unknown", last: undefined });
    await watch.close();
  });
});

describe("the reading of many", () => {
  it("goes on after a fault of the store", async () => {
    const machine = machineBmc("on");
    const { watch, operating, faults } = watching([machine]);
    const has = vi.spyOn(operating, "has").mockImplementationOnce(() => {
      throw new Error("the store is away");
    });
    await vi.advanceTimersByTimeAsync(20_000);
    expect(has).toHaveBeenCalled();
    expect(faults.length).toBe(1);
    expect(machine.readings).toBe(1);
    await watch.close();
  });

  it("is not held up by silent BMCs, and asks no more at one time than are allowed", async () => {
    let now = 0;
    let most = 0;
    const slow = () =>
      machineBmc("on", {
        powerState: async (signal = never) => {
          now += 1;
          most = Math.max(most, now);
          await systemClock.sleep(20_000, signal);
          now -= 1;
          throw silent;
        },
      });
    const good = machineBmc("on");
    const { watch } = watching([slow(), slow(), slow(), good], undefined, 2);
    await vi.advanceTimersByTimeAsync(300_000);
    expect(most).toBe(2);
    expect(good.readings).toBeGreaterThanOrEqual(3);
    await watch.close();
  });
});

describe("a machine that is not as asked", () => {
  it("is told once when it was seen twice so, never switched, and told again when it is as asked", async () => {
    const machine = machineBmc("on");
    const { watch, told } = watching([machine]);
    watch.asked("node01", "on", { job: "j" });
    await vi.advanceTimersByTimeAsync(20_000);
    machine.state = "off";
    await vi.advanceTimersByTimeAsync(600_000);
    expect(told()).toEqual(["power-asked", "power-differs off"]);
    expect(watch.view("node01")).toMatchObject({ state: "off", asked: "on", differs: true });
    machine.state = "on";
    await vi.advanceTimersByTimeAsync(120_000);
    expect(told()).toEqual(["power-asked", "power-differs off", "power-as-asked on"]);
    expect(watch.view("node01").differs).toBe(false);
    expect(machine.asked).toEqual([]);
    await watch.close();
  });

  it("is not told when what was asked for is asked no more, also after a restart", async () => {
    const first = watching([machineBmc("on")]);
    first.watch.asked("node01", "off", { action: "soft" });
    first.watch.askedNoMore("node01", { action: "soft" });
    await vi.advanceTimersByTimeAsync(600_000);
    await first.watch.close();
    const second = watching([machineBmc("on")], first.database);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(second.told()).toEqual(["power-asked", "power-asked"]);
    expect(second.watch.view("node01")).toMatchObject({ asked: undefined, differs: false });
    await second.watch.close();
  });

  it("is not told for one wrong reading", async () => {
    const machine = machineBmc("on");
    const { watch, bmc, told } = watching([machine]);
    watch.asked("node01", "on", {});
    machine.state = "off";
    await bmc("node01").powerState();
    machine.state = "on";
    await vi.advanceTimersByTimeAsync(600_000);
    expect(told()).toEqual(["power-asked"]);
    await watch.close();
  });

  it.each(["an operation", "a power job"])("is not told while %s is at work on it", async (who) => {
    const { watch, operating, told } = watching([machineBmc("off")]);
    watch.asked("node01", "on", {});
    const release = who === "a power job" ? watch.hold("node01") : () => operating.clear();
    if (who === "an operation") operating.add("node01");
    await vi.advanceTimersByTimeAsync(300_000);
    expect(told()).toEqual(["power-asked"]);
    release();
    await vi.advanceTimersByTimeAsync(300_000);
    expect(told()).toEqual(["power-asked", "power-differs off"]);
    await watch.close();
  });

  it("is remembered over a restart and not told again", async () => {
    const machine = machineBmc("off");
    const first = watching([machine]);
    first.watch.asked("node01", "on", {});
    await vi.advanceTimersByTimeAsync(300_000);
    await first.watch.close();
    const second = watching([machine], first.database);
    expect(second.watch.view("node01")).toMatchObject({ asked: "on", differs: true });
    await vi.advanceTimersByTimeAsync(300_000);
    expect(second.told()).toEqual(["power-asked", "power-differs off"]);
    await second.watch.close();
  });

  it("is no matter when nobody ever asked", async () => {
    const { watch, told } = watching([machineBmc("off")]);
    await vi.advanceTimersByTimeAsync(300_000);
    expect(told()).toEqual([]);
    await watch.close();
  });
});

describe("a BMC that does not answer", () => {
  it("makes the power unknown with the reason, keeps the last reading, and is told after the third try", async () => {
    const machine = machineBmc("on");
    const { watch, told } = watching([machine]);
    await vi.advanceTimersByTimeAsync(10_000);
    machine.fault = silent;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(watch.view("node01")).toEqual({
      state: "unknown",
      last: "on",
      readAtMs: startMs + 8_000,
      failure: { kind: "unreachable", reason: silent.message },
      asked: undefined,
      differs: false,
    });
    expect(told()).toEqual([]);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(told()).toEqual(["power-unknown"]);
    machine.fault = undefined;
    await vi.advanceTimersByTimeAsync(120_000);
    expect(told()).toEqual(["power-unknown", "power-known"]);
    await watch.close();
  });
});
