import { expect, test } from "vitest";
import type { TimelineEvent } from "../../src/nodes/ports.ts";
import type { Operation } from "../../src/operations/operation.ts";
import type { StepContext } from "../../src/operations/provision.ts";
import { awaitNetworkBoot } from "../../src/operations/steps/await-network-boot.ts";
import { machineBmc } from "../fakes/machine-bmc.ts";
import { manualClock } from "../fakes/manual-clock.ts";
import { exampleInventory } from "../fakes/rack.ts";

const inventory = exampleInventory();
const limitMs = inventory.timeouts.networkBootSeconds * 1000;
const never = new AbortController().signal;

/** A step on a machine whose power step began at 1 000 000 and saw it off at 1 010 000. */
function rig(changes: Record<string, unknown> = {}) {
  const clock = manualClock(1_010_000);
  const events: TimelineEvent[] = [];
  const machine = machineBmc("on");
  const controller = {
    ...machine,
    powerState: async () => machine.state,
    power: async (action: string) => {
      machine.asked.push([action as "on", clock.now()]);
      machine.state = action === "off" ? "off" : "on";
    },
    setBootOverride: async <T>(wanted: T) => wanted,
  };
  const context = {
    ...{ inventory, node: inventory.nodes[0], controller, clock },
    nodes: { events: () => events },
    ...{ startTurn: async () => {}, powerAsked: () => {} },
  } as unknown as StepContext;
  const step = awaitNetworkBoot(context);
  const evidence = { phase: "switched-on", offSeenMs: 1_010_000, ...changes };
  const steps = [{ id: "power", startedAtMs: 1_000_000, evidence }];
  const operation = { id: "op-1", createdAtMs: 900_000, steps } as unknown as Operation;
  let kept = {};
  const attempt = async () => {
    const result = await step.run({ operation, evidence: kept, nowMs: clock.now() }, never);
    if (result.kind !== "failed") kept = { ...kept, ...result.evidence };
    return result;
  };
  const hear = () =>
    void events.push({ kind: "dhcp-offered", atMs: clock.now(), detail: {} } as TimelineEvent);
  return { attempt, hear, clock, machine, evidence: () => kept, events };
}

test("what the machine was heard of before it was seen off is no sign of its boot", async () => {
  const { attempt, hear, clock, events } = rig();
  events.push({ kind: "dhcp-offered", atMs: 1_009_000, detail: {} } as TimelineEvent);
  expect((await attempt()).kind).toBe("wait");
  clock.advance(5_000);
  hear();
  expect(await attempt()).toMatchObject({ kind: "done", evidence: { heard: "dhcp-offered" } });
});

test("a restart that has begun is finished, though the machine is heard just before its power goes", async () => {
  const { attempt, hear, clock, machine } = rig();
  await attempt();
  clock.advance(limitMs);
  await attempt();
  expect(machine.asked.map(([action]) => action)).toEqual(["off"]);
  hear();
  clock.advance(2_000);
  for (let tries = 0; tries < 4; tries += 1) {
    expect((await attempt()).kind).toBe("wait");
    clock.advance(2_000);
  }
  expect([machine.asked.map(([action]) => action), machine.state]).toEqual([["off", "on"], "on"]);
  hear();
  expect((await attempt()).kind).toBe("done");
});

test("the reason of a machine that is never heard names a boot device that was kept otherwise", async () => {
  const { attempt, clock } = rig({ keptBoot: "pxe by BIOS at every boot" });
  let result = await attempt();
  while (result.kind === "wait") {
    clock.advance(limitMs);
    result = await attempt();
  }
  expect(result).toMatchObject({
    kind: "failed",
    reason: expect.stringContaining('its BMC kept "pxe by BIOS at every boot"'),
  });
});
