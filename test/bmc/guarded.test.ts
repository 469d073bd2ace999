import { expect, test } from "vitest";
import { BmcError } from "../../src/bmc/bmc.ts";
import { guarded } from "../../src/bmc/guarded.ts";
import { createQueue } from "../../src/bmc/queue.ts";
import { refusing } from "../../src/bmc/refusing.ts";
import { virtualClock } from "../fakes/virtual-clock.ts";

const subject = "BMC 10.0.10.50";

function rig() {
  const clock = virtualClock();
  const queue = createQueue(subject);
  let asked = 0;
  let closedAfter = 0;
  const bmc = guarded(
    {
      ...refusing("unsupported", subject, "the fake has no such thing"),
      sensors: (signal) =>
        queue.add(async () => {
          await clock.sleep(100_000, signal ?? new AbortController().signal);
          signal?.throwIfAborted();
          return [];
        }, signal),
      powerState: (signal) =>
        queue.add(async () => {
          asked += 1;
          return "on" as const;
        }, signal),
      identify: async () => {
        asked += 1;
        throw new BmcError("unreachable", `${subject}: no answer`);
      },
      close: async () => {
        closedAfter = asked;
      },
    },
    subject,
    clock,
  );
  return { bmc, clock, asked: () => asked, closedAfter: () => closedAfter };
}

test("the time in the queue is not of the call's own time, and no failure of the BMC", async () => {
  const { bmc, clock } = rig();
  const answers = Promise.all([
    bmc.sensors(),
    bmc.powerState(),
    bmc.powerState(),
    bmc.powerState(),
  ]);
  expect(await clock.settle(answers)).toEqual([[], "on", "on", "on"]);
  expect(await clock.settle(bmc.powerState())).toBe("on");
});

test("who waits behind those that found the BMC dead is told so, without asking it", async () => {
  const { bmc, clock, asked } = rig();
  const ended = Promise.allSettled(Array.from({ length: 5 }, () => bmc.identify(1)));
  expect((await clock.settle(ended)).map(({ status }) => status)).toEqual(
    Array(5).fill("rejected"),
  );
  expect(asked()).toBe(2);
});

test("it is closed after the calls that wait, however many there are", async () => {
  const { bmc, clock, closedAfter } = rig();
  const asked = Array.from({ length: 16 }, () => bmc.powerState());
  await clock.settle(bmc.close());
  expect(closedAfter()).toBe(16);
  await Promise.all(asked);
});
