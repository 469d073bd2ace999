// The faults of simulated BMCs: that each can be switched, and what it does to the machine and to the network.

import { expect, test } from "vitest";
import { changeFaults, noFaults } from "../../vm-harness/bmc/faults.ts";
import { createFaultyLink } from "../../vm-harness/bmc/faulty-link.ts";
import { faultyMachine } from "../../vm-harness/bmc/faulty-machine.ts";
import { createMemoryMachine } from "../../vm-harness/bmc/machine.ts";

function setUp() {
  const machine = createMemoryMachine("node01");
  const faults = noFaults();
  const time = { now: 0 };
  const shown = faultyMachine(machine, faults, () => time.now);
  return { machine, faults, time, shown };
}

const pxe = { device: "pxe", persistent: false, uefi: true } as const;

test("a machine without faults is shown as it is", async () => {
  const { machine, shown } = setUp();
  Object.assign(shown.boot, pxe);
  shown.media = "http://192.0.2.1/a.iso";
  shown.identifyUntilMs = 5;
  expect(machine).toMatchObject({ boot: pxe, media: shown.media, identifyUntilMs: 5 });
  await shown.act("on");
  expect(shown.power()).toBe("on");
  expect(machine.boot.device).toBe("none");
});

test("the old power state is said for a while", async () => {
  const { machine, faults, time, shown } = setUp();
  faults.powerLagSeconds = 3;
  await shown.act("on");
  expect([machine.power(), shown.power()]).toEqual(["on", "off"]);
  time.now = 3000;
  expect(shown.power()).toBe("on");
});

test("power commands are taken and not done", async () => {
  const { machine, faults, shown } = setUp();
  faults.ignoresPower = true;
  await shown.act("on");
  expect(machine.actions).toEqual([]);
  expect(shown.power()).toBe("off");
});

test("an override is forgotten before it is read back", () => {
  const { faults, shown } = setUp();
  faults.forgetsBoot = true;
  Object.assign(shown.boot, pxe);
  expect(shown.boot.device).toBe("none");
});

test.each([
  [false, "none"],
  [true, "pxe"],
])("an override is ignored by the start; persistent %s", async (persistent, left) => {
  const { machine, faults, shown } = setUp();
  faults.ignoresBoot = true;
  Object.assign(shown.boot, { ...pxe, persistent });
  let started = "";
  machine.listenConsole(() => {
    started = machine.boot.device;
  });
  await shown.act("on");
  expect(started).toBe("none");
  expect(shown.boot.device).toBe(left);
});

test("the same seed loses the same datagrams, and about as many as were asked for", () => {
  const faults = { ...noFaults(), dropIn: 0.3 };
  const heard = (seed: number) => {
    const link = createFaultyLink(faults, seed);
    return Array.from({ length: 1000 }, () => link.hears());
  };
  expect(heard(1)).toEqual(heard(1));
  expect(heard(1)).not.toEqual(heard(2));
  const lost = heard(1).filter((hears) => !hears).length;
  expect(lost).toBeGreaterThan(250);
  expect(lost).toBeLessThan(350);
});

test.each([
  ["in health", {}, [true, true, true, true], 1],
  ["answering one in three", { answersOneIn: 3 }, [false, false, true, false], 1],
  ["doubling", { duplicates: true }, [true, true, true, true], 2],
  ["deaf to all", { dropIn: 1 }, [false, false, false, false], 1],
  ["whose answers are lost", { dropOut: 1 }, [true, true, true, true], 0],
  ["dead", { dead: true }, [false, false, false, false], 0],
])("a BMC %s", (_, changes, hears, copies) => {
  const link = createFaultyLink({ ...noFaults(), ...changes }, 1);
  expect([1, 2, 3, 4].map(() => link.hears())).toEqual(hears);
  expect(link.copies()).toBe(copies);
});

test("faults are changed by name, all or none", () => {
  const faults = noFaults();
  changeFaults(faults, { dead: true, delayMs: 20 });
  expect(faults).toMatchObject({ dead: true, delayMs: 20 });
  expect(() => changeFaults(faults, { dead: false, delay: 1 })).toThrow(
    'no fault "delay": use one',
  );
  expect(() => changeFaults(faults, { dead: false, delayMs: "1" })).toThrow('"1" is not a number');
  expect(faults.dead).toBe(true);
});
