import { expect, test } from "vitest";
import { orQuiet, quiet } from "../../src/api/quiet.ts";

test("while the next value is under way a reader hears again and again that nothing has come", async () => {
  const second = Promise.withResolvers<number>();
  let ended = false;
  async function* values() {
    try {
      yield 1;
      yield await second.promise;
    } finally {
      ended = true;
    }
  }
  const told: unknown[] = [];
  for await (const value of orQuiet(values(), 2)) {
    told.push(value);
    if (told.length === 3) second.resolve(2);
  }
  expect(told.slice(0, 3)).toEqual([1, quiet, quiet]);
  expect(told.filter((value) => value !== quiet)).toEqual([1, 2]);
  expect(ended).toBe(true);
});

test("a reader that goes away ends what makes the values, and a failure of theirs is the reader's", async () => {
  let ended = false;
  async function* endless() {
    try {
      for (;;) yield 1;
    } finally {
      ended = true;
    }
  }
  for await (const _ of orQuiet(endless(), 1000)) break;
  expect(ended).toBe(true);
  // biome-ignore lint/correctness/useYield: it fails before its first value.
  async function* failing(): AsyncGenerator<number> {
    throw new Error("no leader");
  }
  await expect(orQuiet(failing(), 1000).next()).rejects.toThrow("no leader");
});
