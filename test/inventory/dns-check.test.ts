import { expect, test } from "vitest";
import { edited, problemsOf } from "./edit.ts";

const section = (yaml: string, vips = "") =>
  edited(
    "  production: { cidr: 10.0.200.0/24, gateway: 10.0.200.1, dns: [10.0.200.1] }\n",
    `  production: { cidr: 10.0.200.0/24, gateway: 10.0.200.1, dns: [10.0.200.1]${vips} }\n`,
  ).replace("install:\n", `dns: ${yaml}\ninstall:\n`);

test.each<[string, string, string?]>([
  ["nothing", "{}"],
  ["a name server outside the domain", "{ nameServers: [ns.other.net] }"],
  ["a name server with its address", "{ nameServers: [{ name: ns1, address: 10.0.200.5 }] }"],
  ["a node as name server", "{ nameServers: [node01.example.com] }"],
  ["a shared address as name server", "{ nameServers: [dns] }", ", vips: { dns: 10.0.200.100 }"],
  ["names for BMCs", "{ bmcNames: true, hostmaster: net.admin@example.com, ttlSeconds: 300 }"],
])("%s may be said of the zones", (_what, yaml, vips) => {
  expect(problemsOf(section(yaml, vips))).toEqual([]);
});

test.each<[string, string, string, string?]>([
  [
    "a name server without an address",
    "{ nameServers: [ns1] }",
    "dns.nameServers.0: ns1.example.com lies in example.com and has no address: write { name: ns1.example.com, address: ADDRESS }",
  ],
  [
    "an address outside the domain",
    "{ nameServers: [{ name: ns.other.net, address: 10.0.200.5 }] }",
    "dns.nameServers.0: ns.other.net lies outside example.com, so its address is published elsewhere: write the name alone",
  ],
  [
    "two addresses of one name",
    "{ nameServers: [{ name: node01, address: 10.0.200.99 }] }",
    "dns.nameServers.0: node01.example.com is 10.0.200.10 elsewhere in this file and 10.0.200.99 here: correct one of them",
  ],
  [
    "a shared address with a node's name",
    "{}",
    'networks.production.vips.node01: "node01" is the name of a node: give the shared address another',
    ", vips: { node01: 10.0.200.100 }",
  ],
  [
    "a BMC's name that is taken",
    "{ bmcNames: true }",
    "nodes.node01: dns.bmcNames makes node01-bmc the BMC of node01, and that name is taken: rename one, or leave bmcNames out",
    ", vips: { node01-bmc: 10.0.200.100 }",
  ],
  ["a hostmaster that is no mail address", "{ hostmaster: root }", "dns.hostmaster: "],
])("%s is refused", (_what, yaml, problem, vips) => {
  expect(problemsOf(section(yaml, vips))).toEqual([expect.stringContaining(problem)]);
});
