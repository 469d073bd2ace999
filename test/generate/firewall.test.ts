import { expect, test } from "vitest";
import { nixosFiles } from "../../src/generate/nixos.ts";
import type { Inventory } from "../../src/inventory/schema.ts";
import { parseCidr } from "../../src/net/cidr.ts";
import { exampleSite, facts, nastySite } from "./nixos-site.ts";

/** The rules of a node's configuration, without comments. */
function rulesOf(inventory: Inventory, fqdn: string): string[] {
  const path = `nodes/${fqdn}/configuration.nix`;
  const text = nixosFiles(inventory, facts).find((file) => file.path === path)?.text ?? "";
  return text.split("\n").flatMap((line) => (/ accept$/.test(line) ? [line.trim()] : []));
}

const networks = (...texts: string[]) => texts.flatMap((text) => parseCidr(text) ?? []);

test("a node has the runbook's rules, and one for who asks after its health", () => {
  expect(rulesOf(exampleSite(), "node01.example.com")).toEqual([
    "ip saddr 10.0.0.0/8 tcp dport 22 accept",
    "ip saddr 10.0.200.0/24 tcp dport { 2379, 2380, 2381, 2479, 2480 } accept",
    "ip saddr { 10.0.100.10, 10.0.10.0/24 } tcp dport { 2379, 2479 } accept",
    "ip saddr 10.0.0.0/8 tcp dport 8080 accept",
  ]);
});

test("a worker without IAM opens nothing for clients", () => {
  expect(rulesOf(exampleSite(), "node04.example.com")).toEqual([
    "ip saddr 10.0.0.0/8 tcp dport 22 accept",
    "ip saddr 10.0.200.0/24 tcp dport { 2379, 2380, 2381, 2479, 2480 } accept",
    "ip saddr { 10.0.100.10, 10.0.10.0/24 } tcp dport { 2379, 2479 } accept",
  ]);
});

test("IAM stays open to the cluster where few clients may use it, and SSH to the server", () => {
  const site = exampleSite();
  const firewall = {
    sshFrom: networks("10.0.10.0/24"),
    clientFrom: networks("10.3.0.0/24", "10.3.0.0/25", "10.3.0.0/24"),
    zones: false,
  };
  expect(rulesOf({ ...site, firewall }, "node01.example.com")).toEqual(
    expect.arrayContaining([
      "ip saddr { 10.0.10.0/24, 10.0.100.10 } tcp dport 22 accept",
      "ip saddr { 10.3.0.0/24, 10.0.200.0/24 } tcp dport 8080 accept",
    ]),
  );
});

test("with zones each interface has its own rules", () => {
  const rules = rulesOf(nastySite(), "if.with.let.in");
  const of = (name: string) => rules.filter((rule) => rule.startsWith(`iifname "${name}" `));
  expect(rules.every((rule) => rule.startsWith("iifname"))).toBe(true);
  const nobodyElse = "ip saddr { 10.0.10.0/24, 192.0.2.7, 10.0.100.10, 10.1.0.10 } tcp dport 22";
  expect(of("eth0.100")[0]).toContain(nobodyElse);
  expect(of("else.10")[0]).toContain(nobodyElse);
  expect(of("then")).toEqual(['iifname "then" ip saddr 10.3.0.0/24 tcp dport 18080 accept']);
  expect(of("inherit").join("\n")).not.toMatch(/dport 22 /);
  expect(of("or")).toEqual([]);
});

test("a node without a card for clients serves them in the production network", () => {
  const rules = rulesOf(nastySite(), "in.with.let.in");
  expect(rules).toContain(
    'iifname "eth1" ip saddr 0.0.0.0/0 tcp dport { 18080, 9090, 53, 9092 } accept',
  );
  expect(rules).toContain('iifname "eth1" ip saddr 0.0.0.0/0 udp dport 53 accept');
});

test("a node that runs nothing lets in SSH alone", () => {
  const site = { ...nastySite(), firewall: { ...nastySite().firewall, zones: false } };
  expect(rulesOf(site, "let.with.let.in")).toEqual([
    "ip saddr { 10.0.10.0/24, 192.0.2.7, 10.0.100.10, 10.1.0.10 } tcp dport 22 accept",
  ]);
});
