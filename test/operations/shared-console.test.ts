import { beforeEach, expect, test } from "vitest";
import { type Bmc, BmcError, type BmcFailureKind, type SerialConsole } from "../../src/bmc/bmc.ts";
import { refusing } from "../../src/bmc/refusing.ts";
import {
  type ConsoleState,
  createSharedConsole,
  type SharedConsole,
} from "../../src/operations/shared-console.ts";

/** A BMC's console that a test opens, loses and prints on at will. */
interface Wire {
  print(text: string): void;
  lose(): void;
  readonly typed: string[];
  closed: boolean;
}

let nowMs: number;
let sleeps: number[];
let wake: (() => void) | undefined;
let attempts: { takeOver: boolean }[];
/** What the next attempts meet; one that is not here opens. */
let refusals: BmcFailureKind[];
let wires: Wire[];
let shared: SharedConsole;

const turns = async () => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
};

/** Lets the pause that is under way pass. */
async function pass(): Promise<void> {
  wake?.();
  await turns();
}

beforeEach(() => {
  nowMs = 0;
  [sleeps, attempts, refusals, wires, wake] = [[], [], [], [], undefined];
  const clock = {
    now: () => nowMs,
    sleep: (ms: number, signal: AbortSignal) =>
      new Promise<void>((resolve) => {
        sleeps.push(ms);
        if (signal.aborted) return resolve();
        wake = () => {
          nowMs += ms;
          resolve();
        };
        signal.addEventListener("abort", () => resolve());
      }),
  };
  const bmc: Bmc = {
    ...refusing("unsupported", "BMC", "not here"),
    openConsole: async (options) => {
      attempts.push(options);
      const refusal = refusals.shift();
      if (refusal !== undefined) throw new BmcError(refusal, `it is ${refusal}`);
      return openWire();
    },
  };
  shared = createSharedConsole(() => bmc, "node node01", clock);
});

function openWire(): SerialConsole {
  const stream = new TransformStream<Buffer, Buffer>(undefined, { highWaterMark: 100 });
  const writer = stream.writable.getWriter();
  const wire: Wire = {
    print: (text) => void writer.write(Buffer.from(text)),
    lose: () => void writer.abort(new BmcError("timeout", "the session ended")),
    typed: [],
    closed: false,
  };
  wires.push(wire);
  return {
    output: stream.readable as unknown as AsyncIterable<Buffer>,
    write: async (data) => void wire.typed.push(data.toString()),
    sendBreak: async () => void wire.typed.push("<break>"),
    close: async () => {
      wire.closed = true;
      await writer.close().catch(() => undefined);
    },
  };
}

function join(takeOver = false) {
  const states: ConsoleState["kind"][] = [];
  const viewer = {
    printed: (data: Buffer) => {
      heard.text += data.toString();
    },
    changed: ({ kind }: ConsoleState) => void states.push(kind),
  };
  const seat = shared.join(viewer, takeOver);
  const heard = { text: "", states, seat };
  return heard;
}

test("the first opens it, all hear it, the last closes it", async () => {
  const first = join();
  await turns();
  wires[0]?.print("one ");
  await turns();
  const second = join();
  wires[0]?.print("two");
  await turns();
  expect(attempts).toHaveLength(1);
  expect([first.text, second.text]).toEqual(["one two", "two"]);
  expect(second.seat.recent.toString()).toBe("one ");
  expect(second.seat.state).toEqual({ kind: "open" });
  first.seat.leave();
  first.seat.leave();
  expect(wires[0]?.closed).toBe(false);
  second.seat.leave();
  expect(wires[0]?.closed).toBe(true);
});

test("who joins sees the last 64 KiB, and none of the session before", async () => {
  const first = join();
  await turns();
  for (let line = 0; line < 100; line += 1) wires[0]?.print(`${line}`.padEnd(1024, "."));
  for (let turn = 0; turn < 20; turn += 1) await turns();
  const { recent } = join().seat;
  expect(recent.length).toBe(64 * 1024);
  expect(recent.subarray(-1024).toString()).toMatch(/^99\./);
  await shared.close();
  expect(first.text.length).toBe(100 * 1024);
  expect(join().seat.recent.length).toBe(0);
});

test("pauses grow while it fails, and a steady session makes them short again", async () => {
  refusals = ["unreachable", "busy", "timeout", "unreachable", "unreachable", "unreachable"];
  const viewer = join();
  await turns();
  for (let pause = 0; pause < 6; pause += 1) await pass();
  expect(sleeps).toEqual([1000, 2000, 5000, 10_000, 30_000, 30_000]);
  expect(viewer.states.slice(-3)).toEqual(["away", "connecting", "open"]);
  nowMs += 60_000;
  wires[0]?.lose();
  await turns();
  expect(sleeps.at(-1)).toBe(1000);
});

test("one that is lost at once is asked for less and less often", async () => {
  join();
  for (let time = 0; time < 4; time += 1) {
    await turns();
    wires[time]?.lose();
    await turns();
    await pass();
  }
  expect(sleeps.slice(0, 4)).toEqual([1000, 2000, 5000, 10_000]);
});

test.each<BmcFailureKind>(["authentication", "unsupported"])(
  "after %s it is left alone for a minute",
  async (kind) => {
    refusals = [kind];
    join();
    await turns();
    expect(sleeps).toEqual([60_000]);
  },
);

test("whoever joins in a pause ends it", async () => {
  refusals = ["unsupported"];
  join();
  await turns();
  join();
  await turns();
  expect(attempts).toHaveLength(2);
});

test("takes it over once, and leaves alone who takes it back", async () => {
  refusals = ["busy"];
  join();
  await turns();
  join(true);
  await turns();
  expect(attempts).toEqual([{ takeOver: false }, { takeOver: true }]);
  wires[0]?.lose();
  await turns();
  await pass();
  expect(attempts.at(-1)).toEqual({ takeOver: false });
});

test("a console that is open is ours: there is nobody to take it from", async () => {
  join();
  await turns();
  join(true);
  wires[0]?.lose();
  await turns();
  await pass();
  expect(attempts.map(({ takeOver }) => takeOver)).toEqual([false, false]);
});

test("what is typed goes to the BMC, and is refused with the reason while it is away", async () => {
  await expect(shared.write(Buffer.from("x"))).rejects.toThrow("the console is not open");
  refusals = ["unreachable"];
  join();
  await turns();
  await expect(shared.write(Buffer.from("x"))).rejects.toThrow("not open: it is unreachable");
  await pass();
  await shared.write(Buffer.from("root\r"));
  await shared.sendBreak();
  expect(wires[0]?.typed).toEqual(["root\r", "<break>"]);
  await expect(shared.write(Buffer.alloc(20_000))).rejects.toMatchObject({ kind: "busy" });
});

test("one who left while it was being opened leaves no session behind", async () => {
  join().seat.leave();
  await turns();
  expect(wires.map(({ closed }) => closed)).toEqual([true]);
  join();
  await turns();
  expect(wires.map(({ closed }) => closed)).toEqual([true, false]);
});
