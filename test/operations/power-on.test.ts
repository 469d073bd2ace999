import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Bmc, BmcError, type BootOverride } from "../../src/bmc/bmc.ts";
import { systemClock } from "../../src/bmc/clock.ts";
import type { Operation } from "../../src/operations/operation.ts";
import type { StepContext } from "../../src/operations/provision.ts";
import { powerOn } from "../../src/operations/steps/power-on.ts";
import { type MachineBmc, machineBmc, silent } from "../fakes/machine-bmc.ts";
import { exampleInventory } from "../fakes/rack.ts";

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
});

afterEach(() => {
  vi.useRealTimers();
});

const never = new AbortController().signal;
const inventory = exampleInventory();

/** Runs the step as the runner does, until it ends or two minutes are over. */
async function start(machine: MachineBmc, turnMs = 0, keeps: Partial<BootOverride> = {}) {
  const asked: string[] = [];
  const told: unknown[] = [];
  const controller: Bmc = {
    ...machine,
    setBootOverride: async (wanted) => {
      if (machine.fault !== undefined) throw machine.fault;
      asked.push(wanted.device);
      return { ...wanted, ...keeps };
    },
    power: async (action) => {
      asked.push(action);
      await machine.power(action);
    },
  };
  const step = powerOn({
    ...{ inventory, node: inventory.nodes[0], controller, clock: systemClock },
    nodes: { append: (event: unknown) => void told.push(event) },
    startTurn: () => systemClock.sleep(turnMs, never),
    powerAsked: (_: unknown, power: string) => void asked.push(`wants ${power}`),
  } as unknown as StepContext);
  let evidence = {};
  const ended = (async () => {
    for (;;) {
      const operation = { id: "op-1" } as Operation;
      const result = await step.run({ operation, evidence, nowMs: performance.now() }, never);
      if (result.kind !== "wait" || performance.now() > 120_000) return result;
      evidence = { ...evidence, ...result.evidence };
      await systemClock.sleep(result.retryAfterMs, never);
    }
  })();
  await vi.advanceTimersByTimeAsync(200_000);
  return {
    result: await ended,
    asked: asked.join(", "),
    tookMs: performance.now(),
    told,
    evidence,
  };
}

describe("a machine is brought into a network boot", () => {
  it.each<[string, MachineBmc, string]>([
    ["from off", machineBmc("off"), "wants on, pxe, on"],
    ["from on, through off", machineBmc("on"), "off, wants on, pxe, on"],
    [
      "slowly, and each is asked once",
      machineBmc("on", { offMs: 9_000 }),
      "off, wants on, pxe, on",
    ],
    [
      "though every answer is lost, and it is never switched off while it comes up",
      machineBmc("on", { losesAnswers: true }),
      "off, wants on, pxe, on",
    ],
  ])("%s", async (_, machine, expected) => {
    const { result, asked } = await start(machine);
    expect(result).toMatchObject({ kind: "done", evidence: { power: "on" } });
    expect(asked).toBe(expected);
  });

  it("takes its turn before the boot device is set, which BMCs forget after a minute", async () => {
    let setAtMs = 0;
    const machine = machineBmc("off");
    const { power } = machine;
    machine.power = async (action) => {
      setAtMs = performance.now();
      await power(action);
    };
    const { result } = await start(machine, 90_000);
    expect(result.kind).toBe("done");
    expect(setAtMs).toBe(90_000);
  });
});

it.each<[string, Partial<BootOverride>, string]>([
  ["by BIOS", { uefi: false }, "pxe by BIOS at the next boot"],
  ["for good", { persistent: true }, "pxe by UEFI at every boot"],
])("a boot device that the BMC keeps %s is told once, and kept in mind", async (_, keeps, kept) => {
  const { told, evidence } = await start(machineBmc("off", { deaf: true }), 0, keeps);
  expect(told).toMatchObject([
    {
      kind: "boot-device-differs",
      detail: { operation: "op-1", wanted: "pxe by UEFI at the next boot", kept },
    },
  ]);
  expect(evidence).toMatchObject({ keptBoot: kept });
});

it("a boot device that is kept as it was wanted is no news", async () => {
  expect((await start(machineBmc("off"))).told).toEqual([]);
});

describe("a BMC that fails", () => {
  it("is asked three times, no sooner than every 15 s, and then needs a person", async () => {
    const machine = machineBmc("off", { deaf: true });
    const { result, asked } = await start(machine);
    expect(result).toMatchObject({
      kind: "failed",
      reason: 'the BMC took "power on" 3 times and reports no change',
    });
    expect(asked).toBe("wants on, pxe, on, pxe, on, pxe, on");
    const times = machine.asked.map(([, atMs]) => atMs);
    expect(times.every((atMs, index) => atMs - (times[index - 1] ?? -15_000) >= 15_000)).toBe(true);
  });

  it("by being silent is waited for, and assumed nothing of", async () => {
    const machine = machineBmc("on", { fault: silent });
    const { result, asked } = await start(machine);
    expect(result).toMatchObject({ kind: "wait", why: silent.message });
    expect(asked).toBe("");
  });

  it("for good ends the step at once", async () => {
    const fault = new BmcError("authentication", "the password is refused");
    expect((await start(machineBmc("on", { fault }))).result).toMatchObject({
      kind: "failed",
      reason: "the password is refused",
    });
  });
});

it("has time for all machines of the site to start before it", () => {
  const context = { inventory, node: inventory.nodes[0] } as unknown as StepContext;
  expect(powerOn(context).deadlineMs).toBe(120_000 + inventory.nodes.length * 1000);
});
