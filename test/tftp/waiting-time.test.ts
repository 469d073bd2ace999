import { describe, expect, it } from "vitest";
import { createWaitingTime, type WaitingTime } from "../../src/tftp/waiting-time.ts";

function progress(time: WaitingTime, count: number, tookMs: number | undefined): WaitingTime {
  for (let n = 0; n < count; n += 1) time.onProgress(tookMs);
  return time;
}

describe("the time that is waited for an acknowledgement", () => {
  it.each([
    ["a second before anything was measured", undefined, 0, 0, 1_000],
    ["three times the first way there and back", undefined, 1, 300, 900],
    ["a fifth of a second for a near client, and no less", undefined, 50, 1, 200],
    ["little more than a slow client needs, once that is known", undefined, 100, 500, 500],
    ["eight seconds at most", undefined, 1, 60_000, 8_000],
    ["the client's own timeout, however near it is", 3_000, 50, 1, 3_000],
    ["the client's own timeout, however long that is", 255_000, 50, 1, 255_000],
  ])("is %s", (_, clientTimeoutMs, count, tookMs, expected) => {
    const { ms } = progress(createWaitingTime(clientTimeoutMs), count, tookMs);
    expect(Math.round(ms)).toBe(expected);
  });

  it.each([
    [undefined, [1_000, 2_000, 4_000, 8_000, 8_000]],
    [3_000, [3_000, 6_000, 8_000, 8_000, 8_000]],
    [20_000, [20_000, 20_000, 20_000]],
  ])("doubles at each timeout (client's timeout %s)", (clientTimeoutMs, expected) => {
    const time = createWaitingTime(clientTimeoutMs);
    const waits = expected.map(() => {
      const { ms } = time;
      time.onTimeout();
      return ms;
    });
    expect(waits).toEqual(expected);
  });

  it("stays as long after a repetition until an answer is measured, so that a slow client is measured at all", () => {
    const time = progress(createWaitingTime(undefined), 50, 1);
    time.onTimeout();
    time.onProgress(undefined);
    expect(time.ms).toBe(400);
    time.onProgress(300);
    // More than the 300 ms that this client has begun to take.
    expect(time.ms).toBeGreaterThan(300);
  });

  it("is again what was measured after a single loss", () => {
    const time = progress(createWaitingTime(undefined), 50, 1);
    time.onTimeout();
    time.onProgress(undefined);
    time.onProgress(1);
    expect(time.ms).toBe(200);
  });

  it("is the client's own again as soon as it gets on", () => {
    const time = createWaitingTime(3_000);
    time.onTimeout();
    time.onProgress(undefined);
    expect(time.ms).toBe(3_000);
  });
});
