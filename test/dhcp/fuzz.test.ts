import { expect, test } from "vitest";
import { fuzzDhcp } from "../fuzz/dhcp.ts";

test("hostile datagrams, 60,000 of them, bring no wrong answer, no exception and no growth", {
  timeout: 120_000,
}, () => {
  const { failures, counts, growthBytes } = fuzzDhcp({ seed: 20260101, packets: 60_000 });
  expect(failures).toEqual([]);
  expect(growthBytes).toBeLessThan(20 * 1024 * 1024);
  // They reach every part of the engine.
  const kinds = [
    ...["dhcp-offered", "dhcp-acknowledged", "dhcp-refused", "dhcp-ignored", "dhcp-declined"],
    ...["dhcp-malformed", "dhcp-pool-exhausted"],
    ...["dhcp-released", "dhcp-informed", "dhcp-conflict", "foreign-dhcp-server"],
  ] as const;
  expect(Object.keys(counts).sort()).toEqual([...kinds].sort());
  expect(counts["dhcp-acknowledged"]).toBeGreaterThan(1_000);
});
