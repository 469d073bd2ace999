import { describe, expect, it } from "vitest";
import { makeRoom, type Session } from "../../src/tftp/sessions.ts";

/** From `client@startedMs`, with `+` behind it when it was answered, and `?` while its file is looked for. */
function session(text: string): Session {
  const [, client = "", started = "", mark] = /^(.)@(\d+)(.?)$/.exec(text) ?? [];
  const startedMs = Number(started);
  const running = { hasAnswer: () => mark === "+", isOver: async () => false };
  return {
    ...{ request: Buffer.alloc(0), startedMs, client, stop: new AbortController() },
    ...{ ended: Promise.resolve(), isAsked: false },
    ...(mark === "?" ? {} : { sent: { atMs: startedMs, running } }),
  };
}

const limits = { maxTransfers: 3, maxTransfersPerClient: 2 };

describe("room for one more transfer", () => {
  it.each([
    ["there is none among answered ones", "c", "a@0+ a@1+ b@0+", "full", []],
    ["there is none among a client's answered ones", "a", "a@0+ a@1+", "full-for-client", []],
    ["there is as long as the limits aren't reached", "a", "a@0 b@0", "room", []],
    ["the oldest that was never answered makes way", "c", "a@0+ a@1 b@2", "room", ["a@1"]],
    ["a client's own makes way, not another's", "b", "a@0 b@1 b@2+", "room", ["b@1"]],
    ["what was sent a moment ago stays", "c", "a@8001 a@8002 b@9000+", "full", []],
    ["one whose file is looked for stays", "c", "a@0? a@0+ b@0+", "full", []],
  ])("%s", (_, client, given, expected, ended) => {
    const sessions = new Map(given.split(" ").map((text) => [text, session(text)]));
    const before = new Map(sessions);
    expect(makeRoom(sessions, client, limits, 10_000)).toBe(expected);
    const stopped = [...before].filter(([, { stop }]) => stop.signal.reason === "timed-out");
    expect(stopped.map(([text]) => text)).toEqual(ended);
    expect([...before.keys()].filter((text) => !sessions.has(text))).toEqual(ended);
  });
});
