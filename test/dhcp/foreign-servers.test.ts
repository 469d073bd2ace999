import { describe, expect, it } from "vitest";
import { readClient } from "../../src/dhcp/client.ts";
import { foreignServer, temptation } from "../../src/dhcp/foreign-servers.ts";
import { decodePacket, encodePacket } from "../../src/dhcp/packet.ts";
import { addressOption, type Fields, ip, node01, request } from "./site.ts";

const ours = new Set([ip("10.0.100.10"), ip("10.0.101.10")]);
const theirs = addressOption("10.0.100.9");

describe("another server", () => {
  it.each<[string, Fields, string, string | undefined]>([
    [
      "that names itself in an OFFER",
      { options: { 53: Buffer.of(2), 54: theirs } },
      "10.0.100.9",
      "10.0.100.9",
    ],
    [
      "that names itself in an ACK",
      { options: { 53: Buffer.of(5), 54: theirs } },
      "10.0.100.9",
      "10.0.100.9",
    ],
    [
      "that names itself in a NAK",
      { options: { 53: Buffer.of(6), 54: theirs } },
      "10.0.100.9",
      "10.0.100.9",
    ],
    ["behind a relay", { options: { 53: Buffer.of(2), 54: theirs } }, "10.0.100.1", "10.0.100.9"],
    ["without option 54", { options: { 53: Buffer.of(2) } }, "10.0.100.8", "10.0.100.8"],
    [
      "with half an option 54",
      { options: { 53: Buffer.of(2), 54: Buffer.of(10) } },
      "10.0.100.8",
      "10.0.100.8",
    ],
    [
      "is not this one by its name",
      { options: { 53: Buffer.of(2), 54: addressOption("10.0.101.10") } },
      "10.0.100.1",
      undefined,
    ],
    [
      "is not this one by its address",
      { options: { 53: Buffer.of(2), 54: theirs } },
      "10.0.100.10",
      undefined,
    ],
    ["is not who asks", { options: { 53: Buffer.of(1), 54: theirs } }, "10.0.100.9", undefined],
    [
      "is not who says nothing",
      { options: { 53: Buffer.of(2, 2), 54: theirs } },
      "10.0.100.9",
      undefined,
    ],
    [
      "is not a request",
      { op: 1, options: { 53: Buffer.of(2), 54: theirs } },
      "10.0.100.9",
      undefined,
    ],
  ])("%s", (_, fields, sender, expected) => {
    const packet = request("OFFER", { op: 2, ...fields });
    expect(foreignServer(encodePacket(packet).datagram, ip(sender), ours)).toBe(expected);
  });

  it("is nobody in what can't be read", () => {
    expect(foreignServer(Buffer.from("nonsense"), ip("10.0.100.9"), ours)).toBeUndefined();
    expect(foreignServer(Buffer.alloc(0), ip("10.0.100.9"), ours)).toBeUndefined();
  });
});

it("is tempted by a DISCOVER of our own, answered by broadcast", () => {
  const packet = decodePacket(temptation(node01, 7));
  if ("malformed" in packet) throw new Error(packet.malformed);
  expect(packet).toMatchObject({ op: 1, xid: 7, flags: 0x8000, ciaddr: "0.0.0.0" });
  expect(readClient(packet)).toMatchObject({ messageType: "DISCOVER", mac: node01 });
});
