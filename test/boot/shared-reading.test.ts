import { expect, test } from "vitest";
import { createSharedReading } from "../../src/boot/shared-reading.ts";

/** A reading that gives 1, 2, 3 …, each when it is let go on. */
function place(recentMs = 200) {
  const at = { nowMs: 0 };
  const begun: PromiseWithResolvers<number>[] = [];
  const reading = createSharedReading(
    () => {
      const one = Promise.withResolvers<number>();
      begun.push(one);
      return one.promise;
    },
    recentMs,
    () => at.nowMs,
  );
  const end = (count: number) => begun[count - 1]?.resolve(count);
  return { at, begun, reading, end };
}

test("what was read a moment ago is given again, and after that it is read anew", async () => {
  const { at, begun, reading, end } = place();
  const first = reading.recent();
  const second = reading.recent();
  await Promise.resolve();
  at.nowMs = 1000;
  // It takes long, and is still shared.
  const third = reading.recent();
  end(1);
  expect(await Promise.all([first, second, third])).toEqual([1, 1, 1]);
  // From its end on: one that takes longer than that would otherwise begin again at once, all the time.
  at.nowMs = 1199;
  expect(await reading.recent()).toBe(1);
  expect(begun).toHaveLength(1);
  at.nowMs = 1200;
  const later = reading.recent();
  await Promise.resolve();
  end(2);
  expect(await later).toBe(2);
});

test("what is read anew begins after the call, never two at a time", async () => {
  const { begun, reading, end } = place();
  const first = reading.anew();
  await Promise.resolve();
  // The first one has begun, and may have passed by what these look for.
  const next = [reading.anew(), reading.anew()];
  await Promise.resolve();
  expect(begun).toHaveLength(1);
  end(1);
  expect(await first).toBe(1);
  await expect.poll(() => begun.length).toBe(2);
  end(2);
  expect(await Promise.all(next)).toEqual([2, 2]);
});

test("a reading that fails keeps nobody from the next", async () => {
  const { begun, reading, end } = place(0);
  const failed = reading.anew();
  await Promise.resolve();
  begun[0]?.reject(new Error("no"));
  await expect(failed).rejects.toThrow("no");
  const next = reading.recent();
  await expect.poll(() => begun.length).toBe(2);
  end(2);
  expect(await next).toBe(2);
});
