// DHCP leases in SQLite. `save` returns after the commit is on disk: the ACK leaves only then.

import type { Lease, LeaseStore } from "../dhcp/leases.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import type { Mac } from "../net/mac.ts";
import type { Connection } from "./database.ts";

interface LeaseRow {
  address: Ipv4;
  mac: Mac;
  client_id: string | null;
  host_name: string | null;
  state: Lease["state"];
  expires_at_ms: number;
  last_seen_ms: number;
}

export function createLeaseStore(database: Connection): LeaseStore {
  const byAddress = database.prepare<[Ipv4], LeaseRow>("SELECT * FROM leases WHERE address = ?");
  const byMac = database.prepare<[Mac], LeaseRow>("SELECT * FROM leases WHERE mac = ?");
  const active = database.prepare<[number], LeaseRow>(
    "SELECT * FROM leases WHERE state <> 'released' AND expires_at_ms > ?",
  );
  const remove = database.prepare<[Ipv4]>("DELETE FROM leases WHERE address = ?");
  const save = database.prepare(
    `INSERT OR REPLACE INTO leases
       (address, mac, client_id, host_name, state, expires_at_ms, last_seen_ms)
     VALUES (@address, @mac, @clientId, @hostName, @state, @expiresAtMs, @lastSeenMs)`,
  );
  return {
    findByAddress: (address) => {
      const row = byAddress.get(address);
      return row && toLease(row);
    },
    findByMac: (mac) => byMac.all(mac).map(toLease),
    active: (nowMs) => active.all(nowMs).map(toLease),
    save: (lease) => {
      save.run({
        ...lease,
        clientId: lease.clientId ?? null,
        hostName: lease.hostName ?? null,
      });
    },
    remove: (address) => {
      remove.run(address);
    },
  };
}

function toLease(row: LeaseRow): Lease {
  return {
    address: row.address,
    mac: row.mac,
    ...(row.client_id === null ? {} : { clientId: row.client_id }),
    ...(row.host_name === null ? {} : { hostName: row.host_name }),
    state: row.state,
    expiresAtMs: row.expires_at_ms,
    lastSeenMs: row.last_seen_ms,
  };
}
