import { expect, it } from "vitest";
import { findHighestRate, type Probe, type SearchPlan } from "./rate-search.ts";

const plan: SearchPlan = { startRate: 1000, step: 1.5, refinements: 4, attempts: 2 };

/** A server that answers up to `limit` a second, and loses the rest; `asked` collects the rates. */
function server(limit: number, asked: number[] = []) {
  return async (rate: number): Promise<Probe> => {
    asked.push(rate);
    return { perSecond: Math.min(rate, limit), dropShare: Math.max(0, (rate - limit) / rate) };
  };
}

it.each([
  [7000, 6700, 7071],
  [1000, 1000, 1011],
  // Below the first rate it halves its way down.
  [130, 125, 132],
])("finds the limit of a server that answers %i/s", async (limit, least, most) => {
  const { perSecond, clientLimited } = await findHighestRate(plan, server(limit), () => undefined);
  expect(perSecond).toBeGreaterThanOrEqual(least);
  expect(perSecond).toBeLessThanOrEqual(most);
  expect(clientLimited).toBe(false);
});

it("accepts a loss of 1 % and no more", async () => {
  const losing = (dropShare: number) => async (rate: number) => ({ perSecond: rate, dropShare });
  const single = { ...plan, refinements: 0 };
  expect((await findHighestRate(single, losing(0.01), () => undefined)).perSecond).toBeGreaterThan(
    10_000,
  );
  expect((await findHighestRate(single, losing(0.0101), () => undefined)).perSecond).toBe(0);
});

it("gives 0 for a server that answers nothing, after a bounded number of probes", async () => {
  const asked: number[] = [];
  const { perSecond } = await findHighestRate(plan, server(0, asked), () => undefined);
  expect(perSecond).toBe(0);
  expect(asked.at(-1)).toBe(50);
  expect(asked.length).toBeLessThanOrEqual(2 * 6);
});

it("tries a rate again before it counts as failed", async () => {
  let hiccups = 1;
  const answer = server(3000);
  const probe = async (rate: number) =>
    rate > 2000 && hiccups-- > 0 ? { perSecond: 0, dropShare: 1 } : await answer(rate);
  const { perSecond } = await findHighestRate(plan, probe, () => undefined);
  expect(perSecond).toBeGreaterThan(2900);
});

it("stops where the client cannot send faster, and says so", async () => {
  const asked: number[] = [];
  const probe = async (rate: number) => {
    asked.push(rate);
    return { perSecond: Math.min(rate, 1600), dropShare: 0 };
  };
  expect(await findHighestRate(plan, probe, () => undefined)).toEqual({
    perSecond: 1600,
    clientLimited: true,
  });
  expect(asked).toEqual([1000, 1500, 2250]);
});

it("tells of each probe whether it passed", async () => {
  const told: [number, boolean][] = [];
  const single = { ...plan, refinements: 1, attempts: 1 };
  await findHighestRate(single, server(2000), (rate, _, passed) => told.push([rate, passed]));
  expect(told).toEqual([
    [1000, true],
    [1500, true],
    [2250, false],
    [1875, true],
  ]);
});
