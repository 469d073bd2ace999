// One machine's serial console, shared by all who look at it: opened for the first, closed after the last, opened again when it
// was lost. A BMC has one console session, so nobody else may open it.

import { type Bmc, BmcError, type BmcFailureKind, type SerialConsole } from "../bmc/bmc.ts";
import type { Clock } from "../bmc/clock.ts";
import { messageOf } from "../net/error-text.ts";

export type ConsoleState =
  | { readonly kind: "connecting" }
  | { readonly kind: "open" }
  /** It is tried again after `retryMs`. */
  | {
      readonly kind: "away";
      readonly reason: string;
      readonly failure: BmcFailureKind;
      readonly retryMs: number;
    };

/** Neither function may throw, or wait. */
export interface ConsoleViewer {
  printed(data: Buffer): void;
  changed(state: ConsoleState): void;
}

/** What a viewer has of a console. */
export interface ConsoleSeat {
  /** What was printed last before the viewer came. */
  readonly recent: Buffer;
  readonly state: ConsoleState;
  leave(): void;
}

export interface SharedConsole {
  /** `takeOver`: somebody else's session is ended, once; one that takes this one back is left alone. */
  join(viewer: ConsoleViewer, takeOver: boolean): ConsoleSeat;
  /** Types. Resolves when the BMC took it; throws a BmcError when the console is not open or takes nothing. */
  write(data: Buffer): Promise<void>;
  sendBreak(): Promise<void>;
  /** Sends everybody away. Resolves when the BMC has its session back. */
  close(): Promise<void>;
}

const recentBytes = 64 * 1024;
const maxUnwrittenBytes = 16 * 1024;
const pausesMs = [1_000, 2_000, 5_000, 10_000, 30_000];
// Needs a person, or counts wrong passwords.
const hopelessPauseMs = 60_000;
// One that is lost at once was not well.
const steadyMs = 10_000;

/** `bmc` is asked for at each attempt: a corrected password makes another driver. */
export function createSharedConsole(bmc: () => Bmc, subject: string, clock: Clock): SharedConsole {
  const viewers = new Set<ConsoleViewer>();
  const recent = createRecent();
  let state: ConsoleState = { kind: "connecting" };
  let serial: SerialConsole | undefined;
  let running: Promise<void> | undefined;
  let pause = new AbortController();
  let takeOver = false;

  const change = (next: ConsoleState) => {
    state = next;
    for (const viewer of viewers) viewer.changed(next);
  };
  const open = async (): Promise<SerialConsole> => {
    const options = { takeOver };
    takeOver = false;
    // Without a signal: an activation that nobody waits for would leave the console taken.
    return await bmc().openConsole(options);
  };
  /** Opens it and hands on what it prints until it is lost or nobody looks. Throws why it is away. */
  const attend = async (): Promise<void> => {
    change({ kind: "connecting" });
    const opened = await open();
    if (viewers.size === 0) return await opened.close();
    serial = opened;
    change({ kind: "open" });
    try {
      for await (const data of opened.output) {
        recent.add(data);
        for (const viewer of viewers) viewer.printed(data);
      }
    } finally {
      serial = undefined;
    }
    throw new BmcError("timeout", `${subject}: the console ended`);
  };
  const run = async (): Promise<void> => {
    let failures = 0;
    while (viewers.size > 0) {
      const startedMs = clock.now();
      pause = new AbortController();
      try {
        await attend();
      } catch (error) {
        if (viewers.size === 0) break;
        if (clock.now() - startedMs >= steadyMs) failures = 0;
        const failure = error instanceof BmcError ? error.kind : "protocol";
        const retryMs = takeOver ? 0 : pauseOf(failure, failures);
        failures += 1;
        change({ kind: "away", reason: messageOf(error), failure, retryMs });
        await clock.sleep(retryMs, pause.signal);
      }
    }
    recent.clear();
    running = undefined;
  };
  const leave = (viewer: ConsoleViewer) => {
    if (!viewers.delete(viewer) || viewers.size > 0) return;
    pause.abort();
    // What a BMC says to that changes nothing: it ends a session that nobody keeps.
    void serial?.close().catch(() => undefined);
  };
  const typist = createTypist(() => {
    if (serial !== undefined) return serial;
    const why = state.kind === "away" ? `: ${state.reason}` : "";
    throw new BmcError("busy", `${subject}: the console is not open${why}`);
  }, subject);

  return {
    ...typist,
    join: (viewer, wantsTakeOver) => {
      viewers.add(viewer);
      takeOver ||= wantsTakeOver && serial === undefined;
      // Who comes need not wait for the end of a pause.
      pause.abort();
      running ??= run();
      return { recent: recent.all(), state, leave: () => leave(viewer) };
    },
    close: async () => {
      for (const viewer of viewers) leave(viewer);
      await running;
    },
  };
}

/** `open` gives the console, or throws. */
function createTypist(
  open: () => SerialConsole,
  subject: string,
): Pick<SharedConsole, "write" | "sendBreak"> {
  let unwrittenBytes = 0;
  const write = async (bytes: number, send: (to: SerialConsole) => Promise<void>) => {
    const to = open();
    if (unwrittenBytes + bytes > maxUnwrittenBytes)
      throw new BmcError("busy", `${subject}: the machine takes nothing that is typed; wait`);
    unwrittenBytes += bytes;
    try {
      await send(to);
    } finally {
      unwrittenBytes -= bytes;
    }
  };
  return {
    write: (data) => write(data.length, (to) => to.write(data)),
    sendBreak: () => write(1, (to) => to.sendBreak()),
  };
}

function pauseOf(failure: BmcFailureKind, failures: number): number {
  if (failure === "authentication" || failure === "unsupported") return hopelessPauseMs;
  return pausesMs[Math.min(failures, pausesMs.length - 1)] ?? hopelessPauseMs;
}

/** The last of what was printed. Chunks are kept as they came: a copy of everything at each would cost more than the console. */
function createRecent() {
  let chunks: Buffer[] = [];
  let size = 0;
  return {
    add: (data: Buffer) => {
      chunks.push(data);
      size += data.length;
      while (size - (chunks[0]?.length ?? 0) >= recentBytes) size -= chunks.shift()?.length ?? 0;
    },
    all: () => Buffer.concat(chunks).subarray(-recentBytes),
    clear: () => {
      chunks = [];
      size = 0;
    },
  };
}
