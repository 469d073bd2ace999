import { describe, expect, it } from "vitest";
import { offerMs, quarantineMs } from "../../src/dhcp/leases.ts";
import { option } from "../../src/dhcp/options.ts";
import type { Mac } from "../../src/net/mac.ts";
import {
  addressOption,
  createSite,
  initReboot,
  ip,
  lease,
  node01,
  other,
  outcome,
  type Response,
  renewing,
  request,
  selecting,
  stranger,
  withProvisioning,
} from "./site.ts";

const requested = (address: string) => ({ [option.requestedAddress]: addressOption(address) });
const mac = (last: string) => `52:54:00:00:00:${last}` as Mac;

describe("which address is offered", () => {
  it("is the reserved one, with its name, to the machine it is reserved for", () => {
    const response = createSite().send(request("DISCOVER", { mac: node01 }));
    expect(outcome(response)).toBe("OFFER 10.0.100.50");
    expect(response.reply?.packet.options.get(option.hostName)?.toString()).toBe("node01");
  });

  it("is another one for each stranger, and the same one when it asks again", () => {
    const site = createSite();
    expect(outcome(site.send(request("DISCOVER")))).toBe("OFFER 10.0.100.100");
    expect(outcome(site.send(request("DISCOVER", { mac: other })))).toBe("OFFER 10.0.100.101");
    expect(outcome(site.send(request("DISCOVER")))).toBe("OFFER 10.0.100.100");
  });

  it.each([
    ["10.0.100.150", "10.0.100.150", "it is free"],
    ["10.0.100.120", "10.0.100.100", "somebody else has it"],
    ["10.0.100.50", "10.0.100.100", "it is reserved for another"],
    ["10.0.100.20", "10.0.100.100", "it is outside the pool"],
    ["10.0.101.150", "10.0.100.100", "it is in another network"],
  ])("to a client that wishes for %s is %s, because %s", (address, offered) => {
    const site = createSite([lease("10.0.100.120", other)]);
    const response = site.send(request("DISCOVER", { options: requested(address) }));
    expect(outcome(response)).toBe(`OFFER ${offered}`);
  });

  it("is the client's former address, even when it wishes for another", () => {
    const site = createSite([lease("10.0.100.133", stranger, { expiresAtMs: 1 })]);
    const response = site.send(request("DISCOVER", { options: requested("10.0.100.140") }));
    expect(outcome(response)).toBe("OFFER 10.0.100.133");
  });

  it("is never the reserved one for a clone of the client identifier", () => {
    const clientId = { [option.clientId]: Buffer.from("01525400123456", "hex") };
    const site = createSite();
    site.send(selecting("10.0.100.50", { mac: node01, options: clientId }));
    const options = { ...clientId, ...requested("10.0.100.50") };
    expect(outcome(site.send(request("DISCOVER", { options })))).toBe("OFFER 10.0.100.100");
  });
});

describe("which address is offered in a full or foreign network", () => {
  it("may be one that was offered to another client thirty seconds ago, and not sooner", () => {
    const pools = [{ start: ip("10.0.100.100"), end: ip("10.0.100.101") }];
    const site = createSite([], { config: withProvisioning({ pools }) });
    site.send(request("DISCOVER"));
    site.nowMs += offerMs - 1;
    expect(outcome(site.send(request("DISCOVER", { mac: other })))).toBe("OFFER 10.0.100.101");
    site.nowMs += 1;
    const third = site.send(request("DISCOVER", { mac: mac("03") }));
    expect(outcome(third)).toBe("OFFER 10.0.100.100");
  });

  it("is the longest unused one when all were used, and none when all are in use", () => {
    const pools = [{ start: ip("10.0.100.100"), end: ip("10.0.100.102") }];
    const leases = [
      lease("10.0.100.100", mac("0a"), { expiresAtMs: 500_000 }),
      lease("10.0.100.101", mac("0b"), { expiresAtMs: 400_000 }),
      lease("10.0.100.102", mac("0c")),
    ];
    const site = createSite(leases, { config: withProvisioning({ pools }) });
    expect(outcome(site.send(request("DISCOVER")))).toBe("OFFER 10.0.100.101");
    expect(outcome(site.send(request("DISCOVER", { mac: other })))).toBe("OFFER 10.0.100.100");
    const third = site.send(request("DISCOVER", { mac: mac("03") }));
    expect(third.event.reason).toBe("no free address in the pool of network provisioning");
    expect(outcome(third)).toBe("silence");
    const reserved = site.send(request("DISCOVER", { mac: node01 }));
    expect(outcome(reserved)).toBe("OFFER 10.0.100.50");
  });

  it("passes over reserved addresses inside the pool", () => {
    const reservedFor = (address: string) => (address === "10.0.100.100" ? node01 : undefined);
    const site = createSite([], { policy: { reservedFor } });
    expect(outcome(site.send(request("DISCOVER")))).toBe("OFFER 10.0.100.101");
  });

  it("comes from the relay's network, and is none for an unknown relay", () => {
    const site = createSite();
    const relayed = request("DISCOVER", { giaddr: ip("10.0.101.1") });
    expect(outcome(site.send(relayed))).toBe("OFFER 10.0.101.100");
    const unknown = site.send(request("DISCOVER", { giaddr: ip("192.0.2.1") }));
    expect(unknown.event.reason).toBe("relay 192.0.2.1 is in no network served here");
    expect(outcome(unknown)).toBe("silence");
  });

  it("is one of the pool for a node in another network than its own, and the event says so", () => {
    const site = createSite();
    const strayed = site.send(request("DISCOVER", { mac: node01, giaddr: ip("10.0.101.1") }));
    expect(outcome(strayed)).toBe("OFFER 10.0.101.100");
    expect(strayed.event.reason).toBe(
      "not 10.0.100.50, which is reserved for it: that is of another network or in use",
    );
  });
});

