import { expect, test } from "vitest";
import { BmcError } from "../../src/bmc/bmc.ts";
import type { TimelineEvent } from "../../src/nodes/ports.ts";
import type { Operation } from "../../src/operations/operation.ts";
import type { StepContext } from "../../src/operations/provision.ts";
import { bootDisk } from "../../src/operations/steps/boot-disk.ts";
import { findInstaller } from "../../src/operations/steps/find-installer.ts";
import { exampleInventory } from "../fakes/rack.ts";

const minuteMs = 60_000;
const inventory = exampleInventory();
const { signal } = new AbortController();

/** So many network boots, a minute apart, each as far as its script; the first at minute 1. */
function boots(count: number): TimelineEvent[] {
  return Array.from({ length: count }, (_, index) => {
    const atMs = (index + 1) * minuteMs;
    return [
      { atMs, kind: "dhcp-offered", detail: { bootFile: "ipxe.efi" } },
      { atMs: atMs + 1000, kind: "boot-script-served", detail: { plan: "local-disk" } },
    ] as unknown as TimelineEvent[];
  }).flat();
}

function rig(events: readonly TimelineEvent[], switchOff = async () => {}) {
  let offs = 0;
  const context = {
    ...{ inventory, node: inventory.nodes[0] },
    nodes: { events: () => events },
    install: {
      find: async () => ({ kind: "absent", why: "port 22 does not answer" }),
      bootedFromDisk: async () => ({ booted: false, why: "no SSH yet" }),
    },
    switchOff: async () => {
      offs += 1;
      await switchOff();
    },
  } as unknown as StepContext;
  const operation = {
    id: "op-1",
    node: "node01",
    createdAtMs: 0,
    steps: [],
  } as unknown as Operation;
  const attempt = { operation, evidence: {}, nowMs: 5 * minuteMs };
  return {
    installer: () => findInstaller(context).run(attempt, signal),
    disk: () => bootDisk(context).run(attempt, signal),
    offs: () => offs,
  };
}

test("a machine that boots from the network again and again before its installer answers is given up", async () => {
  // The end of an operation that wrote nothing switches the machine off.
  expect(await rig(boots(3)).installer()).toMatchObject({
    kind: "failed",
    reason: expect.stringMatching(/switched off: it booted from the network 3 times in 10 minutes/),
  });
  expect((await rig(boots(2)).installer()).kind).toBe("wait");
});

test("a machine whose disk does not boot, and that comes back to the network, is switched off", async () => {
  const looping = rig(boots(3));
  expect(await looping.disk()).toMatchObject({
    kind: "failed",
    reason: expect.stringMatching(/is switched off: .* its disk does not boot$/),
  });
  expect(looping.offs()).toBe(1);
  const patient = rig(boots(2));
  expect((await patient.disk()).kind).toBe("wait");
  expect(patient.offs()).toBe(0);
});

test("a BMC that can't switch it off does not hide why the operation ended", async () => {
  const stuck = rig(boots(3), async () => {
    throw new BmcError("timeout", "BMC 10.0.10.50 does not answer");
  });
  expect(await stuck.disk()).toMatchObject({
    reason: expect.stringMatching(/could not be switched off \(BMC 10\.0\.10\.50 .*3 times/),
  });
});
