import { expect, test } from "vitest";
import { BmcError, type BmcFailureKind } from "../../src/bmc/bmc.ts";
import { createBreaker } from "../../src/bmc/breaker.ts";

const failure = (kind: BmcFailureKind) => new BmcError(kind, "BMC 10.0.10.50: no answer");

test("one lost answer is no reason to wait", () => {
  const breaker = createBreaker();
  breaker.failed(failure("unreachable"), 0);
  expect(() => breaker.check(0)).not.toThrow();
});

test("the pauses are 5, 10 and then always 15 seconds, and the failure of before says when it ends", () => {
  const breaker = createBreaker();
  const pauses: number[] = [];
  let now = 0;
  breaker.failed(failure("timeout"), now);
  for (let round = 0; round < 4; round += 1) {
    breaker.failed(failure("timeout"), now);
    const from = now;
    const waits = () => {
      try {
        breaker.check(now);
        return false;
      } catch (error) {
        expect(error).toMatchObject({ kind: "timeout" });
        return true;
      }
    };
    while (waits()) now += 1000;
    pauses.push((now - from) / 1000);
  }
  expect(pauses).toEqual([5, 10, 15, 15]);
});

test("what it says while it waits names the failure and the time left", () => {
  const breaker = createBreaker();
  breaker.failed(failure("authentication"), 1000);
  expect(() => breaker.check(2500)).toThrow(
    "BMC 10.0.10.50: no answer (it is asked again in 59 s)",
  );
});

test("a wrong password is not tried again for a minute", () => {
  const breaker = createBreaker();
  breaker.failed(failure("authentication"), 0);
  expect(() => breaker.check(59_999)).toThrow();
  expect(() => breaker.check(60_000)).not.toThrow();
});

test("an answer ends all pauses", () => {
  const breaker = createBreaker();
  for (let count = 0; count < 5; count += 1) breaker.failed(failure("unreachable"), 0);
  breaker.succeeded();
  expect(() => breaker.check(0)).not.toThrow();
  breaker.failed(failure("unreachable"), 0);
  expect(() => breaker.check(0)).not.toThrow();
});

test.each(["unsupported", "busy", "protocol"] as const)(
  "a BMC that answers %s is there and is asked as before",
  (kind) => {
    const breaker = createBreaker();
    for (let count = 0; count < 5; count += 1) breaker.failed(failure(kind), 0);
    expect(() => breaker.check(0)).not.toThrow();
  },
);
