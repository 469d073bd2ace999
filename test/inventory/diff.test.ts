import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { diffInventories, isEmptyDiff } from "../../src/inventory/diff.ts";
import { formatProblem, parseInventory } from "../../src/inventory/load.ts";
import { untilRestart } from "../../src/inventory/restart.ts";
import type { Inventory } from "../../src/inventory/schema.ts";

const text = readFileSync("test/fixtures/inventory/plain-site.yaml", "utf8");

function parsed(changed: string): Inventory {
  const result = parseInventory(changed, "site.yaml");
  if ("inventory" in result) return result.inventory;
  throw new Error(result.problems.map(formatProblem).join("\n"));
}

function withText(...edits: readonly (readonly [string, string])[]): Inventory {
  return parsed(
    edits.reduce((all, [piece, by]) => {
      if (!all.includes(piece)) throw new Error(`no ${piece}`);
      return all.replace(piece, by);
    }, text),
  );
}

const site = parsed(text);
const node04 = text.slice(text.indexOf("  node04:"));

test("the same inventory read twice is no difference", () => {
  const diff = diffInventories(site, parsed(text));
  expect([diff, isEmptyDiff(diff)]).toEqual([
    { added: [], removed: [], changed: [], settings: [] },
    true,
  ]);
});

test.each<[string, Inventory, object]>([
  ["a node that is gone", withText([node04, ""]), { removed: ["node04"] }],
  [
    "a node that is new",
    withText([
      node04,
      `${node04}${node04.replace("node04", "node05").replace("34:59", "34:60").replace(".80", ".81").replace(".20\n", ".21\n").replace("10.54", "10.55")}`,
    ]),
    { added: ["node05"] },
  ],
  [
    "a node by another name",
    withText(["  node04:", "  node14:"]),
    { added: ["node14"], removed: ["node04"] },
  ],
  [
    "a disk, in the words of the file",
    withText(["disk: /dev/nvme0n1", "disk: { serial: S6PT, size: largest }"]),
    {
      changed: [
        {
          node: "node04",
          changes: [{ path: "disk", from: "/dev/nvme0n1", to: "serial S6PT, size largest" }],
        },
      ],
    },
  ],
  [
    "a setting that is written for the first time, and one inside another",
    withText([
      "disk: /dev/nvme0n1",
      "disk: /dev/nvme0n1\n    powerGroup: pdu-1\n    labels: { zone: a }",
    ]),
    {
      changed: [
        {
          node: "node04",
          changes: [
            { path: "labels.zone", to: "a" },
            { path: "powerGroup", to: "pdu-1" },
          ],
        },
      ],
    },
  ],
  [
    "where a password is kept, and never the password",
    withText([node04, node04.replace("{ env: BMC_PASSWORD }", "{ file: /etc/bmc.txt }")]),
    {
      changed: [
        {
          node: "node04",
          changes: [
            { path: "bmc.password.env", from: "BMC_PASSWORD" },
            { path: "bmc.password.file", to: "/etc/bmc.txt" },
          ],
        },
      ],
    },
  ],
  [
    "a network, a range and a list of the site",
    withText(
      [
        "pool: { start: 10.0.100.100, end: 10.0.100.200 }",
        "pool: { start: 10.0.100.100, end: 10.0.100.150 }",
      ],
      ["dns: [10.0.100.1, 8.8.8.8]", "dns: [10.0.100.1]"],
      ["cidr: 10.0.10.0/24", "cidr: 10.0.0.0/16"],
    ),
    {
      settings: [
        {
          path: "networks.provisioning.pool",
          from: "10.0.100.100-10.0.100.200",
          to: "10.0.100.100-10.0.100.150",
        },
        { path: "networks.provisioning.dns", from: "[10.0.100.1, 8.8.8.8]", to: "[10.0.100.1]" },
        { path: "networks.management.cidr", from: "10.0.10.0/24", to: "10.0.0.0/16" },
      ],
    },
  ],
  [
    "what a profile gives, and what its nodes then have",
    withText(["worker: { role: worker }", "worker: { role: worker, localBoot: exit }"]),
    {
      changed: [{ node: "node04", changes: [{ path: "localBoot", from: "auto", to: "exit" }] }],
      settings: [{ path: "profiles.worker.localBoot", from: "auto", to: "exit" }],
    },
  ],
])("%s is told", (_, to, expected) => {
  const none = { added: [], removed: [], changed: [], settings: [] };
  const diff = diffInventories(site, to);
  expect(diff).toEqual({ ...none, ...expected });
  expect(isEmptyDiff(diff)).toBe(false);
});

test("the difference the other way round has the values the other way round", () => {
  const to = withText(["domain: example.com", "domain: example.org"]);
  const there = diffInventories(site, to);
  const back = diffInventories(to, site);
  expect(there.changed.map(({ changes }) => changes)).toEqual(
    site.nodes.map(({ name }) => [
      { path: "fqdn", from: `${name}.example.com`, to: `${name}.example.org` },
    ]),
  );
  expect(back.settings).toEqual(
    there.settings.map(({ path, from, to }) => ({ path, from: to, to: from })),
  );
});

test("a long value is cut", () => {
  const servers = Array.from({ length: 60 }, (_, i) => `10.0.100.${i + 100}`).join(", ");
  const [change] = diffInventories(
    site,
    withText(["dns: [10.0.200.1, 8.8.8.8]", `dns: [${servers}]`]),
  ).settings;
  expect(change?.to).toMatch(/^\[10\.0\.100\.100, .*…$/);
  expect(change?.to?.length).toBe(201);
});

test("what can't change while the server runs waits for the next start, and the rest does not", () => {
  const to = withText(
    ["address: 10.0.100.10 ", "address: 10.0.100.11 "],
    ["httpPort: 8080", "httpPort: 8081\n  api: { address: 127.0.0.1, port: 9443 }"],
    ["flake: /srv/provisioning", "flake: /srv/other\n  sshKey: /root/key"],
    ["\nboot:", "\ndhcp: { conflictProbe: false, relays: [10.9.0.1] }\nboot:"],
  );
  const { inventory, needsRestart } = untilRestart(site, to);
  expect(needsRestart).toEqual([
    { path: "server.address", from: "10.0.100.10", to: "10.0.100.11" },
    { path: "server.httpPort", from: "8080", to: "8081" },
    { path: "server.api.port", from: "8443", to: "9443" },
    { path: "dhcp.conflictProbe", from: "true", to: "false" },
    { path: "install.sshKey", to: "/root/key" },
  ]);
  expect(diffInventories(site, inventory).settings).toEqual([
    { path: "dhcp.relays", from: "[]", to: "[10.9.0.1]" },
    { path: "install.flake", from: "/srv/provisioning", to: "/srv/other" },
  ]);
  expect(untilRestart(site, site)).toEqual({ inventory: site, needsRestart: [] });
  const back = untilRestart(to, site).inventory;
  expect([back.install.sshKey, back.server]).toEqual(["/root/key", to.server]);
});
