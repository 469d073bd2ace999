// One look at a node's console: shows what the server sends, sends what is typed, and survives a restart of the server.

import { type ConsoleLine, consoleLine, consoleTyped } from "../api/console-shapes.ts";
import { messageOf } from "../net/error-text.ts";
import { createConsoleKeys, escapeHelp, type Typed } from "./console-keys.ts";
import { CliError, exitCodes } from "./exit.ts";
import type { Server } from "./server.ts";
import { printable } from "./table.ts";
import type { WatchClock } from "./watch.ts";

export interface ConsoleTerminal {
  /** Shows a line of the stream that has something to show. */
  show(line: ConsoleLine): void;
  /** Says something of its own, apart from what the machine prints. */
  note(text: string): void;
  /** What is typed; undefined for one that only looks. */
  readonly input: AsyncIterable<Buffer> | undefined;
  /** Whether a person types: then escapes mean something. */
  readonly typesEscapes: boolean;
}

export interface ConsoleRequest {
  readonly node: string;
  readonly take: boolean;
}

const retryMs = 1_000;
/** How long the server may be away before it is given up. */
const patienceMs = 120_000;
/** After the end of input that came from a program: the machine may still answer it. */
const silenceMs = 2_000;
const leaveMs = 1_000;

/** Resolves when it was ended; throws a CliError when there is no console to be had. */
export async function runConsole(
  server: Pick<Server, "follow" | "post">,
  { node, take }: ConsoleRequest,
  terminal: ConsoleTerminal,
  clock: WatchClock,
  signal: AbortSignal,
): Promise<void> {
  const path = `/api/nodes/${encodeURIComponent(node)}/console`;
  const ended = new AbortController();
  const over = AbortSignal.any([signal, ended.signal]);
  let lastShownMs = clock.now();
  const shown = (line: ConsoleLine) => {
    if (line.kind === "output") lastShownMs = clock.now();
    terminal.show(line);
  };
  const watching = watch(server, path, take, { ...terminal, show: shown }, clock, over);
  const typing = async () => {
    if (terminal.input === undefined) return;
    await type(server, path, terminal, terminal.input, clock, over);
    if (!terminal.typesEscapes) {
      lastShownMs = Math.max(lastShownMs, clock.now());
      while (!over.aborted && clock.now() - lastShownMs < silenceMs) await clock.sleep(100, over);
    }
    ended.abort();
  };
  try {
    await Promise.race([watching, typing().then(() => watching)]);
  } finally {
    ended.abort();
  }
}

/** Follows the stream until the signal aborts, again and again where it breaks. */
async function watch(
  server: Pick<Server, "follow" | "post">,
  path: string,
  take: boolean,
  terminal: ConsoleTerminal,
  clock: WatchClock,
  signal: AbortSignal,
): Promise<void> {
  let lastHeardMs = clock.now();
  let connections = 0;
  let wasOpen = false;
  while (!signal.aborted) {
    const query = take && connections === 0 ? "?take=true" : "";
    try {
      for await (const line of server.follow(`${path}${query}`, consoleLine, signal)) {
        lastHeardMs = clock.now();
        if (line.kind === "recent") connections += 1;
        wasOpen ||= line.kind === "state" && line.state === "open";
        giveUpIfHopeless(line, wasOpen);
        // What was printed before is known from the first time.
        if (line.kind !== "recent" || connections === 1) terminal.show(line);
      }
    } catch (error) {
      const away = error instanceof CliError && error.code === exitCodes.unreachable;
      if (!away || connections === 0 || clock.now() - lastHeardMs > patienceMs) throw error;
    }
    if (signal.aborted) return;
    terminal.note("the server does not answer; trying again");
    await clock.sleep(retryMs, signal);
  }
}

/** A console that never opened, for a reason that does not pass by itself. */
function giveUpIfHopeless(line: ConsoleLine, wasOpen: boolean): void {
  if (line.kind !== "state" || line.state !== "away" || wasOpen) return;
  const { failure, reason = "it can't be opened" } = line;
  if (failure === "unreachable" || failure === "timeout") return;
  throw new CliError(exitCodes.failed, printable(reason));
}

/** Sends what is typed, in order and one request at a time; what is typed meanwhile goes with the next. Ends with the input. */
async function type(
  server: Pick<Server, "follow" | "post">,
  path: string,
  terminal: ConsoleTerminal,
  input: AsyncIterable<Buffer>,
  clock: WatchClock,
  signal: AbortSignal,
): Promise<void> {
  const keys = createConsoleKeys();
  const waiting: Typed[] = [];
  let sending = Promise.resolve();
  const sendAll = async () => {
    for (const one of waiting.splice(0)) await send(server, path, one, terminal);
  };
  for await (const data of input) {
    if (signal.aborted) break;
    const typed: Typed[] = terminal.typesEscapes ? keys.take(data) : [{ kind: "send", data }];
    waiting.push(...typed);
    // A program may write faster than a serial line takes; a person does not, and wants the ~. heard.
    sending = sending.then(sendAll);
    if (!terminal.typesEscapes) await sending;
    if (typed.at(-1)?.kind === "end") break;
  }
  // What stood before the ~. is sent, unless that takes long: a person wants to leave.
  await (terminal.typesEscapes ? Promise.race([sending, clock.sleep(leaveMs, signal)]) : sending);
}

// As much as the server takes at once, and BMCs bear.
const mostBytes = 1024;

async function send(
  server: Pick<Server, "post">,
  path: string,
  typed: Typed,
  { note }: ConsoleTerminal,
) {
  if (typed.kind === "help") note(escapeHelp.join("\r\n  "));
  try {
    if (typed.kind === "break") await server.post(path, { break: true }, consoleTyped);
    if (typed.kind !== "send") return;
    for (let offset = 0; offset < typed.data.length; offset += mostBytes) {
      const data = typed.data.subarray(offset, offset + mostBytes).toString("base64");
      await server.post(path, { data }, consoleTyped);
    }
  } catch (error) {
    note(`not sent: ${printable(messageOf(error))}`);
  }
}
