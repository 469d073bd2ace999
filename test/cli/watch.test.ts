import { describe, expect, it } from "vitest";
import type { OperationView } from "../../src/api/operation-shapes.ts";
import { CliError, exitCodes } from "../../src/cli/exit.ts";
import type { Server } from "../../src/cli/server.ts";
import { showLines, showTable, watchOperations } from "../../src/cli/watch.ts";
import { operationView, startMs } from "../api/fake-rackstrap.ts";

const running = operationView("node01");
const done = operationView("node01", { status: "done", endedAtMs: startMs + 9000 });
const away = new CliError(exitCodes.unreachable, "the server can't be reached");

/** A server that gives one answer after the other, the last one for ever. */
function scripted(answers: readonly (OperationView | Error)[]): Pick<Server, "get"> {
  let next = 0;
  const get = async () => {
    const answer = answers[Math.min(next++, answers.length - 1)];
    if (answer instanceof Error || answer === undefined) throw answer;
    return answer;
  };
  return { get: get as Server["get"] };
}

function watch(answers: readonly (OperationView | Error)[], signal = new AbortController().signal) {
  let nowMs = startMs;
  const lines: string[] = [];
  const clock = {
    now: () => nowMs,
    sleep: async (ms: number) => {
      nowMs += ms;
    },
  };
  const show = showLines((line) => lines.push(line), clock.now);
  const ended = watchOperations(scripted(answers), [running], show, clock, signal);
  return { ended, lines, elapsedMs: () => nowMs - startMs };
}

describe("watchOperations", () => {
  it("asks once a second until all have ended", async () => {
    const { ended, lines, elapsedMs } = watch([running, running, done]);
    expect(await ended).toEqual([done]);
    expect(elapsedMs()).toBe(3000);
    expect(lines).toEqual(["node01 0s [2/3] Install: disko", "node01 9s done"]);
  });

  it("outlives a restart of the server and says so once", async () => {
    const { ended, lines } = watch([away, away, away, done]);
    expect(await ended).toEqual([done]);
    expect(lines).toEqual([
      "node01 0s [2/3] Install: disko",
      "the server does not answer; trying again",
      "node01 9s done",
    ]);
  });

  it("gives up when the server stays away for two minutes", async () => {
    const { ended, elapsedMs } = watch([running, away]);
    await expect(ended).rejects.toBe(away);
    expect(elapsedMs()).toBe(122_000);
  });

  it("does not wait out an answer that is no absence", async () => {
    const refused = new CliError(exitCodes.usage, "no such operation");
    await expect(watch([refused]).ended).rejects.toBe(refused);
  });

  it("returns what it last saw when it is told to stop", async () => {
    expect(await watch([done], AbortSignal.abort()).ended).toEqual([running]);
  });
});

describe("showTable", () => {
  it("draws no line that is wider than the terminal", () => {
    const drawn: (readonly string[])[] = [];
    const show = showTable({ draw: (lines) => drawn.push(lines) }, 30, () => startMs);
    show([], [running], "the server does not answer; trying again");
    expect(drawn.flat().map((line) => [...line].length <= 30)).toEqual([true, true, true]);
  });
});
