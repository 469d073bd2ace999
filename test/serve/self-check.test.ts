import { expect, test } from "vitest";
import type { AssetManifest, AssetSet } from "../../src/boot/assets.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { checkServer, missingAssets } from "../../src/serve/self-check.ts";
import { exampleInventory } from "../fakes/rack.ts";

const inventory = exampleInventory();
const [node01, node02] = inventory.nodes;
if (node01 === undefined || node02 === undefined) throw new Error("the example site has two nodes");
const nothing: AssetManifest = {
  root: "/assets",
  loaders: new Map(),
  sets: new Map(),
  versions: new Map(),
  problems: [],
  damaged: [],
};

const missingLoaders = (nodes: Parameters<typeof missingAssets>[2], manifest = nothing) =>
  missingAssets(inventory, manifest, nodes)
    .filter((problem) => problem.startsWith("loader"))
    .map((problem) => problem.slice(0, problem.indexOf(" is missing")));

test("the remedy for a loader that is missing is named", () => {
  expect(missingAssets(inventory, nothing, [node01])).toContain(
    "loader ipxe.efi is missing: install it with rackstrap assets loaders, or copy it to /assets/ipxe.efi",
  );
});

test("an install needs the loaders of its own machines, each once", () => {
  const own = { ...node01, loader: "snponly.efi" };
  expect(missingLoaders([own, { ...node02, loader: "snponly.efi" }])).toEqual([
    "loader snponly.efi",
  ]);
  expect(missingLoaders([node01, node02])).toEqual(["loader ipxe.efi"]);
  expect(missingLoaders([{ ...node01, firmware: "bios" }])).toEqual(["loader undionly.kpxe"]);
});

test("an arm64 node needs iPXE or GRUB for its processor", () => {
  const set = { kernelName: "Image" } as AssetSet;
  const arm = { ...nothing, sets: new Map([[node01.profile, set]]) };
  expect(missingLoaders([node01], arm)).toEqual(["loader ipxe-arm64.efi"]);
  const grub = { data: Buffer.from("grub"), identity: "1", sha256: "1" };
  const loaders = new Map([["grubaa64.efi", grub]]);
  expect(missingLoaders([node01], { ...arm, loaders })).toEqual([]);
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
    expect.stringMatching(/^loader ipxe.efi is missing/),
  ]);
  const [assets] = checkServer(inventory, manifest, services, [], []).filter(
    ({ title }) => title === "boot assets",
  );
  for (const problem of manifest.problems) expect(assets?.detail).toContain(problem);
});

test("a node with Secure Boot needs shim and GRUB for its processor", () => {
  const secure = { ...node01, secureBoot: true };
  expect(missingLoaders([secure])).toEqual(["loader shimx64.efi", "loader grubx64.efi"]);
  expect(missingLoaders([{ ...secure, loader: "own.efi" }])).toEqual(["loader own.efi"]);
});

const services = { dhcp: "running", tftp: "running", http: "running" } as const;
const rival = { address: "10.0.100.9" as Ipv4, interface: "eth0", lastHeardMs: 0 };

test.each([
  ["is a fault", false, { level: "error", next: expect.stringMatching(/^switch it off/) }],
  ["is no fault where it is allowed", true, { level: "ok" }],
])("another DHCP server is named and %s", (_, allowSecondServer, found) => {
  const site = { ...inventory, dhcp: { ...inventory.dhcp, allowSecondServer } };
  const checks = checkServer(site, nothing, services, [rival], []);
  expect(checks.filter(({ title }) => title === "another DHCP server, 10.0.100.9")).toMatchObject([
    { detail: expect.stringContaining("eth0, last heard at 1970-01-01T00:00:00.000Z"), ...found },
  ]);
});

test.each([
  ["sound", [], { level: "ok" }],
  [
    "faulty",
    ["x.hbs: bad", "y.hbs: worse"],
    { level: "error", detail: "x.hbs: bad; y.hbs: worse" },
  ],
])("boot scripts that are %s are said to be", (_, faults, found) => {
  const checks = checkServer(inventory, nothing, services, [], faults);
  expect(checks.find(({ title }) => title === "boot scripts")).toMatchObject(found);
});
