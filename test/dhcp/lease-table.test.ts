import { describe, expect, it } from "vitest";
import { type Lease, type LeaseJournal, LeaseTable } from "../../src/dhcp/lease-table.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { createMemoryLeaseJournal } from "../fakes/memory-lease-journal.ts";
import { seededRandom } from "../fakes/seeded-random.ts";
import { ip, lease, machine } from "./site.ts";

const a = machine(1);
const b = machine(2);
const failing: LeaseJournal = {
  load: () => [],
  tryOut: () => undefined,
  write() {
    throw new Error("EIO");
  },
};

/** Both indexes, in an order that does not depend on how they came about. */
function contents(table: LeaseTable) {
  const rows = [...table.all()].sort((x, y) => x.address.localeCompare(y.address));
  const byMac = [a, b, machine(3)].map((mac) =>
    table
      .of(mac)
      .map(({ address }) => address)
      .sort(),
  );
  return { rows, byMac };
}

describe("the lease table", () => {
  it("finds a row by its address and by its machine, also after it was given to another", () => {
    const table = new LeaseTable([lease("10.0.100.100", a), lease("10.0.100.101", a)]);
    expect(table.of(a).map(({ address }) => address)).toEqual(["10.0.100.100", "10.0.100.101"]);
    table.put(lease("10.0.100.100", b));
    expect(table.at(ip("10.0.100.100"))?.mac).toBe(b);
    expect(table.of(a).map(({ address }) => address)).toEqual(["10.0.100.101"]);
    expect(table.of(b).map(({ address }) => address)).toEqual(["10.0.100.100"]);
  });

  it("writes what the batch came to, once, and nothing when it came to nothing", () => {
    const writes: [readonly Lease[], readonly Ipv4[], number][] = [];
    const journal: LeaseJournal = {
      load: () => [],
      tryOut: () => undefined,
      write: (...call) => void writes.push(call),
    };
    const table = new LeaseTable([lease("10.0.100.100", a)]);
    table.commit(journal, 1);
    table.put(lease("10.0.100.101", a));
    table.put(lease("10.0.100.101", a, { state: "released" }));
    table.put(lease("10.0.100.102", b));
    table.remove(ip("10.0.100.102"));
    table.remove(ip("10.0.100.100"));
    table.put(lease("10.0.100.100", b));
    table.commit(journal, 2);
    table.commit(journal, 3);
    const rows = [lease("10.0.100.101", a, { state: "released" }), lease("10.0.100.100", b)];
    expect(writes).toEqual([[rows, ["10.0.100.102"], 2]]);
  });

  it("is what it was at the last commit after one that failed, by address and by machine", () => {
    const table = new LeaseTable([lease("10.0.100.100", a), lease("10.0.100.101", b)]);
    const before = contents(table);
    table.put(lease("10.0.100.100", b));
    table.remove(ip("10.0.100.101"));
    table.put(lease("10.0.100.101", a, { state: "declined" }));
    table.put(lease("10.0.100.102", machine(3)));
    expect(() => table.commit(failing, 1)).toThrow("EIO");
    expect(contents(table)).toEqual(before);
    // The failed changes are not written with the next ones; what they may have left on disk is put right.
    const journal = createMemoryLeaseJournal();
    table.put(lease("10.0.100.103", a));
    table.commit(journal, 2);
    expect(contents(new LeaseTable([...journal.rows.values()]))).toEqual(contents(table));
  });

  it("agrees with its journal through 20,000 random batches, one in five of which fails", () => {
    const random = seededRandom(7);
    const journal = createMemoryLeaseJournal();
    const table = new LeaseTable([]);
    for (let round = 0; round < 20_000; round++) {
      for (let change = random(5); change >= 0; change--) {
        const address = `10.0.100.${random(12)}`;
        if (random(3) === 0) table.remove(ip(address));
        else table.put(lease(address, machine(1 + random(3)), { lastSeenMs: random(1_000) }));
      }
      journal.broken = random(5) === 0;
      try {
        table.commit(journal, round);
      } catch {
        expect(journal.broken).toBe(true);
      }
      expect(contents(table)).toEqual(contents(new LeaseTable([...journal.rows.values()])));
    }
  });
});