describe("an address whose reservation is new", () => {
  const site = createSite([lease("10.0.100.50", stranger)]);

  it("stays with its holder until the lease ends, which cannot be renewed", () => {
    expect(outcome(site.send(request("DISCOVER", { mac: node01 })))).toBe("OFFER 10.0.100.100");
    expect(outcome(site.send(renewing("10.0.100.50")))).toBe("NAK");
  });

  it("then goes to its owner, whose pool address is given up", () => {
    expect(outcome(site.send(selecting("10.0.100.100", { mac: node01 })))).toBe("ACK 10.0.100.100");
    site.nowMs = 1_600_000;
    expect(outcome(site.send(renewing("10.0.100.100", { mac: node01 })))).toBe("NAK");
    expect(outcome(site.send(request("DISCOVER", { mac: node01 })))).toBe("OFFER 10.0.100.50");
    expect(outcome(site.send(selecting("10.0.100.50", { mac: node01 })))).toBe("ACK 10.0.100.50");
    expect(
      [...site.journal.rows.values()]
        .filter(({ mac }) => mac === node01)
        .map(({ address }) => address),
    ).toEqual(["10.0.100.50"]);
  });
});

describe("a lease", () => {
  const wish = (seconds: number) => {
    const data = Buffer.alloc(4);
    data.writeUInt32BE(seconds);
    return { options: { [option.leaseTime]: data } };
  };

  it("lasts as long as was ever promised: a later request does not shorten it", () => {
    const site = createSite([lease("10.0.100.100", stranger, { expiresAtMs: 1_500_000 })]);
    const ends = () => site.journal.rows.get(ip("10.0.100.100"))?.expiresAtMs;
    site.send(renewing("10.0.100.100", wish(60)));
    expect(ends()).toBe(1_500_000);
    site.send(renewing("10.0.100.100", wish(3_600)));
    expect(ends()).toBe(4_600_000);
    site.send(request("RELEASE", { ciaddr: ip("10.0.100.100") }));
    site.nowMs += 1_000;
    site.send(initReboot("10.0.100.100", wish(60)));
    expect(ends()).toBe(1_061_000);
  });

  it("of another machine, or one that was given back, promises nothing", () => {
    const site = createSite([
      lease("10.0.100.100", other, { state: "released", expiresAtMs: 9_000_000 }),
    ]);
    site.send(initReboot("10.0.100.100", { mac: other, ...wish(60) }));
    expect(site.journal.rows.get(ip("10.0.100.100"))?.expiresAtMs).toBe(1_060_000);
  });
});

