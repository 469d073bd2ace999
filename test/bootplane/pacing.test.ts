import { describe, expect, it } from "vitest";
import { createPace, type Pace, sliceBytesAt } from "../../src/bootplane/pacing.ts";
import { manualClock } from "../fakes/manual-clock.ts";

const mebibyte = 1024 * 1024;

describe("a slice", () => {
  it.each([
    [undefined, 4 * mebibyte],
    [1000 * mebibyte, 4 * mebibyte],
    [20 * mebibyte, mebibyte],
    [mebibyte, Math.floor(mebibyte / 20)],
    [1000, 16 * 1024],
  ])("at %s octets per second has %i octets", (rate, octets) => {
    expect(sliceBytesAt(rate)).toBe(octets);
  });
});

describe("pacing", () => {
  /** Virtual milliseconds until `downloads` of one client have all of their octets, each slice sent in turn. */
  function millisecondsFor(downloads: number, octets: number, rate: number): number {
    const clock = manualClock(0);
    const pace = createPace(clock.now);
    const slice = sliceBytesAt(rate);
    for (let sent = 0; sent < octets; sent += slice)
      for (let download = 0; download < downloads; download += 1)
        clock.advance(pace("client", Math.min(slice, octets - sent), rate));
    return clock.now();
  }

  it.each([
    [1, 300 * mebibyte, mebibyte, 300_000],
    [1, 300 * mebibyte, 40 * mebibyte, 7_500],
    [4, 10 * mebibyte, mebibyte, 40_000],
    [1, 40, 1000, 0],
  ])("sends %i x %i octets at %i per second in %i ms", (downloads, octets, rate, expected) => {
    const took = millisecondsFor(downloads, octets, rate);
    // The last slice leaves when its turn begins.
    const sliceMs = (sliceBytesAt(rate) / rate) * 1000;
    expect(took).toBeGreaterThan(expected - sliceMs - 1e-6);
    expect(took).toBeLessThanOrEqual(expected);
  });

  const waits = (pace: Pace, client: string, times: number) =>
    Array.from({ length: times }, () => pace(client, 100, 1000));

  it("lets the first slice go at once, and each further one when the line is free", () => {
    expect(waits(createPace(manualClock().now), "a", 3)).toEqual([0, 100, 200]);
  });

  it("lets one client not wait for another", () => {
    const pace = createPace(manualClock().now);
    waits(pace, "a", 5);
    expect(waits(pace, "b", 1)).toEqual([0]);
  });

  it("saves nothing up for a client that was slower than its rate", () => {
    const clock = manualClock();
    const pace = createPace(clock.now);
    waits(pace, "a", 1);
    clock.advance(10_000);
    expect(waits(pace, "a", 2)).toEqual([0, 100]);
  });
});
