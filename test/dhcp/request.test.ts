import { describe, expect, it } from "vitest";
import { option } from "../../src/dhcp/options.ts";
import { broadcastFlag, type Packet } from "../../src/dhcp/packet.ts";
import type { Mac } from "../../src/net/mac.ts";
import {
  addressOption,
  createSite,
  type Fields,
  initReboot,
  ip,
  lease,
  node01,
  other,
  outcome,
  renewing,
  request,
  selecting,
  stranger,
} from "./site.ts";

// What each state may ask for, by what this server knows of the client and of the address.
const known = [lease("10.0.100.100", stranger), lease("10.0.100.120", other)];
const unknown = "52:54:00:99:00:07" as Mac;
const cases: readonly [state: string, wish: string, is: string, packet: Packet][] = [
  ["SELECTING", "its lease", "ACK 10.0.100.100", selecting("10.0.100.100")],
  ["SELECTING", "an address never offered", "NAK", selecting("10.0.100.150")],
  ["SELECTING", "the address of another client", "NAK", selecting("10.0.100.120")],
  ["SELECTING", "an address reserved for another", "NAK", selecting("10.0.100.50")],
  ["SELECTING", "an address in a foreign network", "NAK", selecting("192.0.2.7")],
  ["SELECTING", "its reservation", "ACK 10.0.100.50", selecting("10.0.100.50", { mac: node01 })],
  [
    "SELECTING",
    "a pool address despite its reservation",
    "NAK",
    selecting("10.0.100.150", { mac: node01 }),
  ],
  ["INIT-REBOOT", "its lease", "ACK 10.0.100.100", initReboot("10.0.100.100")],
  ["INIT-REBOOT", "another address than its lease", "NAK", initReboot("10.0.100.150")],
  ["INIT-REBOOT", "a foreign network", "NAK", initReboot("192.0.2.7", { mac: unknown })],
  [
    "INIT-REBOOT",
    "an address without any record of it",
    "silence",
    initReboot("10.0.100.150", { mac: unknown }),
  ],
  [
    "INIT-REBOOT",
    "another's address without any record of it",
    "silence",
    initReboot("10.0.100.120", { mac: unknown }),
  ],
  [
    "INIT-REBOOT",
    "another address than its reservation",
    "NAK",
    initReboot("10.0.100.60", { mac: node01 }),
  ],
  ["RENEWING", "its lease", "ACK 10.0.100.100", renewing("10.0.100.100")],
  ["RENEWING", "another address than its lease", "NAK", renewing("10.0.100.150")],
  ["RENEWING", "the address of another client", "NAK", renewing("10.0.100.120", { mac: unknown })],
  ["RENEWING", "an address reserved for another", "NAK", renewing("10.0.100.50", { mac: unknown })],
  ["RENEWING", "a foreign network", "NAK", renewing("192.0.2.7")],
  [
    "RENEWING",
    "a free address without any record of it",
    "silence",
    renewing("10.0.100.150", { mac: unknown }),
  ],
  [
    "RENEWING",
    "a pool address despite its reservation",
    "NAK",
    renewing("10.0.100.150", { mac: node01 }),
  ],
];

describe("REQUEST", () => {
  it.each(cases)("in %s for %s is answered with %s", (_state, _wish, is, packet) => {
    expect(outcome(createSite(known).send(packet))).toBe(is);
  });

  it("after an OFFER of that address is acknowledged, and stored before", () => {
    const site = createSite();
    site.send(request("DISCOVER"));
    const options = {
      [option.clientId]: Buffer.from("ff01", "hex"),
      [option.hostName]: Buffer.from("lab\n7"),
    };
    expect(outcome(site.send(selecting("10.0.100.100", { options })))).toBe("ACK 10.0.100.100");
    expect(site.journal.rows.get(ip("10.0.100.100"))).toEqual({
      address: "10.0.100.100",
      mac: stranger,
      clientId: "ff01",
      hostName: "lab\\x0a7",
      state: "bound",
      expiresAtMs: 1_600_000,
      lastSeenMs: 1_000_000,
    });
  });

  it("to another server is met with silence, and frees the address that was offered", () => {
    const site = createSite();
    site.send(request("DISCOVER"));
    const options = { [option.serverId]: addressOption("10.0.100.9") };
    const response = site.send(selecting("10.0.100.100", { options }));
    expect(outcome(response)).toBe("silence");
    expect(response.event.reason).toBe("it chose another server, 10.0.100.9");
    expect(outcome(site.send(request("DISCOVER", { mac: other })))).toBe("OFFER 10.0.100.100");
  });

  const wish = { [option.requestedAddress]: addressOption("10.0.100.100") };
  const us = { [option.serverId]: addressOption("10.0.100.10") };
  it.each<[string, Fields]>([
    ["without any address", {}],
    ["with a server id alone", { options: us }],
    ["with a server id and ciaddr", { options: us, ciaddr: ip("10.0.100.100") }],
    ["with option 50 and ciaddr", { options: wish, ciaddr: ip("10.0.100.100") }],
    ["with all three", { options: { ...us, ...wish }, ciaddr: ip("10.0.100.100") }],
  ])("in no valid state, %s, gets nothing", (_, fields) => {
    const response = createSite(known).send(request("REQUEST", fields));
    expect(outcome(response)).toBe("silence");
    expect(response.event.reason).toMatch("no valid state");
  });

  it("renewing from behind a relay is judged by the network of ciaddr", () => {
    const site = createSite([lease("10.0.101.100", stranger)]);
    const response = site.send(renewing("10.0.101.100"));
    expect(outcome(response)).toBe("ACK 10.0.101.100");
    expect(response.reply?.destination).toEqual({ address: "10.0.101.100", port: 68 });
    const moved = renewing("10.0.101.100", { giaddr: ip("10.0.100.1") });
    expect(outcome(site.send(moved))).toBe("NAK");
  });
});

describe("NAK", () => {
  it("carries the message type, server id, message and echoes, and no address", () => {
    const packet = selecting("192.0.2.7", {
      options: {
        [option.clientId]: Buffer.from("ff01", "hex"),
        [option.machineId]: Buffer.alloc(17),
        [option.relayAgentInfo]: Buffer.from("0104abcd", "hex"),
      },
    });
    const reply = createSite().send(packet).reply;
    expect(reply?.packet).toMatchObject({
      yiaddr: "0.0.0.0",
      siaddr: "0.0.0.0",
      ciaddr: "0.0.0.0",
    });
    expect([...(reply?.packet.options.keys() ?? [])].sort((a, b) => a - b)).toEqual([
      53, 54, 56, 61, 82,
    ]);
    expect(reply?.destination).toEqual({ address: "255.255.255.255", port: 68 });
  });

  it("through a relay has the broadcast flag set", () => {
    const reply = createSite().send(selecting("192.0.2.7", { giaddr: ip("10.0.100.1") })).reply;
    expect(reply?.packet.flags).toBe(broadcastFlag);
    expect(reply?.destination).toEqual({ address: "10.0.100.1", port: 67 });
  });

  it("to a renewing client is broadcast, for its address is wrong", () => {
    const reply = createSite(known).send(renewing("10.0.100.120")).reply;
    expect(reply?.destination).toEqual({ address: "255.255.255.255", port: 68 });
  });
});
