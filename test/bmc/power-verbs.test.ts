import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BmcError } from "../../src/bmc/bmc.ts";
import { systemClock } from "../../src/bmc/clock.ts";
import { carryOut, type PowerVerb } from "../../src/bmc/power-verbs.ts";
import { createSlots } from "../../src/bmc/slots.ts";
import { type MachineBmc, machineBmc, silent } from "../fakes/machine-bmc.ts";

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
});

afterEach(() => {
  vi.useRealTimers();
});

const turnMs = 500;

/** Carries the verb out in virtual time; how it ended, how long it took, and what the BMC was asked. */
async function act(bmc: MachineBmc, verb: PowerVerb) {
  const startMs = performance.now();
  let shown = 0;
  const ended = carryOut(
    bmc,
    verb,
    {
      ...{ node: "node01", subject: "node node01 (BMC 10.0.10.50)", clock: systemClock },
      turn: (signal) => systemClock.sleep(turnMs, signal),
      slots: createSlots(() => 1),
      softOffMs: 120_000,
      onAsked: () => {
        shown += 1;
      },
    },
    new AbortController().signal,
  ).then(
    () => ({ result: "done", tookMs: performance.now() - startMs }),
    (error: unknown) => ({ result: error, tookMs: performance.now() - startMs }),
  );
  await vi.advanceTimersByTimeAsync(600_000);
  const { result, tookMs } = await ended;
  return { result, tookMs, shown, asked: bmc.asked.map(([action]) => action).join(" ") };
}

const failure = (kind: string, message: RegExp) =>
  expect.objectContaining({ kind, message: expect.stringMatching(message) });

describe("a machine that does as it is told", () => {
  it.each<[PowerVerb, "on" | "off", string]>([
    ["on", "off", "on"],
    ["on", "on", ""],
    ["off", "on", "off"],
    ["off", "off", ""],
    ["cycle", "on", "off on"],
    ["cycle", "off", "on"],
    ["soft", "on", "soft"],
    ["soft", "off", ""],
    ["reset", "on", "reset"],
    ["status", "on", ""],
  ])("%s of one that is %s asks for: %s", async (verb, state, asked) => {
    const outcome = await act(machineBmc(state), verb);
    expect(outcome).toMatchObject({ result: "done", shown: 1, asked });
  });

  it.each<[PowerVerb, boolean]>([
    ["on", true],
    ["cycle", true],
    ["reset", true],
    ["off", false],
    ["soft", false],
    ["status", false],
  ])("%s waits for its turn: %s", async (verb, waits) => {
    const { tookMs } = await act(machineBmc(verb === "on" ? "off" : "on"), verb);
    expect(tookMs % 1000 >= turnMs).toBe(waits);
  });

  it("is seen off before it is switched on again, however slow it is", async () => {
    const bmc = machineBmc("on", { offMs: 9_000 });
    await act(bmc, "cycle");
    const [off, on] = bmc.asked.map(([, atMs]) => atMs);
    expect((on ?? 0) - (off ?? 0)).toBeGreaterThanOrEqual(9_000 + turnMs);
  });
});

describe("nothing is done twice", () => {
  it.each<[PowerVerb, "on" | "off", string]>([
    ["on", "off", "on"],
    ["off", "on", "off"],
    ["cycle", "on", "off on"],
    ["soft", "on", "soft"],
  ])("%s whose answers are lost is seen all the same", async (verb, state, asked) => {
    const outcome = await act(machineBmc(state, { losesAnswers: true }), verb);
    expect(outcome).toMatchObject({ result: "done", asked });
  });

  it("a reset whose answer is lost is uncertain and not sent again", async () => {
    expect(await act(machineBmc("on", { losesAnswers: true }), "reset")).toMatchObject({
      result: failure("timeout", /may have restarted or not; it is not sent again/),
      asked: "reset",
      shown: 1,
    });
  });

  it.each<PowerVerb>(["reset", "soft"])(
    "a %s that was never sent is neither uncertain nor waited for",
    async (verb) => {
      const unsent = new BmcError("timeout", "BMC 10.0.10.50: no session", { sent: false });
      const bmc = machineBmc("on", { power: () => Promise.reject(unsent) });
      const { result, tookMs } = await act(bmc, verb);
      expect(result).toBe(unsent);
      expect(tookMs).toBeLessThanOrEqual(turnMs);
    },
  );

  it("a BMC that is silent before the reset was not asked for one", async () => {
    const outcome = await act(machineBmc("on", { fault: silent }), "reset");
    expect(outcome).toMatchObject({ result: silent, asked: "", shown: 0 });
  });
});

describe("a machine that does not", () => {
  it.each<[PowerVerb, "on" | "off", RegExp]>([
    ["on", "off", /not seen on after 50 s: asked 3 times/],
    ["off", "on", /not seen off after 50 s: asked 3 times/],
    ["cycle", "on", /not seen off after 50 s/],
  ])("%s is given up within a minute, with the reason", async (verb, state, message) => {
    const { result, tookMs } = await act(machineBmc(state, { deaf: true }), verb);
    expect(result).toEqual(failure("timeout", message));
    expect(tookMs).toBeLessThanOrEqual(60_000 + turnMs);
  });

  it("is given up within a minute when its BMC hangs", async () => {
    const hangs = (signal?: AbortSignal) =>
      new Promise<never>((_, reject) =>
        signal?.addEventListener("abort", () => reject(signal.reason as Error)),
      );
    const { result, tookMs } = await act(machineBmc("on", { powerState: hangs }), "off");
    expect(result).toEqual(failure("timeout", /no end after 60 s/));
    expect(tookMs).toBe(60_000);
  });

  it("is still on when its system does not shut down, and the remedy is named", async () => {
    const { result, tookMs, asked } = await act(machineBmc("on", { softMs: "never" }), "soft");
    expect(result).toEqual(
      failure(
        "timeout",
        /is still on after 120 s: .*look at its console, or: rackstrap power off node01$/,
      ),
    );
    expect(tookMs).toBe(120_000);
    expect(asked).toBe("soft");
  });

  it("is not called on when its BMC fell silent on the way", async () => {
    const bmc = machineBmc("on", { softMs: "never" });
    setTimeout(() => {
      bmc.fault = silent;
    }, 7_000);
    const { result } = await act(bmc, "soft");
    expect(result).toEqual(
      failure("timeout", /is not seen off after 120 s: BMC 10.0.10.50: no answer$/),
    );
  });

  it("is not reset when it is off", async () => {
    const { result, asked } = await act(machineBmc("off"), "reset");
    expect(result).toEqual(failure("unsupported", /nothing to reset: rackstrap power on node01$/));
    expect(asked).toBe("");
  });

  it.each<PowerVerb>(["on", "off", "soft", "cycle", "reset", "status"])(
    "%s: a refused password is final at once",
    async (verb) => {
      const fault = new BmcError("authentication", "the password is refused");
      const { result, tookMs } = await act(machineBmc("on", { fault }), verb);
      expect(result).toBe(fault);
      expect(tookMs).toBeLessThanOrEqual(turnMs);
    },
  );
});
