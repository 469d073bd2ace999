// What is generated, read by the programs it is made for: BIND's checker, Ansible, OpenSSH.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { generate, generators } from "../../src/generate/generators.ts";
import type { Inventory } from "../../src/inventory/schema.ts";
import { inventoryWith, siteWith } from "../generate/site.ts";

const names = new Set(generators.map(({ name }) => name));
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "rackstrap-generated-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(inventory: Inventory): readonly string[] {
  const { files } = generate(siteWith({ inventory }), names);
  for (const { path, text } of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return files.map(({ path }) => path);
}

const sites: readonly (readonly [string, () => Inventory])[] = [
  ["the runbook's site", () => inventoryWith()],
  [
    "a site with its own name servers",
    () =>
      inventoryWith((file) => {
        file["dns"] = {
          nameServers: ["ns.other.net", { name: "ns1", address: "10.0.200.5" }, "node01"],
          hostmaster: "net.admin@example.com",
          ttlSeconds: 60,
        };
      }),
  ],
  [
    "a site whose production network is a /8",
    () =>
      inventoryWith((file) => {
        const { production } = file["networks"] as { production: { cidr: string } };
        production.cidr = "10.0.0.0/8";
      }),
  ],
  [
    "a site whose production network is a /20",
    () =>
      inventoryWith((file) => {
        const { production } = file["networks"] as { production: { cidr: string } };
        production.cidr = "10.0.192.0/20";
      }),
  ],
];

describe("named-checkzone", () => {
  it.each(sites)("loads every zone of %s", (_what, inventory) => {
    const zones = write(inventory()).filter((path) => path.endsWith(".zone"));
    expect(zones.length).toBeGreaterThanOrEqual(2);
    for (const path of zones) {
      const zone = path.slice("dns/".length, -".zone".length);
      const argv = [
        "-i",
        "local",
        "-k",
        "fail",
        "-r",
        "fail",
        "-W",
        "fail",
        zone,
        join(folder, path),
      ];
      const answer = execFileSync("named-checkzone", argv, { encoding: "utf8" });
      expect(answer).toMatch(/^zone .*: loaded serial 2026010201\nOK\n$/);
    }
  });
});

test("ansible-inventory reads hosts, variables and groups", () => {
  write(inventoryWith());
  const argv = ["-i", join(folder, "ansible/inventory.yaml"), "--list"];
  const ansible = join(folder, "ansible.cfg");
  writeFileSync(ansible, "[defaults]\n");
  const env = { ...process.env, HOME: folder, ANSIBLE_CONFIG: ansible };
  const list = JSON.parse(execFileSync("ansible-inventory", argv, { encoding: "utf8", env }));
  expect(list._meta.hostvars.node01).toMatchObject({
    ansible_host: "10.0.200.10",
    ansible_user: "root",
    rackstrap_mac: "52:54:00:12:34:56",
    rackstrap_position: 12,
    rackstrap_services: ["chainfire", "flaredb", "iam"],
  });
  expect(list.role_control_plane.hosts).toEqual(["node01", "node02", "node03"]);
  expect(list.profile_worker.hosts).toEqual(["node04"]);
  expect(list.rack_r1.hosts).toEqual(["node01", "node04"]);
  expect(list.label_power_feed_b.hosts).toEqual(["node04"]);
});

test("ssh reaches a node by both its names", () => {
  write(
    inventoryWith((file) => {
      const install = file["install"] as { sshKey: string };
      install.sshKey = "/srv/100% mine/key";
    }),
  );
  const settingsOf = (host: string) =>
    execFileSync("ssh", ["-G", "-F", join(folder, "ssh/config"), host], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).split("\n");
  for (const host of ["node04", "node04.example.com"]) {
    const settings = settingsOf(host);
    for (const line of [
      "hostname 10.0.200.20",
      "hostkeyalias node04.example.com",
      "user root",
      "identitiesonly yes",
    ])
      expect(settings).toContain(line);
    expect(settings.find((line) => line.startsWith("identityfile"))).toMatch(
      /^identityfile \/srv\/100%%? mine\/key$/,
    );
    expect(settings.filter((line) => line.startsWith("proxyjump"))).toEqual([]);
  }
  expect(settingsOf("node05")).toContain("hostname node05");
});
