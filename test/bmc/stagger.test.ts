import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { systemClock } from "../../src/bmc/clock.ts";
import { createSlots } from "../../src/bmc/slots.ts";
import { createStagger } from "../../src/bmc/stagger.ts";

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
});

afterEach(() => {
  vi.useRealTimers();
});

const limits = { startsPerSecond: 4, startsPerSecondPerGroup: 1 };
const never = new AbortController().signal;

function staggered() {
  const stagger = createStagger(() => limits, systemClock);
  const began = performance.now();
  const went: string[] = [];
  const start = (name: string, group: string | undefined, signal = never) =>
    stagger.turn(group, signal).then(
      () => void went.push(`${name}@${Math.round(performance.now() - began)}`),
      () => void went.push(`${name} left`),
    );
  return { start, went };
}

test("who asks first goes first, and a group that is busy holds up no other", async () => {
  const { start, went } = staggered();
  for (const name of ["a1", "a2", "a3"]) void start(name, "a");
  for (const name of ["b1", "x1"]) void start(name, name.startsWith("b") ? "b" : undefined);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(went).toEqual(["a1@0", "b1@250", "x1@500", "a2@1000", "a3@2000"]);
});

test("who comes later from a free group overtakes those that wait for theirs", async () => {
  const { start, went } = staggered();
  for (const name of ["a1", "a2"]) void start(name, "a");
  await vi.advanceTimersByTimeAsync(600);
  void start("b1", "b");
  await vi.advanceTimersByTimeAsync(1_000);
  expect(went).toEqual(["a1@0", "b1@600", "a2@1000"]);
});

test("who leaves takes no turn", async () => {
  const { start, went } = staggered();
  const leaving = new AbortController();
  void start("a1", "a");
  void start("a2", "a", leaving.signal);
  void start("a3", "a");
  void start("a4", "a", AbortSignal.abort());
  await vi.advanceTimersByTimeAsync(100);
  leaving.abort();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(went.toSorted()).toEqual(["a1@0", "a2 left", "a3@1000", "a4 left"]);
});

test("a turn after a pause is at once", async () => {
  const { start, went } = staggered();
  void start("a1", "a");
  await vi.advanceTimersByTimeAsync(10_000);
  void start("a2", "a");
  await vi.advanceTimersByTimeAsync(0);
  expect(went).toEqual(["a1@0", "a2@10000"]);
});

test("slots hold no more than their number, give way when work fails, and let those who wait leave", async () => {
  const slots = createSlots(() => 2);
  let now = 0;
  let most = 0;
  const work = (ms: number) => async () => {
    now += 1;
    most = Math.max(most, now);
    await systemClock.sleep(ms, never);
    now -= 1;
    if (ms === 10) throw new Error("fails");
    return ms;
  };
  const leaving = new AbortController();
  const results = Promise.allSettled([
    slots(work(10), never),
    slots(work(20), never),
    slots(work(30), leaving.signal),
    slots(work(40), never),
    slots(work(50), AbortSignal.abort()),
  ]);
  leaving.abort();
  await vi.advanceTimersByTimeAsync(1_000);
  expect((await results).map((result) => result.status === "fulfilled" && result.value)).toEqual([
    false,
    20,
    false,
    40,
    false,
  ]);
  expect(most).toBe(2);
});

test("slots follow their number while work goes on", async () => {
  let count = 1;
  const slots = createSlots(() => count);
  const began: number[] = [];
  const work = (ms: number) => async () => {
    began.push(ms);
    await systemClock.sleep(ms, never);
  };
  const all = Promise.all([10, 20, 30, 40, 50].map((ms) => slots(work(ms), never)));
  await vi.advanceTimersByTimeAsync(0);
  expect(began).toEqual([10]);
  count = 3;
  await vi.advanceTimersByTimeAsync(10);
  expect(began).toEqual([10, 20, 30, 40]);
  count = 1;
  await vi.advanceTimersByTimeAsync(30);
  expect(began).toEqual([10, 20, 30, 40]);
  await vi.advanceTimersByTimeAsync(10);
  expect(began).toEqual([10, 20, 30, 40, 50]);
  await vi.advanceTimersByTimeAsync(1_000);
  await all;
});

test("starts keep the distance that is asked for at the time", async () => {
  let perSecond = 1;
  const stagger = createStagger(
    () => ({ startsPerSecond: perSecond, startsPerSecondPerGroup: 10 }),
    systemClock,
  );
  const began = performance.now();
  const went: number[] = [];
  const start = () =>
    stagger.turn(undefined, never).then(() => void went.push(performance.now() - began));
  for (let i = 0; i < 2; i += 1) void start();
  await vi.advanceTimersByTimeAsync(500);
  perSecond = 10;
  for (let i = 0; i < 2; i += 1) void start();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(went).toEqual([0, 1_000, 1_100, 1_200]);
});
