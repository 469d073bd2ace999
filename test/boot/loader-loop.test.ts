import { describe, expect, it } from "vitest";
import { createLoaderLoops, type LoaderLoops } from "../../src/boot/loader-loop.ts";
import type { Mac } from "../../src/net/mac.ts";

const mac = "52:54:00:12:34:56" as Mac;
const pxe = { architectures: [0], vendorClass: "PXEClient:Arch:00000" };
const second = 1000;
const minute = 60 * second;

function ask(loops: LoaderLoops, messageType: string, nowMs: number, xid = nowMs) {
  return loops.admit({ ...pxe, mac, messageType, xid }, nowMs);
}

/** One boot: DISCOVER, REQUEST, and a REQUEST to port 4011 with a transaction of its own. */
function boot(loops: LoaderLoops, nowMs: number) {
  return [
    ask(loops, "DISCOVER", nowMs),
    ask(loops, "REQUEST", nowMs + 100, nowMs),
    ask(loops, "REQUEST", nowMs + 200, nowMs + 200),
  ];
}

const none = [undefined, undefined, undefined];
const taken = { times: 5, taken: true };

function looping(): LoaderLoops {
  const loops = createLoaderLoops();
  for (let i = 0; i < 5; i++) boot(loops, i * 5 * second);
  return loops;
}

describe("a machine that takes its loader again and again", () => {
  it("gets it five times within an hour, and then not", () => {
    const loops = createLoaderLoops();
    for (let i = 0; i < 5; i++) expect(boot(loops, i * 10 * minute)).toEqual(none);
    expect(boot(loops, 50 * minute)).toEqual([taken, taken, taken]);
  });

  it("is seen when it comes back within seconds, too", () => {
    expect(ask(looping(), "DISCOVER", 20 * second)).toEqual(taken);
  });

  it("is let go on for ever when it takes longer than ten minutes for four", () => {
    const loops = createLoaderLoops();
    for (let i = 0; i < 100; i++) expect(boot(loops, i * 15 * minute)).toEqual(none);
  });

  it("gets the loader again five minutes after the stop, though it kept asking, and is counted anew", () => {
    const loops = looping();
    const stoppedAt = 20 * second;
    expect(ask(loops, "DISCOVER", stoppedAt)).toEqual(taken);
    for (let at = minute; at < 5 * minute; at += minute)
      expect(boot(loops, stoppedAt + at)[0]).toEqual(taken);
    for (let i = 0; i < 5; i++)
      expect(boot(loops, stoppedAt + 5 * minute + i * 5 * second)).toEqual(none);
    expect(ask(loops, "DISCOVER", stoppedAt + 6 * minute)).toEqual(taken);
  });

  it("is counted anew when it got further in between", () => {
    const loops = looping();
    loops.forget(mac);
    expect(boot(loops, 20 * second)).toEqual(none);
  });

  it("is told apart by what it says it is, so that PXE and HTTP boot in turns are a loop too", () => {
    const loops = createLoaderLoops();
    const http = { architectures: [16], vendorClass: "HTTPClient:Arch:00016" };
    for (let i = 0; i < 5; i++) {
      boot(loops, i * minute);
      expect(loops.admit({ ...http, mac, messageType: "INFORM", xid: i }, i * minute)).toBe(
        undefined,
      );
    }
    expect(loops.admit({ ...http, mac, messageType: "DISCOVER", xid: 9 }, 6 * minute)).toBe(
      undefined,
    );
    expect(ask(loops, "DISCOVER", 6 * minute)).toEqual(taken);
  });

  it("does not hold up another machine", () => {
    const loops = looping();
    const other = "52:54:00:12:34:57" as Mac;
    expect(loops.admit({ ...pxe, mac: other, messageType: "DISCOVER", xid: 1 }, 20 * second)).toBe(
      undefined,
    );
  });
});

describe("what is no new attempt", () => {
  it("is a repeated DISCOVER, however often", () => {
    const loops = createLoaderLoops();
    for (let i = 0; i < 50; i++) expect(ask(loops, "DISCOVER", i * second, 7)).toBeUndefined();
  });

  it("is a repeated REQUEST", () => {
    const loops = createLoaderLoops();
    ask(loops, "DISCOVER", 0, 7);
    for (let i = 0; i < 50; i++) expect(ask(loops, "REQUEST", i * second, 7)).toBeUndefined();
    expect(ask(loops, "DISCOVER", minute, 8)).toBeUndefined();
  });

  it("is an INFORM", () => {
    const loops = createLoaderLoops();
    for (let i = 0; i < 50; i++) expect(ask(loops, "INFORM", i * second)).toBeUndefined();
  });
});

describe("a machine that sends no REQUEST here", () => {
  it("is held back after seventy offers within an hour, as behind another server that gives the addresses", () => {
    const loops = createLoaderLoops();
    for (let i = 0; i < 70; i++) expect(ask(loops, "DISCOVER", i * 20 * second)).toBeUndefined();
    expect(ask(loops, "DISCOVER", 1400 * second)).toEqual({ times: 70, taken: false });
  });

  it("is not held back while it only starts over every minute, taking no offer", () => {
    const loops = createLoaderLoops();
    for (let i = 0; i < 100; i++) expect(ask(loops, "DISCOVER", i * minute)).toBeUndefined();
  });
});

it("forgets the machine that was silent longest when there are too many", () => {
  const loops = looping();
  const crowd = Array.from(
    { length: 4096 },
    (_, i) =>
      `02:00:00:00:${(i >> 8).toString(16).padStart(2, "0")}:${(i & 255).toString(16).padStart(2, "0")}` as Mac,
  );
  for (const other of crowd.slice(1))
    loops.admit({ ...pxe, mac: other, messageType: "DISCOVER", xid: 1 }, 16 * second);
  expect(ask(loops, "DISCOVER", 20 * second)).toEqual(taken);
  for (const other of crowd)
    loops.admit({ ...pxe, mac: other, messageType: "DISCOVER", xid: 1 }, 21 * second);
  expect(ask(loops, "DISCOVER", 22 * second)).toBeUndefined();
});
