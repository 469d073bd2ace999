import { describe, expect, it } from "vitest";
import { Download } from "../../src/bootplane/download.ts";
import { createPace } from "../../src/bootplane/pacing.ts";
import { manualClock } from "../fakes/manual-clock.ts";

const patience = { leastBytesPerSecond: 100, windowMs: 30_000 };
const shape = { start: 10, end: 1010, sliceBytes: 400 };
const atOnce = () => 0;

describe("a download", () => {
  it("offers its octets in slices, from the first to the last", () => {
    const download = new Download(shape, patience, atOnce, 0);
    const offers = [];
    while (download.outcome === undefined) {
      const offer = download.next(0);
      offers.push(offer);
      download.took(offer?.length ?? 0, 0);
    }
    expect(offers).toEqual([
      { offset: 10, length: 400 },
      { offset: 410, length: 400 },
      { offset: 810, length: 200 },
    ]);
    expect([download.outcome, download.bytes]).toEqual(["complete", 1000]);
  });

  it("goes on with what is left of a slice", () => {
    const download = new Download(shape, patience, atOnce, 0);
    download.took(399, 0);
    expect(download.next(0)).toEqual({ offset: 409, length: 1 });
    expect(download.bytes).toBe(399);
  });

  it("pauses as its client's rate asks, and says until when", () => {
    const clock = manualClock(0);
    const pace = createPace(clock.now);
    const download = new Download(shape, patience, (octets) => pace("a", octets, 100), clock.now());
    expect(download.next(0)?.length).toBe(400);
    download.took(400, 0);
    expect([download.next(3_999), download.deadlineMs]).toEqual([undefined, 4_000]);
    expect(download.next(4_000)?.length).toBe(400);
  });
});

describe("a client", () => {
  /** How a download ends whose client takes `octets` every `everyMs` out of a full queue; undefined after ten minutes. */
  function outcomeFor(octets: number, everyMs: number, least = 100) {
    const long = { start: 0, end: 10_000_000, sliceBytes: 10_000_000 };
    const limits = { ...patience, leastBytesPerSecond: least };
    const download = new Download(long, limits, atOnce, 0);
    download.took(0, 0);
    let [nowMs, dueMs] = [0, everyMs];
    while (download.outcome === undefined && nowMs < 600_000) {
      nowMs = download.deadlineMs > nowMs ? Math.min(dueMs, download.deadlineMs) : dueMs;
      const room = nowMs === dueMs ? octets : 0;
      if (nowMs === dueMs) dueMs += everyMs;
      const offer = download.next(nowMs);
      if (offer !== undefined) download.took(Math.min(room, offer.length), nowMs);
    }
    return download.outcome === undefined ? undefined : [download.outcome, nowMs];
  }

  it.each([
    ["takes nothing", 0, 1_000, 100, ["too-slow", 30_000]],
    ["takes less than it has to", 99, 1_000, 100, ["too-slow", 30_000]],
    ["takes what it has to", 100, 1_000, 100, undefined],
    ["takes what it has to in a few large gulps", 499, 4_000, 100, undefined],
    ["takes nothing where anything is enough", 0, 1_000, 0, ["too-slow", 30_000]],
    ["takes one octet where anything is enough", 1, 20_000, 0, undefined],
  ])("that %s (%i octets every %i ms, at least %i per second) ends as %j", (...row) => {
    const [, octets, everyMs, least, outcome] = row;
    expect(outcomeFor(octets, everyMs, least)).toEqual(outcome);
  });

  it("is not blamed for the pauses of its rate", () => {
    const download = new Download(shape, patience, () => 60_000, 0);
    for (const nowMs of [60_000, 120_000, 180_000])
      download.took(download.next(nowMs)?.length ?? 0, nowMs);
    expect(download.outcome).toBe("complete");
  });

  it("is offered more at the end of its patience, for the queue may have room for a little", () => {
    const download = new Download(shape, patience, atOnce, 0);
    download.took(10, 0);
    expect(download.deadlineMs).toBe(30_000);
    download.took(10, 10_000);
    expect(download.deadlineMs).toBe(30_000);
    download.took(380, 20_000);
    expect(download.deadlineMs).toBe(20_000);
  });
});
