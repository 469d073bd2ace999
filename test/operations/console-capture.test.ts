import { readFileSync } from "node:fs";
import { expect, test, vi } from "vitest";
import type { NewEvent } from "../../src/nodes/ports.ts";
import { captureConsole } from "../../src/operations/console-capture.ts";
import type { ConsoleState, ConsoleViewer } from "../../src/operations/shared-console.ts";

const away: ConsoleState = { kind: "away", reason: "it is busy", failure: "busy", retryMs: 1 };

function start(state: ConsoleState = { kind: "connecting" }, powerStatus = "done") {
  const events: NewEvent[] = [];
  const written: Buffer[] = [];
  const viewers = new Set<ConsoleViewer>();
  const over = new AbortController();
  const power = { id: "power", status: powerStatus };
  const closed = vi.fn();
  const onFault = vi.fn();
  const full = { value: false };
  const captured = captureConsole(
    {
      operations: { operation: () => ({ steps: [power] }) as never },
      nodes: {
        append: (event) => {
          if (full.value) throw new Error("the disk is full");
          events.push(event);
          return { ...event, id: 1, atMs: 1 };
        },
      },
      console: {
        join: (viewer) => {
          viewers.add(viewer);
          return { recent: Buffer.alloc(0), state, leave: () => viewers.delete(viewer) };
        },
      },
      file: { write: (data) => void written.push(data), close: async () => closed() },
      clock: { now: () => 0, sleep: () => new Promise((resolve) => setImmediate(resolve)) },
      onFault,
    },
    { id: "op-1", node: "node01" },
    over.signal,
  );
  const each = (tell: (viewer: ConsoleViewer) => void) => viewers.forEach(tell);
  return {
    ...{ events, viewers, power, closed, onFault, full },
    text: () => Buffer.concat(written).toString("latin1"),
    print: (data: Buffer) => each((viewer) => viewer.printed(data)),
    change: (next: ConsoleState) => each((viewer) => viewer.changed(next)),
    end: async () => {
      over.abort();
      await captured;
    },
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("waits for the step that switches the machine on", async () => {
  const capture = start(undefined, "pending");
  await turn();
  expect(capture.viewers.size).toBe(0);
  capture.power.status = "running";
  await turn();
  await turn();
  expect(capture.viewers.size).toBe(1);
  await capture.end();
  expect(capture.viewers.size).toBe(0);
  expect(capture.closed).toHaveBeenCalledOnce();
});

test("an operation that ends before that opens no console", async () => {
  const capture = start(undefined, "pending");
  await capture.end();
  expect(capture.viewers.size).toBe(0);
});

test("a console that can't be opened is one event of the operation, however often it is tried", async () => {
  const capture = start();
  await turn();
  for (let time = 0; time < 5; time += 1) capture.change(away);
  capture.change({ kind: "open" });
  capture.change(away);
  await capture.end();
  expect(capture.events).toEqual([
    {
      ...{ node: "node01", mac: undefined, kind: "console-unavailable" },
      detail: { operation: "op-1", reason: "it is busy" },
    },
  ]);
  expect(capture.text()).toMatch(/\[1970-01-01T00:00:00\.000Z console away: it is busy\]/);
});

test("one that was open already, and is lost for a while, is no event", async () => {
  const capture = start({ kind: "open" });
  await turn();
  capture.change(away);
  capture.change({ kind: "connecting" });
  capture.change({ kind: "open" });
  await capture.end();
  expect(capture.events).toEqual([]);
});

test("stages and faults are events, and the file has every octet", async () => {
  const capture = start({ kind: "open" });
  await turn();
  const printed = readFileSync("test/fixtures/console/ovmf-secure.txt");
  for (let offset = 0; offset < printed.length; offset += 50)
    capture.print(printed.subarray(offset, offset + 50));
  await capture.end();
  expect(capture.events.map(({ kind, detail }) => [kind, detail["stage"]])).toEqual([
    ["console-stage-reached", "firmware"],
    ["console-stage-reached", "dhcp"],
    ["console-stage-reached", "tftp"],
    ["secure-boot-violated", undefined],
    ["network-boot-failed", undefined],
  ]);
  expect(capture.text()).toContain(printed.toString("latin1"));
});

test("a machine that restarts for ever fills no timeline, and a full store stops nothing", async () => {
  const capture = start({ kind: "open" });
  await turn();
  for (let boot = 0; boot < 500; boot += 1)
    capture.print(Buffer.from("SeaBIOS (version 1)\r\nLinux version 6\r\n"));
  expect(capture.events.length).toBe(100);
  const other = start({ kind: "open" });
  await turn();
  other.full.value = true;
  other.print(Buffer.from("Linux version 6\r\n"));
  expect(other.onFault).toHaveBeenCalledOnce();
  await Promise.all([capture.end(), other.end()]);
});
