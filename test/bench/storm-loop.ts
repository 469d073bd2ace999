// What the storm's machines wait for, all of them in one loop of the Linux kernel's own (epoll): their sockets and their patience.
// Node's sockets and timers, of which it would take thousands, cost several times what the servers under test do.

import { setImmediate as turn } from "node:timers/promises";
import koffi from "koffi";

const library = koffi.load(null);
const epollCreate = library.func("int epoll_create1(int)");
const epollControl = library.func("int epoll_ctl(int, int, int, void *)");
const sleepMicroseconds = library.func("int usleep(uint32_t)");
const epollWait = library.func("int epoll_wait(int, void *, int, int)");

// sys/epoll.h. The structure is packed on x86-64 alone.
const [eventBytes, fdAt] = process.arch === "x64" ? [12, 4] : [16, 8];
const addFd = 1;
const readable = 1;
const writable = 4;
const onChange = 0x8000_0000;
const mostEvents = 256;
const alarmMs = 20;
// A machine doesn't answer at once either; what comes for others meanwhile is read in one call with it.
const answerMicroseconds = 300;

interface Alarm {
  readonly atMs: number;
  readonly ring: () => void;
}

export interface Loop {
  /** Calls `onReady` when something arrived or room to send came free, once for each change. Closing `fd` ends it. */
  watch(fd: number, onReady: () => void): void;
  /** Calls `send` once in each turn, before the loop waits. */
  beforeWait(send: () => void): void;
  /** Calls `ring` after so long, unless what it returns is called before. */
  alarm(ms: number, ring: () => void): () => void;
  /** Runs until `work` is done. */
  run<T>(work: Promise<T>): Promise<T>;
}

/** Throws when the system refuses. */
export function openLoop(): Loop {
  const epoll: number = epollCreate(0);
  if (epoll < 0) throw new Error("no epoll descriptor");
  const handlers = new Map<number, () => void>();
  const senders: (() => void)[] = [];
  const alarms = new Set<Alarm>();
  const events = Buffer.alloc(mostEvents * eventBytes);
  const ringLate = (nowMs: number) => {
    for (const alarm of alarms) if (alarm.atMs <= nowMs && alarms.delete(alarm)) alarm.ring();
  };
  return {
    watch(fd, onReady) {
      handlers.set(fd, onReady);
      const event = Buffer.alloc(eventBytes);
      event.writeUInt32LE(readable + writable + onChange);
      event.writeInt32LE(fd, fdAt);
      if (epollControl(epoll, addFd, fd, event) < 0) throw new Error(`epoll takes no ${fd}`);
    },
    beforeWait: (send) => void senders.push(send),
    alarm(ms, ring) {
      const alarm = { atMs: performance.now() + ms, ring };
      alarms.add(alarm);
      return () => alarms.delete(alarm);
    },
    async run(work) {
      let over = false;
      const done = work.finally(() => {
        over = true;
      });
      let ringAtMs = 0;
      for (;;) {
        // Whoever was told something goes on.
        await turn();
        if (over) return done;
        for (const send of senders) send();
        sleepMicroseconds(answerMicroseconds);
        const count: number = epollWait(epoll, events, mostEvents, alarmMs);
        for (let i = 0; i < count; i++) handlers.get(events.readInt32LE(i * eventBytes + fdAt))?.();
        const nowMs = performance.now();
        if (nowMs < ringAtMs) continue;
        ringAtMs = nowMs + alarmMs;
        ringLate(nowMs);
      }
    },
  };
}
