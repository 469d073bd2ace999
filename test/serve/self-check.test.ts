import { expect, test } from "vitest";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { checkServer, missingAssets } from "../../src/serve/self-check.ts";
import { exampleInventory } from "../fakes/rack.ts";

const inventory = exampleInventory();
const [node01, node02] = inventory.nodes;
if (node01 === undefined || node02 === undefined) throw new Error("the example site has two nodes");
const nothing = {
  root: "/assets",
  loaders: new Map(),
  files: new Map(),
  sets: new Map(),
  versions: new Map(),
  problems: [],
  damaged: [],
};

const missingLoaders = (nodes: Parameters<typeof missingAssets>[2]) =>
  missingAssets(inventory, nothing, nodes).filter((problem) => problem.startsWith("loader"));

test("a node's own loader is asked for, once, beside those of every site", () => {
  const own = { ...node01, loader: "snponly.efi" };
  expect(missingLoaders([own, { ...node02, loader: "snponly.efi" }])).toEqual([
    "loader undionly.kpxe is missing: install it with rackstrap assets loaders, or copy it to /assets/undionly.kpxe",
    "loader ipxe.efi is missing: install it with rackstrap assets loaders, or copy it to /assets/ipxe.efi",
    "loader snponly.efi is missing: install it with rackstrap assets loaders, or copy it to /assets/snponly.efi",
  ]);
  expect(missingLoaders([node01])).toHaveLength(2);
});

test("an install is kept back by what its own machine needs, and the check says everything", () => {
  const manifest = {
    ...nothing,
    problems: [
      `asset set ${node01.profile}: initrd is damaged`,
      `asset set ${node01.profile} (version 0123456789abcdef): initrd is damaged`,
      "asset set other: bzImage is missing",
      "loader other.efi: is empty",
      "loaders.json can't be understood",
    ],
  };
  expect(missingAssets(inventory, manifest, [node01])).toEqual([
    `asset set ${node01.profile}: initrd is damaged`,
    "loaders.json can't be understood",
    expect.stringMatching(/^loader undionly.kpxe is missing/),
    expect.stringMatching(/^loader ipxe.efi is missing/),
  ]);
  const [assets] = checkServer(inventory, manifest, services, [], []).filter(
    ({ title }) => title === "boot assets",
  );
  for (const problem of manifest.problems) expect(assets?.detail).toContain(problem);
});

test("a node with Secure Boot needs shim and GRUB for its processor", () => {
  const secure = { ...node01, secureBoot: true };
  const missing = (node: typeof node01) =>
    missingLoaders([node])
      .slice(2)
      .map((text) => text.slice(0, text.indexOf(" is missing")));
  expect(missing(secure)).toEqual(["loader shimx64.efi", "loader grubx64.efi"]);
  expect(missing({ ...secure, loader: "own.efi" })).toEqual(["loader own.efi"]);
});

const services = { dhcp: "running", tftp: "running", http: "running" } as const;
const rival = { address: "10.0.100.9" as Ipv4, interface: "eth0", lastHeardMs: 0 };

test.each([
  ["is a fault", false, { ok: false, next: expect.stringMatching(/^switch it off/) }],
  ["is no fault where it is allowed", true, { ok: true }],
])("another DHCP server is named and %s", (_, allowSecondServer, found) => {
  const site = { ...inventory, dhcp: { ...inventory.dhcp, allowSecondServer } };
  const checks = checkServer(site, nothing, services, [rival], []);
  expect(checks.filter(({ title }) => title === "another DHCP server, 10.0.100.9")).toMatchObject([
    { detail: expect.stringContaining("eth0, last heard at 1970-01-01T00:00:00.000Z"), ...found },
  ]);
});

test.each([
  ["sound", [], { ok: true }],
  ["faulty", ["x.hbs: bad", "y.hbs: worse"], { ok: false, detail: "x.hbs: bad; y.hbs: worse" }],
])("boot scripts that are %s are said to be", (_, faults, found) => {
  const checks = checkServer(inventory, nothing, services, [], faults);
  expect(checks.find(({ title }) => title === "boot scripts")).toMatchObject(found);
});
