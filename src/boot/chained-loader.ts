// Tells the iPXE in a network card from the site's own iPXE that it has loaded: both send the same request. Nothing in DHCP
// names a build, so they are told apart by their turn. No clock of its own, and a bounded memory.

import { BoundedMap } from "../net/bounded-map.ts";
import type { Mac } from "../net/mac.ts";

export interface IpxeRequest {
  readonly mac: Mac;
  readonly xid: number;
  readonly messageType: string;
}

export interface ChainedLoaders {
  /**
   * What an iPXE gets now: the site's loader in the first run, the script in the second. `nowMs` never runs backwards.
   * It can be wrong by one turn, where a machine is reset between the two: then the card's own iPXE gets the script, as it
   * would without all this. A loader is never given in two runs in a row within two minutes, and a run that never goes on
   * has an end, so nothing goes round for ever.
   */
  next(request: IpxeRequest, nowMs: number): "loader" | "script";
  /** The machine was heard to ask another server for its address: its next DISCOVER begins a new run. */
  heardRequest(mac: Mac): void;
}

interface Run {
  readonly gives: "loader" | "script";
  readonly xid: number;
  readonly startedMs: number;
  lastType: string;
  discovers: number;
}

// A loader over TFTP in lock-step takes seconds; a machine that is reset takes longer than this to come back.
const windowMs = 120_000;
// An iPXE repeats its DISCOVER after 1, 2, 4 and 8 seconds, then gives up (its dhcp.h). More in one run are several programs, of
// which no REQUEST was heard.
const mostDiscovers = 5;
const mostMachines = 4096;

export function createChainedLoaders(): ChainedLoaders {
  const runs = new BoundedMap<Mac, Run>(mostMachines);
  return {
    next({ mac, xid, messageType }, nowMs) {
      const last = runs.get(mac);
      const recent = last !== undefined && nowMs - last.startedMs < windowMs;
      if (recent && isSameRun(last, xid, messageType)) {
        last.lastType = messageType;
        if (messageType === "DISCOVER") last.discovers += 1;
        return last.gives;
      }
      const gives = recent && last.gives === "loader" ? "script" : "loader";
      runs.set(mac, { gives, xid, startedMs: nowMs, lastType: messageType, discovers: 1 });
      return gives;
    },
    heardRequest(mac) {
      const last = runs.get(mac);
      if (last !== undefined) last.lastType = "REQUEST";
    },
  };
}

// One run is a DISCOVER, perhaps repeated, and the REQUEST that follows, to this server or to the one that gives the addresses.
// Some builds use the same transaction id in each run, and iPXE asks a boot server (port 4011) with another one, so that a
// DISCOVER after a REQUEST is what begins a new run. Where no REQUEST is heard the transaction id has to do, and the count.
function isSameRun(last: Run, xid: number, messageType: string): boolean {
  if (messageType !== "DISCOVER") return true;
  return last.lastType === "DISCOVER" && xid === last.xid && last.discovers < mostDiscovers;
}
