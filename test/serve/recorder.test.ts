import { pino } from "pino";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Mac } from "../../src/net/mac.ts";
import type { Sighting } from "../../src/nodes/timeline.ts";
import { createRecorder } from "../../src/serve/recorder.ts";

const sighting = (kind: string): Sighting => ({
  mac: "52:54:00:12:34:56" as Mac,
  kind,
  detail: {},
});

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

function recorderOf(atomically: (work: () => void) => void = (work) => work()) {
  const written: string[] = [];
  let commits = 0;
  const store = {
    atomically(work: () => void) {
      commits += 1;
      atomically(work);
    },
  };
  const write = ({ kind }: Sighting) => void written.push(kind);
  const recorder = createRecorder(store, write, pino({ level: "silent" }));
  return { recorder, written, commits: () => commits };
}

it("writes what comes within a tenth of a second in one commit", () => {
  const { recorder, written, commits } = recorderOf();
  recorder.record([sighting("a"), sighting("b")]);
  vi.advanceTimersByTime(99);
  recorder.record([sighting("c")]);
  expect(written).toEqual([]);
  vi.advanceTimersByTime(1);
  expect([written, commits()]).toEqual([["a", "b", "c"], 1]);
});

it("writes what is left when it is closed, and nothing after that", () => {
  const { recorder, written, commits } = recorderOf();
  recorder.record([sighting("a")]);
  recorder.close();
  vi.advanceTimersByTime(1_000);
  expect([written, commits()]).toEqual([["a"], 1]);
});

it("goes on after a commit that failed", () => {
  let full = true;
  const { recorder, written } = recorderOf((work) => {
    if (full) throw new Error("database or disk is full");
    work();
  });
  recorder.record([sighting("a")]);
  vi.advanceTimersByTime(100);
  full = false;
  recorder.record([sighting("b")]);
  vi.advanceTimersByTime(100);
  expect(written).toEqual(["b"]);
});
