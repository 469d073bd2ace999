import { expect, test } from "vitest";
import {
  type Cidr,
  cidrContains,
  directedBroadcast,
  formatCidr,
  netmask,
  parseCidr,
} from "../../src/net/cidr.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";

function network(text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new Error(`${text} is no network`);
  return cidr;
}

test.each([
  ["0.0.0.0/0", "0.0.0.0", "255.255.255.255"],
  ["128.0.0.0/1", "128.0.0.0", "255.255.255.255"],
  ["10.0.0.0/8", "255.0.0.0", "10.255.255.255"],
  ["10.0.100.0/24", "255.255.255.0", "10.0.100.255"],
  ["192.168.1.128/25", "255.255.255.128", "192.168.1.255"],
  ["10.0.0.4/31", "255.255.255.254", "10.0.0.5"],
  ["10.0.0.7/32", "255.255.255.255", "10.0.0.7"],
])("%s has the mask %s and the broadcast address %s", (text, mask, broadcast) => {
  const cidr = network(text);
  expect(formatCidr(cidr)).toBe(text);
  expect(netmask(cidr)).toBe(mask);
  expect(directedBroadcast(cidr)).toBe(broadcast);
});

test.each([
  ["host bits", "10.0.100.1/24"],
  ["no prefix", "10.0.100.0"],
  ["an empty prefix", "10.0.100.0/"],
  ["a prefix above 32", "10.0.100.0/33"],
  ["a prefix with a leading zero", "10.0.100.0/024"],
  ["a mask in place of the prefix", "10.0.100.0/255.255.255.0"],
  ["a second slash", "10.0.100.0/24/8"],
  ["a bad address", "10.0.300.0/24"],
])("refuses %s", (_what, text) => {
  expect(parseCidr(text)).toBeUndefined();
});

test.each([
  ["0.0.0.0/0", "255.255.255.255", true],
  ["10.0.100.0/24", "10.0.100.0", true],
  ["10.0.100.0/24", "10.0.100.255", true],
  ["10.0.100.0/24", "10.0.101.0", false],
  ["128.0.0.0/1", "127.255.255.255", false],
  ["128.0.0.0/1", "200.1.2.3", true],
  ["10.0.0.7/32", "10.0.0.7", true],
  ["10.0.0.7/32", "10.0.0.6", false],
])("%s contains %s: %s", (text, address, inside) => {
  expect(cidrContains(network(text), address as Ipv4)).toBe(inside);
});
