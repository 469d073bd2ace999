import { describe, expect, it } from "vitest";
import { relaySubOption } from "../../src/dhcp/options.ts";
import { encodeSubOptions } from "../../src/dhcp/sub-options.ts";
import {
  addressOption,
  createSite,
  type Fields,
  initReboot,
  ip,
  lease,
  machine,
  node01,
  other,
  outcome,
  type Reply,
  renewing,
  request,
  selecting,
  stranger,
  withProvisioning,
} from "./site.ts";

const small = (last: number) =>
  withProvisioning({ pools: [{ start: ip("10.0.100.100"), end: ip(`10.0.100.${last}`) }] });
const discover = (number: number, fields: Fields = {}) =>
  request("DISCOVER", { mac: machine(number), ...fields });
const outcomes = (replies: readonly Reply[]) => replies.map((reply) => outcome({ reply }));

describe("a machine that the policy refuses", () => {
  const changes = {
    policy: { refusal: (mac: unknown) => (mac === stranger ? "it is retired" : undefined) },
  };
  const fromStranger = [
    request("DISCOVER"),
    selecting("10.0.100.100"),
    initReboot("10.0.100.100"),
    renewing("10.0.100.100"),
    request("INFORM", { ciaddr: ip("10.0.100.100") }),
  ];

  it("is answered nothing, with the reason, and takes nothing from the pool", () => {
    const site = createSite([], changes);
    for (const packet of fromStranger) {
      const response = site.send(packet);
      expect(outcome(response)).toBe("silence");
      expect(response.event).toMatchObject({
        kind: "dhcp-ignored",
        reason: "it is retired",
        client: { mac: stranger },
      });
    }
    expect(outcome(site.send(request("DISCOVER", { mac: other })))).toBe("OFFER 10.0.100.100");
  });

  it("gets no boot file beside another server either", () => {
    const site = createSite([], { ...changes, config: withProvisioning({ mode: "proxy" }) });
    const options = { 60: Buffer.from("PXEClient:Arch:00007:UNDI:003016"), 93: Buffer.of(0, 7) };
    expect(outcome(site.send(request("DISCOVER", { options })))).toBe("silence");
    expect(site.send(request("DISCOVER", { mac: other, options })).reply?.packet.file).toBe(
      "ipxe.efi",
    );
  });
});

describe("requests that arrive together", () => {
  it("never bring two machines one address", () => {
    const site = createSite();
    const numbers = Array.from({ length: 101 }, (_, i) => i);
    const wish = { options: { 50: addressOption("10.0.100.150") } };
    const offers = site.batch(numbers.map((number) => discover(number, wish)));
    const offered = offers.map(({ packet }) => packet.yiaddr);
    expect([offered.length, new Set(offered).size, offered[0]]).toEqual([101, 101, "10.0.100.150"]);
    const acks = site.batch(
      numbers.map((number) => selecting(offered[number] ?? "", { mac: machine(number) })),
    );
    expect(outcomes(acks)).toEqual(offered.map((address) => `ACK ${address}`));
    expect(site.journal.rows.size).toBe(101);
  });

  it("give the one who asks first what two ask for", () => {
    const site = createSite([lease("10.0.100.100", stranger, { expiresAtMs: 1 })]);
    const wish = { options: { 50: addressOption("10.0.100.100") } };
    const answers = site.batch([
      initReboot("10.0.100.100"),
      discover(1, wish),
      selecting("10.0.100.100", { mac: machine(2) }),
    ]);
    expect(outcomes(answers)).toEqual(["ACK 10.0.100.100", "OFFER 10.0.100.101", "NAK"]);
  });

  it("are decided in their order: what is released may be offered at once", () => {
    const site = createSite([lease("10.0.100.100", stranger)], { config: small(100) });
    const release = request("RELEASE", { ciaddr: ip("10.0.100.100") });
    expect(outcomes(site.batch([discover(1), release, discover(2), discover(3)]))).toEqual([
      "OFFER 10.0.100.100",
    ]);
    expect(outcome(site.send(selecting("10.0.100.100", { mac: machine(2) })))).toBe(
      "ACK 10.0.100.100",
    );
  });

  it("get their answers although one of them can't be decided about", () => {
    const site = createSite([], {
      policy: {
        bootFile: ({ mac }) => {
          if (mac === machine(1)) throw new Error("template");
          return { none: "test" };
        },
      },
    });
    expect(outcomes(site.batch([discover(1), discover(2)]))).toEqual(["OFFER 10.0.100.101"]);
    expect(site.events[0]?.reason).toBe("it could not be answered: template");
  });
});

