import { expect, test } from "vitest";
import type { AssetManifest } from "../../src/boot/assets.ts";
import { assetStatus, assetTrouble, startAssetChecks } from "../../src/serve/asset-checks.ts";
import { manualClock } from "../fakes/manual-clock.ts";

const hourMs = 3_600_000;
const manifest = (damaged: readonly string[]) => ({ damaged }) as unknown as AssetManifest;

test("images are checked at once and then every hour, slowly, and what is damaged is told each time", async () => {
  const startMs = 1_000_000;
  const clock = manualClock(startMs);
  const findings = [[], ["initrd is damaged"], []];
  const seen: [atMs: number, damaged: readonly string[]][] = [];
  const third = Promise.withResolvers<void>();
  const checks = startAssetChecks({
    clock,
    everyMs: hourMs,
    assets: {
      verify: async (pace) => {
        await pace(16 * 1024 * 1024);
        return manifest(findings[seen.length] ?? []);
      },
    },
    onChecked: (damaged) => {
      seen.push([clock.now() - startMs, damaged]);
      if (seen.length === 3) third.resolve();
    },
    onFault: third.reject,
  });
  expect(checks.lastCheckMs()).toBeUndefined();
  await third.promise;
  await checks.close();
  expect(seen.slice(0, 3)).toEqual([
    [1_000, []],
    [hourMs + 2_000, ["initrd is damaged"]],
    [2 * hourMs + 3_000, []],
  ]);
  expect(checks.lastCheckMs()).toBe(clock.now() - hourMs);
});

test("a check that is cut off counts as none, and closing waits for it", async () => {
  const clock = manualClock();
  const told: unknown[] = [];
  let ended = false;
  const checks = startAssetChecks({
    clock,
    everyMs: hourMs,
    assets: {
      verify: async (_pace, signal) => {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        ended = true;
        return manifest([]);
      },
    },
    onChecked: (damaged) => told.push(damaged),
    onFault: (error) => told.push(error),
  });
  await checks.close();
  expect({ ended, told, last: checks.lastCheckMs() }).toEqual({
    ended: true,
    told: [],
    last: undefined,
  });
});

test("damage degrades the boot plane, with every damaged file as the reason", () => {
  expect([assetStatus(manifest([])), assetTrouble(manifest([]))]).toEqual(["running", undefined]);
  const two = manifest(["loader a: x", "asset set b: y"]);
  expect([assetStatus(two), assetTrouble(two)]).toEqual([
    "degraded",
    "loader a: x; asset set b: y",
  ]);
});
