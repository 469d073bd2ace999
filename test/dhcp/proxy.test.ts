import { describe, expect, it } from "vitest";
import type { MessageType } from "../../src/dhcp/client.ts";
import type { DhcpConfig } from "../../src/dhcp/policy.ts";
import {
  type Arrival,
  addressOption,
  createSite,
  type Fields,
  initReboot,
  ip,
  lease,
  node01,
  outcome,
  renewing,
  request,
  stranger,
  withProvisioning,
} from "./site.ts";

const pxe = {
  60: Buffer.from("PXEClient:Arch:00007"),
  93: Buffer.of(0, 7),
  55: Buffer.of(1, 3, 67),
};
const source = { address: ip("10.0.100.77"), port: 4011 };
const port67: Arrival = { port: "dhcp" };
const port4011: Arrival = { port: "pxe", source };
const proxied = withProvisioning({ mode: "proxy" });
const served = withProvisioning({});

const send = (
  config: Partial<DhcpConfig>,
  type: MessageType,
  arrival: Arrival,
  fields: Fields = {},
) => createSite([], { config }).send(request(type, { options: pxe, ...fields }), arrival);

describe("a proxy network", () => {
  it.each<[MessageType, string]>([
    ["DISCOVER", "OFFER 0.0.0.0"],
    ["REQUEST", "REQUEST on proxy network provisioning is for another server"],
    ["DECLINE", "DECLINE on proxy network provisioning is for another server"],
    ["RELEASE", "RELEASE on proxy network provisioning is for another server"],
    ["INFORM", "INFORM on proxy network provisioning is for another server"],
    ["OFFER", "OFFER on proxy network provisioning is for another server"],
    ["ACK", "ACK on proxy network provisioning is for another server"],
    ["NAK", "NAK on proxy network provisioning is for another server"],
  ])("answers %s on port 67 with: %s", (type, expected) => {
    const response = send(proxied, type, port67);
    expect(response.reply === undefined ? response.event.reason : outcome(response)).toBe(expected);
  });

  it("offers a boot file, and neither an address nor a time nor a parameter", () => {
    const { reply, event } = send(proxied, "DISCOVER", port67, { mac: node01 });
    expect(event).toMatchObject({ kind: "dhcp-offered", bootFile: "ipxe.efi" });
    expect(reply?.destination).toEqual({ address: "255.255.255.255", port: 68 });
    expect(reply?.packet).toMatchObject({
      ...{ yiaddr: "0.0.0.0", ciaddr: "0.0.0.0", siaddr: "10.0.100.10", file: "ipxe.efi" },
    });
    expect([...(reply?.packet.options.keys() ?? [])]).toEqual([53, 54, 60, 43, 67]);
  });

  it("answers through a relay, and echoes what the client says of itself", () => {
    const options = { ...pxe, 61: Buffer.of(1, 2), 97: Buffer.alloc(17), 82: Buffer.of(1, 1, 7) };
    const { reply } = send(proxied, "DISCOVER", port67, { giaddr: ip("10.0.100.1"), options });
    expect(reply?.destination).toEqual({ address: "10.0.100.1", port: 67 });
    for (const number of [61, 97, 82])
      expect(reply?.packet.options.get(number)).toEqual(options[number as 61]);
  });

  it.each([
    ["an installed system", { 93: Buffer.of(0, 7) }, "it does not boot from the network"],
    [
      "an unknown architecture",
      { ...pxe, 93: Buffer.of(0, 99) },
      "no boot file: no known architecture",
    ],
  ])("has nothing for %s", (_, options, reason) => {
    const { event, reply } = send(proxied, "DISCOVER", port67, { options });
    expect([event.reason, reply]).toEqual([reason, undefined]);
  });

  it("holds no offer and no lease", () => {
    const site = createSite([], { config: proxied });
    for (const type of ["DISCOVER", "REQUEST"] as const) {
      site.send(request(type, { options: pxe }), port67);
      site.send(request(type, { options: pxe }), port4011);
    }
    expect([...site.engine.leases()]).toEqual([]);
  });
});

describe("which address a declared node boots with, beside the server that gives the addresses", () => {
  const asks = (address: string, mac = node01, config = proxied) => {
    const options = { 50: addressOption(address), 54: addressOption("10.0.100.2") };
    return { packet: request("REQUEST", { mac, options }), config };
  };
  /** The addresses on record after those requests, as `address mac`. */
  const recorded = (...sent: ReturnType<typeof asks>[]) => {
    const site = createSite([], { config: sent[0]?.config ?? proxied });
    for (const { packet } of sent) site.send(packet, port67);
    const rows = [...site.journal.rows.values()];
    expect([...site.engine.leases()]).toEqual(rows);
    return rows.map(({ address, mac, state }) => `${address} ${mac} ${state}`);
  };

  it("is the one that it asks that server for, on disk before it has it", () => {
    expect(recorded(asks("10.0.100.77"))).toEqual([`10.0.100.77 ${node01} foreign`]);
  });

  it("is the newest one alone", () => {
    expect(recorded(asks("10.0.100.77"), asks("10.0.100.78"))).toEqual([
      `10.0.100.78 ${node01} foreign`,
    ]);
  });

  it("is no longer its own once another machine asks for it", () => {
    expect(recorded(asks("10.0.100.77"), asks("10.0.100.77", stranger))).toEqual([]);
    expect(recorded(asks("10.0.100.77"), asks("10.0.100.78", stranger))).toHaveLength(1);
  });

  it.each([
    ["a machine in no inventory", asks("10.0.100.77", stranger)],
    ["an address of another network", asks("10.9.9.9")],
    ["a network whose addresses we give", asks("10.0.100.77", node01, served)],
  ])("is not on record of %s", (_, sent) => {
    expect(recorded(sent).filter((row) => row.endsWith("foreign"))).toEqual([]);
  });

  it("is known from port 4011 too, and ends when it was not asked for again", () => {
    const site = createSite([], { config: proxied });
    const ciaddr = ip("10.0.100.77");
    site.send(request("REQUEST", { mac: node01, options: pxe, ciaddr }), port4011);
    expect([...site.journal.rows.values()]).toMatchObject([
      { address: ciaddr, mac: node01, state: "foreign", expiresAtMs: site.nowMs + 7_200_000 },
    ]);
  });

  it("tells the policy of each REQUEST that goes to the other server", () => {
    const heard: string[] = [];
    const heardRequest = ({ mac }: { mac: string }) => void heard.push(mac);
    const site = createSite([], { config: proxied, policy: { heardRequest } });
    site.send(request("DISCOVER", { options: pxe }), port67);
    site.send(asks("10.0.100.77").packet, port67);
    site.send(request("REQUEST", { mac: node01, options: pxe }), port4011);
    expect(heard).toEqual([node01]);
  });
});

