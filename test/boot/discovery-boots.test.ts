import { expect, test } from "vitest";
import { createDiscoveryBoots } from "../../src/boot/discovery-boots.ts";
import type { Mac } from "../../src/net/mac.ts";

const mac = "52:54:00:00:00:01" as Mac;
const minute = 60_000;

test("boots are counted for each machine, for an hour", () => {
  const boots = createDiscoveryBoots();
  expect(boots.unreported(mac, 0)).toBe(0);
  boots.given(mac, 0);
  boots.given(mac, 5 * minute);
  expect(boots.unreported(mac, 6 * minute)).toBe(2);
  expect(boots.unreported("52:54:00:00:00:02" as Mac, 6 * minute)).toBe(0);
  expect(boots.unreported(mac, 62 * minute)).toBe(1);
  expect(boots.unreported(mac, 66 * minute)).toBe(0);
});

test("a script that is fetched again within a minute is the same boot", () => {
  const boots = createDiscoveryBoots();
  for (const second of [0, 10, 59]) boots.given(mac, second * 1000);
  expect(boots.unreported(mac, minute)).toBe(1);
  boots.given(mac, minute);
  expect(boots.unreported(mac, minute)).toBe(2);
});

test("a report begins the count anew", () => {
  const boots = createDiscoveryBoots();
  for (const at of [0, 2, 4]) boots.given(mac, at * minute);
  boots.reported(mac);
  expect(boots.unreported(mac, 5 * minute)).toBe(0);
});

test("what is remembered is bounded", () => {
  const boots = createDiscoveryBoots();
  for (let at = 0; at < 1000; at++) boots.given(mac, at * minute);
  expect(boots.unreported(mac, 999 * minute)).toBeLessThanOrEqual(16);
  for (let index = 0; index < 5000; index++)
    boots.given(`52:54:00:00:${Math.floor(index / 256).toString(16)}:${index % 256}` as Mac, 0);
  expect(boots.unreported(mac, 999 * minute)).toBe(0);
});
