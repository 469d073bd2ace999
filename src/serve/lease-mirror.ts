// The leases, for the main thread: told by the thread that answers DHCP when they are on disk, before
// the machine is told. Nothing is left out under load, as events are.

import { MessageChannel, type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import type { Lease, LeaseJournal } from "../dhcp/lease-table.ts";
import type { Ipv4 } from "../net/ipv4.ts";

/** Rows as they are now, and addresses that no longer have one. */
export interface LeaseChanges {
  readonly rows: readonly Lease[];
  readonly gone: readonly Ipv4[];
}

/** `journal`, which also tells of what has become durable in it. */
export function tellingJournal(
  journal: LeaseJournal,
  tell: (changes: LeaseChanges) => void,
): LeaseJournal {
  const pass = (rows: readonly Lease[], gone: readonly Ipv4[]) => {
    if (rows.length + gone.length > 0) tell({ rows, gone });
  };
  return {
    load(nowMs) {
      const rows = journal.load(nowMs);
      pass(rows, []);
      return rows;
    },
    write(rows, removed, nowMs) {
      journal.write(rows, removed, nowMs);
      pass(rows, removed);
    },
    tryOut: () => journal.tryOut(),
  };
}

export interface LeaseMirror {
  /** For the other thread, to post LeaseChanges to. */
  readonly port: MessagePort;
  /** The newest row of `address`; an ended one too. */
  at(address: Ipv4): Lease | undefined;
  close(): void;
}

export function createLeaseMirror(): LeaseMirror {
  const { port1: receiver, port2: port } = new MessageChannel();
  const leases = new Map<Ipv4, Lease>();
  const apply = ({ rows, gone }: LeaseChanges) => {
    for (const address of gone) leases.delete(address);
    for (const row of rows) leases.set(row.address, row);
  };
  receiver.on("message", apply);
  receiver.unref();
  return {
    port,
    at(address) {
      // A machine may ask before this thread has come to what it was told of it.
      for (
        let waiting = receiveMessageOnPort(receiver);
        waiting !== undefined;
        waiting = receiveMessageOnPort(receiver)
      )
        apply(waiting.message as LeaseChanges);
      return leases.get(address);
    },
    close: () => receiver.close(),
  };
}
