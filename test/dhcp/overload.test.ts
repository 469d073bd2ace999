import { describe, expect, it } from "vitest";
import { mostDiscovers, surplus } from "../../src/dhcp/overload.ts";
import { encodePacket } from "../../src/dhcp/packet.ts";
import { createSite, machine, node01, outcome, request, selecting, stranger } from "./site.ts";

const isDeclared = (mac: string) => mac === node01;
const discover = (mac = stranger) => ({
  datagram: encodePacket(request("DISCOVER", { mac })).datagram,
});
const crowd = (count: number) => Array.from({ length: count }, () => discover());

describe("a batch", () => {
  it("of as many DISCOVERs as can be answered loses none", () => {
    expect(surplus(crowd(mostDiscovers), isDeclared).size).toBe(0);
  });

  it("of more loses the oldest ones of strangers, and nothing else", () => {
    const declared = discover(node01);
    const asked = { datagram: encodePacket(selecting("10.0.100.100")).datagram };
    const oldest = crowd(3);
    const batch = [declared, ...oldest, asked, ...crowd(mostDiscovers)];
    expect(surplus(batch, isDeclared)).toEqual(new Set(oldest));
  });

  it("is not judged by datagrams that are cut short", () => {
    const batch = Array.from({ length: 2 * mostDiscovers }, (_, length) => ({
      datagram: Buffer.alloc(length % 300),
    }));
    expect(surplus(batch, isDeclared).size).toBe(0);
  });
});

it("in a flood the declared machine and the one that was offered an address before are answered", () => {
  const site = createSite();
  expect(outcome(site.send(request("DISCOVER", { mac: machine(1) })))).toBe("OFFER 10.0.100.100");
  const flood = Array.from({ length: 1500 }, (_, i) =>
    request("DISCOVER", { mac: machine(2 + i) }),
  );
  const answers = site.batch([
    request("DISCOVER", { mac: node01 }),
    selecting("10.0.100.100", { mac: machine(1) }),
    ...flood,
  ]);
  const [first, second] = answers.map((reply) => outcome({ reply }));
  expect([first, second]).toEqual(["OFFER 10.0.100.50", "ACK 10.0.100.100"]);
  expect(answers.length).toBeLessThanOrEqual(mostDiscovers + 2);
});