describe("a network that is switched from proxy to authoritative", () => {
  const foreign = (address: string, mac = node01) => lease(address, mac, { state: "foreign" });
  const journalOf = (...rows: ReturnType<typeof foreign>[]) => createSite(rows, { config: served });

  it.each([
    ["DISCOVER", request("DISCOVER", { mac: node01 }), "OFFER 10.0.100.50"],
    ["INIT-REBOOT", initReboot("10.0.100.50", { mac: node01 }), "ACK 10.0.100.50"],
    ["REBINDING", renewing("10.0.100.50", { mac: node01 }), "ACK 10.0.100.50"],
  ])("leaves a node its reserved address, which the other server gave: %s", (_, packet, answer) => {
    expect(outcome(journalOf(foreign("10.0.100.50")).send(packet))).toBe(answer);
  });

  it("forgets what the other server gave, on disk too", () => {
    const site = journalOf(foreign("10.0.100.100"), foreign("10.0.101.7"), foreign("192.0.2.7"));
    expect([...site.engine.leases()]).toEqual([]);
    expect(outcome(site.send(request("DISCOVER")))).toBe("OFFER 10.0.100.100");
    expect([...site.journal.rows.values()]).toEqual([]);
  });

  it("keeps what the other server gives in the networks that are still its own", () => {
    const site = createSite([foreign("10.0.100.77")], { config: proxied });
    expect([...site.engine.leases()]).toHaveLength(1);
  });

  it("leaves a node its reserved address while the journal can't be written", () => {
    const site = journalOf(foreign("10.0.100.50"));
    site.journal.broken = true;
    site.send(request("DISCOVER", { mac: node01 }));
    expect(outcome(site.send(renewing("10.0.100.50", { mac: node01 })))).toBe("ACK 10.0.100.50");
  });
});

describe("port 4011", () => {
  it.each<[MessageType, string]>([
    ["DISCOVER", "DISCOVER on port 4011 is for another server"],
    ["REQUEST", "ACK 0.0.0.0"],
    ["DECLINE", "DECLINE on port 4011 is for another server"],
    ["RELEASE", "RELEASE on port 4011 is for another server"],
    ["INFORM", "ACK 0.0.0.0"],
    ["OFFER", "OFFER on port 4011 is for another server"],
    ["ACK", "ACK on port 4011 is for another server"],
    ["NAK", "NAK on port 4011 is for another server"],
  ])("answers %s with: %s", (type, expected) => {
    for (const config of [proxied, served]) {
      const response = send(config, type, port4011);
      const said = response.reply === undefined ? response.event.reason : outcome(response);
      expect(said).toBe(expected);
    }
  });

  it.each([
    ["its sender", "10.0.100.77", "0.0.0.0", "10.0.100.77"],
    ["its sender, whatever ciaddr says", "10.0.100.77", "192.0.2.7", "10.0.100.77"],
    ["ciaddr when the sender has no address", "0.0.0.0", "10.0.100.78", "10.0.100.78"],
    ["all, when ciaddr is of another network", "0.0.0.0", "192.0.2.7", "255.255.255.255"],
    ["all, when there is no address at all", "0.0.0.0", "0.0.0.0", "255.255.255.255"],
  ])("answers to the port it was asked from, and to %s", (_, from, ciaddr, to) => {
    const arrival: Arrival = { port: "pxe", source: { address: ip(from), port: 2070 } };
    const { reply } = send(proxied, "REQUEST", arrival, { ciaddr: ip(ciaddr) });
    expect(reply?.destination).toEqual({ address: to, port: 2070 });
    expect(reply?.packet.ciaddr).toBe(ciaddr);
  });

  it("names the boot item that was asked for", () => {
    const item = Buffer.of(71, 4, 0, 0, 0, 0, 255);
    const { reply } = send(proxied, "REQUEST", port4011, { options: { ...pxe, 43: item } });
    expect(reply?.packet.options.get(43)?.toString("hex")).toBe("060108" + "470400000000" + "ff");
  });

  it("is silent in a network that is off", () => {
    const { event } = send(withProvisioning({ mode: "off" }), "REQUEST", port4011);
    expect(event.reason).toBe("DHCP is off in network provisioning");
  });

  it("leaves an offered address with its client", () => {
    const site = createSite([], { config: served });
    site.send(request("DISCOVER", { options: pxe }));
    site.send(request("REQUEST", { options: pxe }), port4011);
    const select = { 50: addressOption("10.0.100.100"), 54: addressOption("10.0.100.10") };
    expect(outcome(site.send(request("REQUEST", { options: select })))).toBe("ACK 10.0.100.100");
  });
});
