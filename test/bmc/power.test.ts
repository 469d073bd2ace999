import { expect, test } from "vitest";
import { type Bmc, BmcError, type PowerAction, type PowerState } from "../../src/bmc/bmc.ts";
import { ensurePower } from "../../src/bmc/power.ts";
import { refusing } from "../../src/bmc/refusing.ts";

type Answer = PowerState | BmcError;

/** A BMC that answers each reading from a list (its last entry for ever) and records what it is asked to do. */
function scriptedBmc(readings: readonly Answer[], onPower: readonly (BmcError | undefined)[] = []) {
  const asked: PowerAction[] = [];
  let reading = 0;
  const bmc: Bmc = {
    ...refusing("unsupported", "BMC", "the fake has no such thing"),
    powerState: async () => {
      const answer = readings[Math.min(reading++, readings.length - 1)] ?? "off";
      if (answer instanceof BmcError) throw answer;
      return answer;
    },
    power: async (action) => {
      const error = onPower[asked.length];
      asked.push(action);
      if (error !== undefined) throw error;
    },
  };
  return { bmc, asked };
}

function options(deadlineMs = 60_000) {
  let nowMs = 0;
  const clock = {
    now: () => nowMs,
    sleep: async (ms: number) => {
      nowMs += ms;
    },
  };
  return { subject: "node node01", deadlineMs, clock };
}

const never = new AbortController().signal;
const lost = new BmcError("timeout", "no reply");

test("a machine in the wanted state already is left alone", async () => {
  const { bmc, asked } = scriptedBmc(["off"]);
  await ensurePower(bmc, "off", options(), never);
  expect(asked).toEqual([]);
});

test("one request is enough for a slow machine", async () => {
  const { bmc, asked } = scriptedBmc(["off", "off", "off", "on"]);
  await ensurePower(bmc, "on", options(), never);
  expect(asked).toEqual(["on"]);
});

test("a lost reply leads to a reading, not to a second request", async () => {
  const { bmc, asked } = scriptedBmc(["off", "on"], [lost]);
  await ensurePower(bmc, "on", options(), never);
  expect(asked).toEqual(["on"]);
});

test("a BMC that says ok and does nothing is asked three times, then given up at the deadline", async () => {
  const { bmc, asked } = scriptedBmc(["off"]);
  await expect(ensurePower(bmc, "on", options(), never)).rejects.toThrow(
    "node node01 is not seen on after 60 s: asked 3 times, and the BMC reports no change",
  );
  expect(asked).toEqual(["on", "on", "on"]);
});

test("an unreachable BMC is waited for until the deadline, and its reason is in the message", async () => {
  const { bmc } = scriptedBmc([new BmcError("unreachable", "BMC 10.0.10.50 is silent")]);
  await expect(ensurePower(bmc, "off", options(), never)).rejects.toMatchObject({
    kind: "timeout",
    message: expect.stringContaining("BMC 10.0.10.50 is silent"),
  });
});

test.each(["authentication", "unsupported", "protocol"] as const)(
  "%s is final at once",
  async (kind) => {
    const { bmc } = scriptedBmc([new BmcError(kind, "no")]);
    await expect(ensurePower(bmc, "on", options(), never)).rejects.toMatchObject({ kind });
  },
);

test("an abort stops it", async () => {
  const { bmc, asked } = scriptedBmc(["off"]);
  await expect(ensurePower(bmc, "on", options(), AbortSignal.abort())).rejects.toThrow("aborted");
  expect(asked).toEqual([]);
});
