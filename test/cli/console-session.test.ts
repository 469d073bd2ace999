import { expect, test } from "vitest";
import type { ConsoleLine } from "../../src/api/console-shapes.ts";
import { type ConsoleTerminal, runConsole } from "../../src/cli/console-session.ts";
import { CliError, exitCodes } from "../../src/cli/exit.ts";
import type { Server } from "../../src/cli/server.ts";

const atMs = 0;
const output = (text: string): ConsoleLine => ({ kind: "output", atMs, data: text });
const recent = (text: string): ConsoleLine => ({ kind: "recent", atMs, data: text });
const open: ConsoleLine = { kind: "state", atMs, state: "open" };
const away = (failure: string): ConsoleLine => ({
  ...{ kind: "state", atMs, state: "away", failure },
  ...{ reason: `it is ${failure}`, retryMs: 1000 },
});
const unreachable = new CliError(exitCodes.unreachable, "the server can't be reached");

interface Session {
  readonly connections: readonly (readonly (ConsoleLine | Error)[])[];
  /** Absent: nothing is typed. */
  readonly typed?: readonly string[];
  readonly terminal?: boolean;
  readonly take?: boolean;
  readonly refuses?: boolean;
}

/** One connection after the other; the last one stays. */
function start({ connections, typed, terminal = false, take = false, refuses = false }: Session) {
  let nowMs = 0;
  const paths: string[] = [];
  const shown: string[] = [];
  const notes: string[] = [];
  const sent: unknown[] = [];
  const abort = new AbortController();
  async function* follow(path: string, _shape: unknown, signal: AbortSignal) {
    const lines = connections[Math.min(paths.length, connections.length - 1)] ?? [];
    const isLast = paths.push(path) >= connections.length;
    for (const line of lines) {
      if (line instanceof Error) throw line;
      yield line;
    }
    if (isLast && !signal.aborted)
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
  }
  const post = async (_path: string, body: unknown) => {
    sent.push(body);
    if (refuses) throw new CliError(exitCodes.failed, "the console is not open\x1b[2J");
    return { bytes: 0 };
  };
  async function* input() {
    for (const text of typed ?? []) {
      await new Promise((resolve) => setImmediate(resolve));
      yield Buffer.from(text);
    }
  }
  const screen: ConsoleTerminal = {
    show: (line) => void shown.push("data" in line ? line.data : line.kind),
    note: (text) => void notes.push(text),
    input: typed === undefined ? undefined : input(),
    typesEscapes: terminal,
  };
  const clock = {
    now: () => nowMs,
    sleep: async (ms: number) => {
      nowMs += ms;
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
  const server = { follow: follow as unknown as Server["follow"], post: post as Server["post"] };
  const ended = runConsole(server, { node: "node01", take }, screen, clock, abort.signal);
  return { ended, paths, shown, notes, sent, abort, elapsedMs: () => nowMs };
}

const settled = async () => {
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

test("a server that restarts is connected to again; what was seen is not shown twice, nor taken over twice", async () => {
  const session = start({
    take: true,
    connections: [
      [recent("before"), open, output("one"), unreachable],
      [unreachable],
      [],
      [recent("before one"), open, output("two")],
    ],
  });
  await settled();
  expect(session.shown).toEqual(["before", "state", "one", "state", "two"]);
  expect(session.paths.map((path) => path.split("?")[1])).toEqual([
    "take=true",
    ...[undefined, undefined, undefined],
  ]);
  expect(session.notes).toEqual(Array(3).fill("the server does not answer; trying again"));
  session.abort.abort();
  await session.ended;
});

test("a server that stays away is given up after two minutes", async () => {
  const session = start({ connections: [[recent(""), open, unreachable], [unreachable]] });
  await expect(session.ended).rejects.toBe(unreachable);
  expect(session.elapsedMs()).toBeGreaterThan(120_000);
});

test("a server that never answered is an error at once", async () => {
  const session = start({ connections: [[unreachable]] });
  await expect(session.ended).rejects.toBe(unreachable);
  expect(session.elapsedMs()).toBe(0);
});

test.each(["busy", "unsupported", "authentication", "protocol"])(
  "a console that is %s and never opened is an error with the reason",
  async (failure) => {
    const session = start({ connections: [[recent(""), away(failure)]] });
    await expect(session.ended).rejects.toThrow(`it is ${failure}`);
  },
);

test.each([
  ["not reachable now", [recent(""), away("unreachable"), open, output("x")]],
  ["lost to somebody else after it was open", [recent(""), open, away("busy"), open, output("x")]],
])("one that is %s is waited for", async (_, lines) => {
  const session = start({ connections: [lines] });
  await settled();
  expect(session.shown.at(-1)).toBe("x");
  session.abort.abort();
  await session.ended;
});

test("a program's input is sent as it is, in pieces that BMCs bear, and two silent seconds end it", async () => {
  const long = "x".repeat(2500);
  const session = start({ connections: [[recent(""), open]], typed: ["~.\r", long] });
  await session.ended;
  const texts = session.sent.map((body) =>
    Buffer.from((body as { data: string }).data, "base64").toString(),
  );
  expect(texts.join("")).toBe(`~.\r${long}`);
  expect(Math.max(...texts.map((text) => text.length))).toBe(1024);
  expect(session.elapsedMs()).toBe(2000);
});

test("a person's escapes are carried out in their order, and ~. ends after what was typed is sent", async () => {
  const session = start({
    connections: [[recent(""), open]],
    terminal: true,
    typed: ["a\r~Bb\r~?", "~."],
  });
  await session.ended;
  const data = (text: string) => ({ data: Buffer.from(text).toString("base64") });
  expect(session.sent).toEqual([data("a\r"), { break: true }, data("b\r")]);
  expect(session.notes).toEqual([expect.stringContaining("~.  end")]);
});

test("what can't be sent is said, and made harmless", async () => {
  const session = start({ connections: [[recent(""), open]], typed: ["x"], refuses: true });
  await session.ended;
  expect(session.notes).toEqual(["not sent: the console is not open\\x1b[2J"]);
});
