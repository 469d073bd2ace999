import { describe, expect, it } from "vitest";
import { AddressPool } from "../../src/dhcp/address-pool.ts";
import { type Ipv4, ipv4FromNumber, ipv4ToNumber } from "../../src/net/ipv4.ts";
import { memoryInUse } from "../fakes/heap.ts";
import { seededRandom } from "../fakes/seeded-random.ts";
import { ip } from "./site.ts";

const ranges = (...texts: string[]) =>
  texts.map((text) => {
    const [start = "", end = start] = text.split("-");
    return { start: ip(`10.0.100.${start}`), end: ip(`10.0.100.${end}`) };
  });

/** A pool, and the times its addresses are free at. */
function createPool(...texts: string[]) {
  const pool = new AddressPool(ranges(...texts));
  const times = new Map<Ipv4, number>();
  const freeAt = (address: Ipv4) => times.get(address) ?? 0;
  return {
    pool,
    times,
    freeAt,
    use(last: number, untilMs: number) {
      const address = ip(`10.0.100.${last}`);
      times.set(address, untilMs);
      pool.usedUntil(address, untilMs, freeAt);
    },
    next: (nowMs: number) => pool.next(nowMs, freeAt)?.split(".").at(-1),
  };
}

describe("an address pool", () => {
  it("gives addresses never used in ascending order, range after range, each until it is used", () => {
    const { use, next } = createPool("5-6", "9", "11-12");
    const given: (string | undefined)[] = [];
    for (let i = 0; i < 6; i++) {
      const address = next(1_000);
      given.push(address);
      expect(next(1_000)).toBe(address);
      if (address !== undefined) use(Number(address), 2_000);
    }
    expect(given).toEqual(["5", "6", "9", "11", "12", undefined]);
  });

  it("passes over what is in use, and over what is nobody's to have", () => {
    const { use, times, next } = createPool("5-8");
    use(5, 2_000);
    times.set(ip("10.0.100.6"), Number.POSITIVE_INFINITY);
    expect(next(1_000)).toBe("7");
    use(7, 2_000);
    use(8, 2_000);
    expect(next(1_000)).toBeUndefined();
    expect(next(2_000)).not.toBe("6");
  });

  it("then gives the one that has been free the longest, from the moment it is free", () => {
    const { use, next } = createPool("5-7");
    use(5, 300);
    use(6, 100);
    use(7, 200);
    expect([next(99), next(100), next(400)]).toEqual([undefined, "6", "6"]);
    use(6, 900);
    expect(next(400)).toBe("7");
  });

  it("goes by the last use of an address, not by an earlier one", () => {
    const { use, next } = createPool("5-6");
    use(5, 100);
    use(6, 200);
    use(5, 500);
    expect(next(600)).toBe("6");
  });

  it("knows at once of an address that is given back before its time", () => {
    const { use, next } = createPool("5-6");
    use(5, 1_000);
    use(6, 1_000);
    use(6, 300);
    expect([next(299), next(300)]).toEqual([undefined, "6"]);
  });
});

describe("what an address pool knows of its addresses", () => {
  it("counts its addresses, knows them, and names those to come", () => {
    const { pool, freeAt, use } = createPool("5-7", "9-20");
    expect(pool.size).toBe(15);
    const lasts = [4, 5, 7, 8, 9, 20, 21];
    expect(lasts.filter((last) => pool.contains(ip(`10.0.100.${last}`)))).toEqual([5, 7, 9, 20]);
    use(6, 1_000);
    expect(pool.upcoming(4, freeAt).map((address) => address.split(".").at(-1))).toEqual([
      "5",
      "7",
      "9",
      "10",
    ]);
  });

  it("without ranges has nothing to give", () => {
    const { pool, freeAt, next } = createPool();
    expect([pool.size, pool.contains(ip("0.0.0.0")), next(1)]).toEqual([0, false, undefined]);
    expect(pool.upcoming(3, freeAt)).toEqual([]);
  });

  it("looks at a bounded number of addresses for those to come", () => {
    const pool = new AddressPool([{ start: ip("10.0.0.0"), end: ip("10.0.255.255") }]);
    const first = ip("10.0.0.0");
    let looks = 0;
    pool.upcoming(16, (address) => {
      looks += 1;
      return address === first ? 0 : 1_000;
    });
    expect(looks).toBeLessThan(2_000);
  });

  it("does not grow with the renewals of its addresses", () => {
    const { use, next } = createPool("5-14");
    const before = memoryInUse();
    for (let nowMs = 1; nowMs < 1_000_000; nowMs++) use(5 + (nowMs % 10), nowMs + 500);
    expect(memoryInUse() - before).toBeLessThan(2_000_000);
    expect(next(999_000)).toBeUndefined();
    expect(next(1_001_000)).toBe("5");
  });
});

describe("an address pool beside a list of its addresses", () => {
  it("gives the same through 200,000 random steps", { timeout: 60_000 }, () => {
    const random = seededRandom(42);
    const first = ipv4ToNumber(ip("10.0.100.20"));
    const all = [0, 1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 30].map((i) => ipv4FromNumber(first + i));
    for (let run = 0; run < 200; run++) {
      const pool = new AddressPool(ranges("20-27", "32-34", "50"));
      // When each is free, and when it was last said to be.
      const times = new Map<Ipv4, number>();
      const noted = new Map<Ipv4, number>();
      const freeAt = (address: Ipv4) => times.get(address) ?? 0;
      const note = (address: Ipv4, untilMs: number) => {
        times.set(address, untilMs);
        noted.set(address, untilMs);
        pool.usedUntil(address, untilMs, freeAt);
      };
      let nowMs = 1;
      for (let step = 0; step < 1_000; step++) {
        nowMs += random(20);
        const address = all[random(all.length)] ?? all[0];
        if (address === undefined) throw new Error("there are addresses");
        const inUse = freeAt(address) > nowMs;
        const action = random(10);
        // Leased or renewed; given back; an offer that is over and forgotten, which nobody says.
        if (action < 4) note(address, nowMs + 1 + random(400));
        else if (action < 6 && inUse) note(address, nowMs);
        else if (action < 7 && !inUse) times.delete(address);
        const next = pool.next(nowMs, freeAt);
        const rank = (one: Ipv4) => freeAt(one) || (noted.get(one) ?? 0);
        const free = all.filter((one) => freeAt(one) <= nowMs);
        if (next === undefined) expect(free).toEqual([]);
        else {
          expect(freeAt(next)).toBeLessThanOrEqual(nowMs);
          if (free.some((one) => !noted.has(one))) expect(freeAt(next)).toBe(0);
          if (freeAt(next) !== 0) expect(rank(next)).toBe(Math.min(...free.map(rank)));
        }
      }
    }
  });
});
