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
   * would without all this. A loader is never given twice in a row within two minutes, so nothing goes round for ever.
   */
  next(request: IpxeRequest, nowMs: number): "loader" | "script";
}

interface Run {
  readonly gives: "loader" | "script";
  readonly xid: number;
  readonly startedMs: number;
  lastType: string;
}

// A loader over TFTP in lock-step takes seconds; a machine that is reset takes longer than this to come back.
const windowMs = 120_000;
const mostMachines = 4096;

export function createChainedLoaders(): ChainedLoaders {
  const runs = new BoundedMap<Mac, Run>(mostMachines);
  return {
    next({ mac, xid, messageType }, nowMs) {
      const last = runs.get(mac);
      const recent = last !== undefined && nowMs - last.startedMs < windowMs;
      if (recent && isSameRun(last, xid, messageType)) {
        last.lastType = messageType;
        return last.gives;
      }
      const gives = recent && last.gives === "loader" ? "script" : "loader";
      runs.set(mac, { gives, xid, startedMs: nowMs, lastType: messageType });
      return gives;
    },
  };
}

// One run is a DISCOVER, perhaps repeated, and the REQUEST that follows. Some builds use the same transaction id in each run,
// and iPXE asks a boot server (port 4011) with another one, so that a DISCOVER after a REQUEST is what begins a new run.
// Beside a server that gives the addresses no REQUEST is seen; there the transaction id has to do.
function isSameRun({ lastType, xid: lastXid }: Run, xid: number, messageType: string): boolean {
  if (messageType !== "DISCOVER") return true;
  return lastType === "DISCOVER" && xid === lastXid;
}
