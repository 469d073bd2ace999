// Notices a machine that is given its loader again and again and never comes back as iPXE. No clock of its own, and a
// bounded memory; what is answered to such a machine is said in netboot-policy.ts.

import { BoundedMap } from "../net/bounded-map.ts";
import type { Mac } from "../net/mac.ts";

export interface LoaderRequest {
  readonly mac: Mac;
  readonly xid: number;
  readonly messageType: string;
  readonly architectures: readonly number[];
  readonly vendorClass: string | undefined;
}

/** Why the loader is held back: how often it was given within the window, and whether the machine took those offers. */
export interface LoaderStop {
  readonly times: number;
  readonly taken: boolean;
}

export interface LoaderLoops {
  /** Call before a loader is given; an answer means that it must not be. `nowMs` never runs backwards. */
  admit(request: LoaderRequest, nowMs: number): LoaderStop | undefined;
  /** Call when the machine got further: it asks as iPXE, or its installed system asks. */
  forget(mac: Mac): void;
}

/** One program of a machine: its PXE ROM and its HTTP boot may take turns. */
interface Program {
  lastType: "DISCOVER" | "REQUEST" | undefined;
  lastXid: number;
  /** When an offer was taken, ascending. */
  readonly taken: number[];
  /** When an offer was made that was not taken. */
  readonly open: number[];
  stop: { readonly why: LoaderStop; readonly untilMs: number } | undefined;
}

// A large server takes minutes to come back to its network card.
const windowMs = 60 * 60_000;
const pauseMs = 5 * 60_000;
const mostTaken = 5;
// Firmware that takes no offer at all starts over once a minute (PXE 2.1: 4 + 8 + 16 + 32 s). More is a client of a
// proxyDHCP answer, which boots from the offer and sends this server no REQUEST.
const mostOpen = 70;
const mostMachines = 4096;
const mostPrograms = 4;

/**
 * One attempt is a DISCOVER and the REQUEST that follows; repeated messages, and a second REQUEST to port 4011, belong to
 * it. After five attempts in an hour the loader is held back for five minutes, then the count starts anew: an operator who
 * has replaced the loader waits no longer than that.
 */
export function createLoaderLoops(): LoaderLoops {
  const machines = new BoundedMap<Mac, BoundedMap<string, Program>>(mostMachines);
  return {
    admit(request, nowMs) {
      const { mac, messageType, xid, vendorClass = "", architectures } = request;
      if (messageType !== "DISCOVER" && messageType !== "REQUEST") return undefined;
      const programs = machines.get(mac) ?? new BoundedMap<string, Program>(mostPrograms);
      machines.set(mac, programs);
      const name = `${vendorClass} ${architectures.join()}`;
      const program = programs.get(name) ?? newProgram();
      programs.set(name, program);
      return admit(program, messageType, xid, nowMs);
    },
    forget: (mac) => machines.delete(mac),
  };
}

function newProgram(): Program {
  return { lastType: undefined, lastXid: 0, taken: [], open: [], stop: undefined };
}

function admit(
  program: Program,
  messageType: "DISCOVER" | "REQUEST",
  xid: number,
  nowMs: number,
): LoaderStop | undefined {
  if (program.stop !== undefined) {
    if (nowMs < program.stop.untilMs) return program.stop.why;
    Object.assign(program, newProgram());
  }
  dropBefore(program.taken, nowMs - windowMs);
  dropBefore(program.open, nowMs - windowMs);
  const { lastType, lastXid } = program;
  program.lastType = messageType;
  program.lastXid = xid;
  if (messageType === "REQUEST") {
    if (lastType !== "DISCOVER") return undefined;
    program.open.pop();
    program.taken.push(nowMs);
    return undefined;
  }
  if (lastType === "DISCOVER" && lastXid === xid) return undefined;
  const why = stopOf(program);
  if (why !== undefined) program.stop = { why, untilMs: nowMs + pauseMs };
  else program.open.push(nowMs);
  return why;
}

function stopOf({ taken, open }: Program): LoaderStop | undefined {
  if (taken.length >= mostTaken) return { times: taken.length, taken: true };
  return open.length >= mostOpen ? { times: open.length, taken: false } : undefined;
}

function dropBefore(times: number[], limitMs: number): void {
  while (times[0] !== undefined && times[0] < limitMs) times.shift();
}
