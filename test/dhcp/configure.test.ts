import { expect, test } from "vitest";
import { offerMs } from "../../src/dhcp/leases.ts";
import type { DhcpPolicy } from "../../src/dhcp/policy.ts";
import {
  addressOption,
  config,
  createSite,
  ip,
  lease,
  machine,
  other,
  outcome,
  renewing,
  request,
  type Site,
  selecting,
  stranger,
  withProvisioning,
} from "./site.ts";

const pool = (first: number, last: number) =>
  withProvisioning({ pools: [{ start: ip(`10.0.100.${first}`), end: ip(`10.0.100.${last}`) }] });
const configure = (site: Site, changes: ReturnType<typeof withProvisioning>) =>
  site.engine.configure({ ...config, ...changes });
const discover = (number: number) => request("DISCOVER", { mac: machine(number) });

test("a pool that is moved gives its own addresses, and who has a lease elsewhere keeps that until it ends", () => {
  const site = createSite([lease("10.0.100.100", stranger)], { config: pool(100, 110) });
  configure(site, pool(150, 160));
  expect(outcome(site.send(discover(1)))).toBe("OFFER 10.0.100.150");
  expect([...site.engine.leases()]).toEqual([lease("10.0.100.100", stranger)]);
  expect(outcome(site.send(renewing("10.0.100.100")))).toBe("silence");
  expect(outcome(site.send(request("DISCOVER")))).toBe("OFFER 10.0.100.151");
});

test("a lease and an offer in the way of a widened pool are given to nobody else", () => {
  const site = createSite([lease("10.0.100.101", other)], { config: pool(100, 100) });
  expect(outcome(site.send(discover(1)))).toBe("OFFER 10.0.100.100");
  configure(site, pool(100, 103));
  expect(outcome(site.send(discover(2)))).toBe("OFFER 10.0.100.102");
  expect(outcome(site.send(discover(3)))).toBe("OFFER 10.0.100.103");
  expect(outcome(site.send(selecting("10.0.100.100", { mac: machine(1) })))).toBe(
    "ACK 10.0.100.100",
  );
});

test("an offer that ran out over a change is given again", () => {
  const site = createSite([], { config: pool(100, 100) });
  expect(outcome(site.send(discover(1)))).toBe("OFFER 10.0.100.100");
  configure(site, pool(100, 101));
  configure(site, pool(100, 100));
  expect(site.send(discover(2)).reply).toBeUndefined();
  site.wait(offerMs + 1);
  expect(outcome(site.send(discover(2)))).toBe("OFFER 10.0.100.100");
});

test("offers are counted in the pools that there are, however often these change", () => {
  const site = createSite([], { config: pool(100, 103) });
  for (const number of [1, 2]) site.send(discover(number));
  for (const last of [104, 103, 104, 103]) configure(site, pool(100, last));
  for (const number of [1, 2])
    site.send(selecting(`10.0.100.${99 + number}`, { mac: machine(number) }));
  expect(outcome(site.send(discover(3)))).toBe("OFFER 10.0.100.102");
  expect(outcome(site.send(discover(4)))).toBe("OFFER 10.0.100.103");
});

test("a pool that did not change goes on where it was", () => {
  const site = createSite([], { config: pool(100, 110) });
  expect(outcome(site.send(discover(1)))).toBe("OFFER 10.0.100.100");
  configure(site, { ...pool(100, 110), relays: [ip("10.9.0.1")] } as typeof config);
  expect(outcome(site.send(discover(2)))).toBe("OFFER 10.0.100.101");
});

test("a network, a relay and the time of a lease count from the next request on", () => {
  const site = createSite();
  const relayed = request("DISCOVER", { giaddr: ip("10.3.0.1"), hops: 1 });
  expect(site.send(relayed).event.reason).toBe("relay 10.3.0.1 is in no network served here");
  const [provisioning] = config.subnets;
  if (provisioning === undefined) throw new Error("the site has a network");
  const rackC = {
    ...provisioning,
    ...{ name: "rack-c", interface: undefined, leaseSeconds: 300 },
    cidr: { network: ip("10.3.0.0"), prefix: 24 },
    pools: [{ start: ip("10.3.0.100"), end: ip("10.3.0.200") }],
  };
  configure(site, { subnets: [...config.subnets, rackC] });
  const offer = site.send(relayed);
  expect(outcome(offer)).toBe("OFFER 10.3.0.100");
  expect(offer.reply?.packet.options.get(51)?.readUInt32BE(0)).toBe(300);
  configure(site, {});
  expect(site.send(relayed).reply).toBeUndefined();
});

test("what another server gave is forgotten with its network", () => {
  const site = createSite([lease("10.0.100.120", stranger, { state: "foreign" })], {
    config: withProvisioning({ mode: "proxy" }),
  });
  expect([...site.engine.leases()].length).toBe(1);
  configure(site, {});
  expect([...site.engine.leases()]).toEqual([]);
});

test("a reservation that is made for another machine's address waits for the end of its lease", () => {
  let reserved = false;
  const policy: Partial<DhcpPolicy> = {
    reservation: (mac) =>
      reserved && mac === other ? { address: ip("10.0.100.100"), hostName: "node09" } : undefined,
    reservedFor: (address) => (reserved && address === "10.0.100.100" ? other : undefined),
  };
  const site = createSite([lease("10.0.100.100", stranger)], { policy });
  reserved = true;
  configure(site, pool(101, 200));
  const asks = request("DISCOVER", { mac: other });
  expect(outcome(site.send(asks))).toBe("OFFER 10.0.100.101");
  expect(outcome(site.send(renewing("10.0.100.100")))).toBe("NAK");
  site.nowMs = 1_600_001;
  const wish = { mac: other, options: { 50: addressOption("10.0.100.100") } };
  expect(outcome(site.send(request("DISCOVER", wish)))).toBe("OFFER 10.0.100.100");
});
