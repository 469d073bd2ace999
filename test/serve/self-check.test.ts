import { expect, test } from "vitest";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { checkServer, missingAssets } from "../../src/serve/self-check.ts";
import { exampleInventory } from "../fakes/rack.ts";

const inventory = exampleInventory();
const [node01, node02] = inventory.nodes;
if (node01 === undefined || node02 === undefined) throw new Error("the example site has two nodes");
const nothing = { root: "/assets", loaders: new Map(), sets: new Map(), problems: [] };

const missingLoaders = (nodes: Parameters<typeof missingAssets>[2]) =>
  missingAssets(inventory, nothing, nodes).filter((problem) => problem.startsWith("loader"));

test("a node's own loader is asked for, once, beside those of every site", () => {
  const own = { ...node01, loader: "snponly.efi" };
  expect(missingLoaders([own, { ...node02, loader: "snponly.efi" }])).toEqual([
    "loader undionly.kpxe is missing: copy it to /assets/undionly.kpxe",
    "loader ipxe.efi is missing: copy it to /assets/ipxe.efi",
    "loader snponly.efi is missing: copy it to /assets/snponly.efi",
  ]);
  expect(missingLoaders([node01])).toHaveLength(2);
});

test("a node with Secure Boot needs shim and GRUB for its processor", () => {
  const secure = { ...node01, secureBoot: true };
  expect(missingLoaders([secure]).slice(2)).toEqual([
    "loader shimx64.efi is missing: copy it to /assets/shimx64.efi",
    "loader grubx64.efi is missing: copy it to /assets/grubx64.efi",
  ]);
  expect(missingLoaders([{ ...secure, loader: "own.efi" }]).slice(2)).toEqual([
    "loader own.efi is missing: copy it to /assets/own.efi",
  ]);
});

const services = { dhcp: "running", tftp: "running", http: "running" } as const;
const rival = { address: "10.0.100.9" as Ipv4, interface: "eth0", lastHeardMs: 0 };

test.each([
  ["is a fault", false, { ok: false, next: expect.stringMatching(/^switch it off/) }],
  ["is no fault where it is allowed", true, { ok: true }],
])("another DHCP server is named and %s", (_, allowSecondServer, found) => {
  const site = { ...inventory, dhcp: { ...inventory.dhcp, allowSecondServer } };
  const checks = checkServer(site, nothing, services, [rival]);
  expect(checks.filter(({ title }) => title === "another DHCP server, 10.0.100.9")).toMatchObject([
    { detail: expect.stringContaining("eth0, last heard at 1970-01-01T00:00:00.000Z"), ...found },
  ]);
});