describe("the first lease of a machine in no inventory", () => {
  const short = { config: { firstLeaseSeconds: 120 } };
  const secondsOf = (response: Response) =>
    response.reply?.packet.options.get(option.leaseTime)?.readUInt32BE();

  it("is short, from the offer on, and the next one as the network says", () => {
    const site = createSite([], short);
    expect(secondsOf(site.send(request("DISCOVER")))).toBe(120);
    expect(secondsOf(site.send(selecting("10.0.100.100")))).toBe(120);
    expect(site.journal.rows.get(ip("10.0.100.100"))?.expiresAtMs).toBe(1_120_000);
    site.nowMs += 60_000;
    expect(secondsOf(site.send(renewing("10.0.100.100")))).toBe(600);
  });

  it("is short again for one that let its lease end", () => {
    const site = createSite([lease("10.0.100.100", stranger, { expiresAtMs: 999_000 })], short);
    expect(secondsOf(site.send(request("DISCOVER")))).toBe(120);
  });

  it("is never shorter than the network allows, nor longer than was asked for", () => {
    const least = withProvisioning({ minLeaseSeconds: 300 });
    const site = createSite([], { config: { ...least, ...short.config } });
    expect(secondsOf(site.send(request("DISCOVER")))).toBe(300);
    const wish = Buffer.alloc(4);
    wish.writeUInt32BE(90);
    const other = createSite([], short);
    const asked = request("DISCOVER", { options: { [option.leaseTime]: wish } });
    expect(secondsOf(other.send(asked))).toBe(90);
  });

  it("is as long as any for a declared node", () => {
    const site = createSite([], short);
    expect(secondsOf(site.send(request("DISCOVER", { mac: node01 })))).toBe(600);
  });
});

describe("a lease store that cannot write", () => {
  it("silences the ACK of a pool client and its offers, until it can write again", () => {
    const site = createSite();
    site.send(request("DISCOVER"));
    site.journal.broken = true;
    const refused = site.send(selecting("10.0.100.100"));
    expect(outcome(refused)).toBe("silence");
    expect(refused.event.reason).toBe(
      "the lease could not be stored: ENOSPC: no space left on device",
    );
    expect(outcome(site.send(request("DISCOVER")))).toBe("silence");
    expect(site.engine.storeFailure()).toMatch("ENOSPC");
    site.nowMs += 5_000;
    site.engine.tick(site.nowMs);
    expect(outcome(site.send(request("DISCOVER")))).toBe("silence");
    site.journal.broken = false;
    site.nowMs += 1_000;
    site.engine.tick(site.nowMs);
    expect(site.engine.storeFailure()).toBeUndefined();
    expect(outcome(site.send(request("DISCOVER")))).toBe("OFFER 10.0.100.100");
    expect(outcome(site.send(selecting("10.0.100.100")))).toBe("ACK 10.0.100.100");
  });

  it("silences the NAK of a stranger, and not that of a reserved machine", () => {
    const site = createSite();
    site.journal.broken = true;
    site.send(selecting("10.0.100.50", { mac: node01 }));
    expect(outcome(site.send(selecting("10.0.100.100")))).toBe("silence");
    expect(outcome(site.send(initReboot("10.0.100.77", { mac: node01 })))).toBe("NAK");
  });

  it("that failed after it wrote is set right by the next write", () => {
    const former = lease("10.0.100.102", stranger);
    const site = createSite([lease("10.0.100.100", stranger), former]);
    const before = [...site.engine.leases()];
    site.journal.unsynced = true;
    site.nowMs += 100_000;
    expect(outcome(site.send(renewing("10.0.100.100")))).toBe("silence");
    expect(site.journal.rows.has(former.address)).toBe(false);
    site.journal.unsynced = false;
    site.nowMs += 1_000;
    site.engine.tick(site.nowMs);
    expect([...site.journal.rows.values()]).toEqual(before);
  });

  it("does not stop a reserved machine, but is reported", () => {
    const site = createSite();
    site.journal.broken = true;
    const acknowledged = site.send(selecting("10.0.100.50", { mac: node01 }));
    expect(outcome(acknowledged)).toBe("ACK 10.0.100.50");
    expect(acknowledged.event.reason).toMatch("could not be stored");
    expect(outcome(site.send(request("DISCOVER", { mac: node01 })))).toBe("OFFER 10.0.100.50");
  });
});

