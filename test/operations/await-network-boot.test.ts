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
  /** Looks every half a minute for as long as the machine may take. */
  const waitForIt = async () => {
    for (let ms = 0; ms < limitMs; ms += 30_000) {
      await attempt();
      clock.advance(30_000);
    }
    return await attempt();
  };
  return { attempt, waitForIt, hear, clock, machine, evidence: () => kept, events };
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
  const { attempt, waitForIt, hear, clock, machine } = rig();
  await waitForIt();
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
  const { waitForIt } = rig({ keptBoot: "pxe by BIOS at every boot" });
  let result = await waitForIt();
  while (result.kind === "wait") result = await waitForIt();
  expect(result).toMatchObject({
    kind: "failed",
    reason: expect.stringContaining('its BMC kept "pxe by BIOS at every boot"'),
  });
});

test.each([
  [
    "was heard before",
    [{ interface: "prov0", bootFile: "ipxe.efi" }],
    "its last packet came 40 min ago on prov0 (dhcp-offered, which was given ipxe.efi)",
  ],
  ["was never heard", [], "no packet of it is on the timeline"],
])("the reason of a machine that %s names its last packet", async (_what, details, last) => {
  const { waitForIt, events } = rig();
  for (const detail of details)
    events.push({ kind: "dhcp-offered", atMs: 400_000, detail } as unknown as TimelineEvent);
  let result = await waitForIt();
  while (result.kind === "wait") result = await waitForIt();
  expect(result).toMatchObject({ kind: "failed", reason: expect.stringContaining(last) });
});

test("a clock that is set forward by a day takes nothing from the machine's time", async () => {
  const { attempt, clock, machine } = rig();
  await attempt();
  clock.advance(24 * 3600_000);
  expect((await attempt()).kind).toBe("wait");
  expect(machine.asked).toEqual([]);
});
