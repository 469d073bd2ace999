import { expect, test } from "vitest";
import { noLoaders, type ReadLoaders } from "../../src/boot/asset-store/read-loaders.ts";
import type { LoaderNames } from "../../src/serve/dhcp-thread.ts";
import { startLoaderWatch } from "../../src/serve/loader-watch.ts";
import { manualClock } from "../fakes/manual-clock.ts";

const loader = { data: Buffer.from("loader"), identity: "1", sha256: "1" };
const some = (names: readonly string[], refused: readonly string[] = []): ReadLoaders => ({
  ...noLoaders,
  loaders: new Map(names.map((name) => [name, loader])),
  refused: new Map(refused.map((name) => [name, `loader ${name} is empty`])),
});

test("DHCP is told of the loaders at first and when they change, and not in between", async () => {
  const clock = manualClock(0);
  const findings = [
    some(["ipxe.efi"]),
    some(["ipxe.efi"]),
    some([], ["ipxe.efi"]),
    some([], ["ipxe.efi"]),
    some(["ipxe.efi", "snponly.efi"]),
  ];
  const told: [atMs: number, loaders: LoaderNames][] = [];
  const last = Promise.withResolvers<void>();
  let looks = 0;
  const watch = startLoaderWatch({
    clock,
    assets: {
      loaders: async () => findings[Math.min(looks++, findings.length - 1)] ?? noLoaders,
    },
    dhcp: {
      setLoaders: (loaders) => {
        told.push([clock.now(), loaders]);
        if (told.length === 3) last.resolve();
      },
    },
    onFault: last.reject,
  });
  await last.promise;
  await watch.close();
  expect(told).toEqual([
    [1000, { usable: new Set(["ipxe.efi"]), refused: new Map() }],
    [3000, { usable: new Set(), refused: new Map([["ipxe.efi", "loader ipxe.efi is empty"]]) }],
    [5000, { usable: new Set(["ipxe.efi", "snponly.efi"]), refused: new Map() }],
  ]);
});
