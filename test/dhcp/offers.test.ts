import { describe, expect, it } from "vitest";
import { offerMs, shortOfferMs } from "../../src/dhcp/leases.ts";
import { Offers } from "../../src/dhcp/offers.ts";
import { seededRandom } from "../fakes/seeded-random.ts";
import { createSite, ip, machine, outcome, request, selecting, withProvisioning } from "./site.ts";

const a = machine(1);
const b = machine(2);
const first = ip("10.0.100.100");
const second = ip("10.0.100.101");

describe("offers", () => {
  it("are held until their time is up, and not a millisecond longer", () => {
    const offers = new Offers(() => undefined);
    offers.hold(first, a, 100, 0);
    expect([offers.heldBy(first, 99), offers.offeredTo(a, 99)]).toEqual([a, first]);
    expect([offers.heldBy(first, 100), offers.offeredTo(a, 100)]).toEqual([undefined, undefined]);
    expect([offers.heldUntilMs(first), offers.heldUntilMs(second)]).toEqual([100, 0]);
  });

  it("are one for a client and one for an address", () => {
    const offers = new Offers(() => undefined);
    offers.hold(first, a, 100, 0);
    offers.hold(second, a, 100, 0);
    expect([offers.heldBy(first, 1), offers.heldBy(second, 1)]).toEqual([undefined, a]);
    offers.hold(second, b, 100, 0);
    expect([offers.offeredTo(a, 1), offers.offeredTo(b, 1), offers.countOf(undefined)]).toEqual([
      undefined,
      second,
      1,
    ]);
  });

  it("taken back say which they were", () => {
    const offers = new Offers(() => undefined);
    offers.hold(first, a, 100, 0);
    expect([offers.release(a), offers.release(a), offers.countOf(undefined)]).toEqual([
      first,
      undefined,
      0,
    ]);
  });

  it("that are over are cleared away", () => {
    const offers = new Offers(() => undefined);
    for (let i = 0; i < 1_000; i++)
      offers.hold(ip(`10.1.${i >> 8}.${i & 255}`), machine(i), 100, 0);
    offers.hold(first, b, 200, 100);
    expect(offers.countOf(undefined)).toBe(1);
  });

  it("stay one to one through 50,000 random steps", () => {
    const random = seededRandom(3);
    const offers = new Offers(() => undefined);
    for (let nowMs = 0; nowMs < 50_000; nowMs++) {
      const address = ip(`10.0.100.${random(8)}`);
      const mac = machine(random(8));
      if (random(3) > 0) {
        offers.hold(address, mac, nowMs + random(20), nowMs);
        expect([undefined, mac]).toContain(offers.heldBy(address, nowMs));
      } else offers.release(mac);
      for (let number = 0; number < 8; number++) {
        const offered = offers.offeredTo(machine(number), nowMs);
        if (offered !== undefined) expect(offers.heldBy(offered, nowMs)).toBe(machine(number));
      }
    }
  });
});

describe("an offer of a crowded pool", () => {
  const pools = [{ start: first, end: ip("10.0.100.103") }];
  const discover = (number: number) => request("DISCOVER", { mac: machine(number) });
  const crowded = () => {
    const site = createSite([], { config: withProvisioning({ pools }) });
    for (const number of [1, 2, 3, 4]) site.send(discover(number));
    return site;
  };

  it("is held for five seconds, and for thirty while half of the pool is left", () => {
    const site = crowded();
    expect(outcome(site.send(discover(5)))).toBe("silence");
    site.nowMs += shortOfferMs;
    expect(outcome(site.send(discover(5)))).toBe("OFFER 10.0.100.103");
    expect(outcome(site.send(discover(6)))).toBe("silence");
    site.nowMs += offerMs - shortOfferMs;
    expect(outcome(site.send(discover(7)))).not.toBe("silence");
  });

  it("is not crowded by the offers of another pool", () => {
    const site = createSite([], {
      config: withProvisioning({ pools: [{ start: first, end: first }] }),
    });
    for (const number of [1, 2, 3, 4])
      site.send(request("DISCOVER", { mac: machine(number), giaddr: ip("10.0.101.1") }));
    expect(outcome(site.send(discover(5)))).toBe("OFFER 10.0.100.100");
    site.nowMs += shortOfferMs;
    expect(outcome(site.send(discover(6)))).toBe("silence");
  });

  it("is good for its client as long as it is held", () => {
    const site = crowded();
    site.nowMs += shortOfferMs - 1;
    expect(outcome(site.send(selecting("10.0.100.103", { mac: machine(4) })))).toBe(
      "ACK 10.0.100.103",
    );
  });
});