describe("requests whose leases can't be stored together", () => {
  it("bring no ACK but to reserved machines, and no offer of a pool address", () => {
    const site = createSite([lease("10.0.100.100", stranger)], { config: small(101) });
    site.send(discover(1));
    site.journal.broken = true;
    const answers = site.batch([
      selecting("10.0.100.101", { mac: machine(1) }),
      selecting("10.0.100.50", { mac: node01 }),
      request("RELEASE", { ciaddr: ip("10.0.100.100") }),
      // Offered what was released a moment ago; but that could not be stored.
      discover(2),
      renewing("10.0.100.100", { mac: other }),
      request("INFORM", { mac: other, ciaddr: ip("10.0.100.7") }),
    ]);
    // Nor is anybody refused who would then get no offer.
    expect(outcomes(answers)).toEqual(["ACK 10.0.100.50", "ACK 0.0.0.0"]);
    expect(site.journal.rows.get(ip("10.0.100.100"))?.state).toBe("bound");
    site.journal.broken = false;
    expect(outcome(site.send(renewing("10.0.100.100")))).toBe("ACK 10.0.100.100");
  });

  it("keep what was offered: the client that asks again is acknowledged, and never refused", () => {
    const site = createSite();
    site.send(request("DISCOVER"));
    site.journal.broken = true;
    // RFC 2131 §4.1: a client sends a REQUEST again after 4, 8, 16 and 32 seconds, each a second more or less.
    for (const waitMs of [0, 5_000, 9_000, 17_000, 33_000]) {
      site.nowMs += waitMs;
      expect(outcome(site.send(selecting("10.0.100.100")))).toBe("silence");
    }
    site.journal.broken = false;
    site.nowMs += 33_000;
    expect(outcome(site.send(selecting("10.0.100.100")))).toBe("ACK 10.0.100.100");
  });

  // Some of these numbers of changes make the pool put its list in order before the failure.
  const changes = [10, 66, 67, 68, 69, 70];
  it.each(changes.flatMap((count) => [[count, ""] as const, [count, "and a release"] as const]))(
    "leave the pool as it was, after %i renewals %s: nothing is lost or given twice",
    (changes, ending) => {
      const released = ending === "and a release";
      const release = request("RELEASE", { ciaddr: ip("10.0.100.100") });
      const site = createSite([lease("10.0.100.100", stranger, { expiresAtMs: 1_100_000 })], {
        config: small(100),
      });
      site.send(discover(0));
      site.journal.broken = true;
      const renewals = Array.from({ length: changes }, () => renewing("10.0.100.100"));
      site.batch(released ? [...renewals, release] : renewals);
      site.journal.broken = false;
      site.nowMs = 1_099_999;
      site.wait(0);
      expect(outcome(site.send(discover(1)))).toBe("silence");
      site.nowMs = 1_100_000;
      expect(outcome(site.send(discover(2)))).toBe("OFFER 10.0.100.100");
    },
  );
});

describe("an address of a full pool", () => {
  it("is free as soon as its client has chosen another server", () => {
    const site = createSite([], { config: small(101) });
    site.batch([discover(1), discover(2)]);
    const elsewhere = { mac: machine(1), options: { 54: addressOption("10.0.100.9") } };
    site.send(selecting("10.0.100.100", elsewhere));
    expect(outcome(site.send(discover(3)))).toBe("OFFER 10.0.100.100");
  });

  it("is free as soon as its client is refused another", () => {
    const site = createSite([], { config: small(101) });
    site.batch([discover(1), discover(2)]);
    site.send(selecting("10.0.100.101", { mac: machine(1) }));
    expect(outcome(site.send(discover(3)))).toBe("OFFER 10.0.100.100");
  });

  it("is free as soon as its client has its reservation, or has moved to another network", () => {
    const leases = [lease("10.0.100.100", node01), lease("10.0.100.101", stranger)];
    const site = createSite(leases, { config: small(101) });
    site.send(discover(0));
    site.send(selecting("10.0.100.50", { mac: node01 }));
    expect(outcome(site.send(discover(1)))).toBe("OFFER 10.0.100.100");
    const giaddr = ip("10.0.101.1");
    site.send(request("DISCOVER", { giaddr }));
    site.send(selecting("10.0.101.100", { giaddr }));
    expect(outcome(site.send(discover(2)))).toBe("OFFER 10.0.100.101");
  });
});