describe("DECLINE", () => {
  const decline = (address: string, from = stranger) =>
    request("DECLINE", { mac: from, options: requested(address) });

  it("from the holder keeps the address from everybody for ten minutes", () => {
    const site = createSite([lease("10.0.100.100", stranger)]);
    const response = site.send(decline("10.0.100.100"));
    expect(response.event).toMatchObject({ kind: "dhcp-declined", address: "10.0.100.100" });
    expect(outcome(response)).toBe("silence");
    expect(outcome(site.send(request("DISCOVER")))).toBe("OFFER 10.0.100.101");
    const wish = request("DISCOVER", { mac: other, options: requested("10.0.100.100") });
    expect(outcome(site.send(wish))).toBe("OFFER 10.0.100.102");
    site.nowMs += quarantineMs;
    expect(outcome(site.send(wish))).toBe("OFFER 10.0.100.100");
  });

  it.each([
    ["a leased address", "10.0.100.100"],
    ["a free address", "10.0.100.150"],
    ["a reserved address", "10.0.100.50"],
    ["the server's address", "10.0.100.10"],
  ])("of %s by somebody else changes nothing", (_, address) => {
    const site = createSite([lease("10.0.100.100", stranger), lease("10.0.100.50", node01)]);
    expect(site.send(decline(address, other)).event.kind).toBe("dhcp-ignored");
    expect(outcome(site.send(renewing("10.0.100.100")))).toBe("ACK 10.0.100.100");
    expect(outcome(site.send(renewing("10.0.100.50", { mac: node01 })))).toBe("ACK 10.0.100.50");
  });

  it("sends even a reserved machine to the pool while its address is in doubt", () => {
    const site = createSite([lease("10.0.100.50", node01)]);
    site.send(decline("10.0.100.50", node01));
    expect(outcome(site.send(request("DISCOVER", { mac: node01 })))).toBe("OFFER 10.0.100.100");
    site.nowMs += quarantineMs;
    expect(outcome(site.send(request("DISCOVER", { mac: node01 })))).toBe("OFFER 10.0.100.50");
  });

  it("cannot empty the pool: a client has at most three addresses set aside", () => {
    const site = createSite();
    for (const last of [100, 101, 102, 103]) {
      site.send(request("DISCOVER"));
      expect(outcome(site.send(selecting(`10.0.100.${last}`)))).toBe(`ACK 10.0.100.${last}`);
      const { event } = site.send(decline(`10.0.100.${last}`));
      expect(event.kind).toBe(last === 103 ? "dhcp-ignored" : "dhcp-declined");
    }
  });

  it.each([
    ["without an address", request("DECLINE"), "DECLINE without option 50 (requested address)"],
    [
      "to another server",
      request("DECLINE", {
        options: {
          ...requested("10.0.100.100"),
          [option.serverId]: addressOption("10.0.100.9"),
        },
      }),
      "DECLINE to another server, 10.0.100.9",
    ],
  ])("%s is ignored", (_, packet, reason) => {
    const site = createSite([lease("10.0.100.100", stranger)]);
    expect(site.send(packet).event.reason).toBe(reason);
    expect(site.journal.rows.get(ip("10.0.100.100"))?.state).toBe("bound");
  });
});

describe("RELEASE", () => {
  it("frees the address for others, and keeps it in mind for its client", () => {
    const site = createSite([lease("10.0.100.100", stranger)]);
    const response = site.send(request("RELEASE", { ciaddr: ip("10.0.100.100") }));
    expect(response.event).toMatchObject({ kind: "dhcp-released", address: "10.0.100.100" });
    expect(outcome(response)).toBe("silence");
    expect(outcome(site.send(request("DISCOVER", { mac: other })))).toBe("OFFER 10.0.100.101");
    expect(outcome(site.send(request("DISCOVER")))).toBe("OFFER 10.0.100.100");
    const wish = request("DISCOVER", { mac: mac("03"), options: requested("10.0.100.100") });
    site.nowMs += offerMs;
    expect(outcome(site.send(wish))).toBe("OFFER 10.0.100.100");
  });

  it.each([
    ["by somebody else", request("RELEASE", { mac: other, ciaddr: ip("10.0.100.100") })],
    ["without ciaddr", request("RELEASE")],
    [
      "to another server",
      request("RELEASE", {
        ciaddr: ip("10.0.100.100"),
        options: { [option.serverId]: addressOption("10.0.100.9") },
      }),
    ],
  ])("%s changes nothing", (_, packet) => {
    const site = createSite([lease("10.0.100.100", stranger)]);
    expect(site.send(packet).event.kind).toBe("dhcp-ignored");
    expect(outcome(site.send(initReboot("10.0.100.100")))).toBe("ACK 10.0.100.100");
  });
});