describe("the relay's server identifier (RFC 5107)", () => {
  const relay = ip("10.0.101.1");
  const override = encodeSubOptions([[relaySubOption.serverIdOverride, Buffer.of(10, 0, 101, 1)]]);
  const relayed = { giaddr: relay, options: { 82: override } };
  const serverId = (reply: Reply | undefined) => reply?.packet.options.get(54)?.join(".");

  it("stands in OFFER, ACK and NAK in place of ours, and is taken for ours", () => {
    const site = createSite();
    expect(serverId(site.send(request("DISCOVER", relayed)).reply)).toBe(relay);
    const options = { 82: override, 54: addressOption(relay) };
    const ack = site.send(selecting("10.0.101.100", { giaddr: relay, options }));
    expect([outcome(ack), serverId(ack.reply)]).toEqual(["ACK 10.0.101.100", relay]);
    const nak = site.send(selecting("10.0.101.177", { giaddr: relay, options }));
    expect([outcome(nak), serverId(nak.reply)]).toEqual(["NAK", relay]);
    const renewal = site.send(renewing("10.0.101.100", relayed));
    expect([outcome(renewal), serverId(renewal.reply)]).toEqual(["ACK 10.0.101.100", relay]);
    expect(renewal.reply?.destination).toEqual({ address: relay, port: 67 });
    const released = { giaddr: relay, ciaddr: ip("10.0.101.100"), options };
    expect(site.send(request("RELEASE", released)).event.kind).toBe("dhcp-released");
  });

  it.each([
    ["without a relay", { options: { 82: override } }],
    ["of another length", { giaddr: relay, options: { 82: Buffer.of(11, 3, 10, 0, 1) } }],
  ])("has no say %s", (_, fields: Fields) => {
    expect(serverId(createSite().send(request("DISCOVER", fields)).reply)).toBe("10.0.100.10");
  });
});

describe("the engine", () => {
  it("does not answer what this server itself sends, nor tells of it", () => {
    const site = createSite([], { ownMacs: [stranger] });
    expect(site.batch([request("DISCOVER"), discover(1)])).toHaveLength(1);
    expect(site.events).toHaveLength(1);
  });

  it("goes by its own clock alone: leases end by it, and go on where they were after a restart", () => {
    const site = createSite([], { config: small(100) });
    site.send(request("DISCOVER"));
    site.send(selecting("10.0.100.100"));
    site.nowMs += 599_999;
    expect(outcome(site.send(discover(1)))).toBe("silence");
    const rows = [...site.journal.rows.values()];
    const restarted = createSite(rows, { config: small(100) });
    restarted.nowMs = site.nowMs;
    expect(outcome(restarted.send(discover(1)))).toBe("silence");
    restarted.nowMs += 1;
    expect(outcome(restarted.send(discover(2)))).toBe("OFFER 10.0.100.100");
  });

  it("names the options that have no room, and sends the rest", () => {
    const dns = Array.from({ length: 200 }, (_, i) => ip(`10.1.1.${i}`));
    const site = createSite([], { config: withProvisioning({ dns }) });
    const { reply, event } = site.send(request("DISCOVER"));
    expect(event.reason).toBe("no room in 548 octets for option 6 (domain name server)");
    expect([...(reply?.packet.options.keys() ?? [])]).toEqual([53, 54, 51, 58, 59, 1, 3, 15, 28]);
  });

  it.each([0, 255, 1_000])(
    "keeps an answer within a frame, option 82 of %i octets included",
    (sent) => {
      const many = Array.from({ length: 63 }, (_, i) => ip(`10.1.1.${i}`));
      const site = createSite([], { config: withProvisioning({ dns: many, ntp: many }) });
      const options = {
        55: Buffer.of(1, 3, 6, 42),
        57: Buffer.of(0xff, 0xff),
        61: Buffer.alloc(250, 1),
        97: Buffer.alloc(250, 1),
        82: Buffer.alloc(sent, 9),
      };
      const { reply } = site.send(request("DISCOVER", { options }));
      expect(reply?.octets).toBeLessThanOrEqual(1472);
      // What is longer than an option can be is no relay's.
      expect(reply?.packet.options.get(82)?.length).toBe(sent <= 255 ? sent : undefined);
    },
  );
});
