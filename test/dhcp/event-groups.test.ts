import { expect, test } from "vitest";
import { createEventDigest } from "../../src/dhcp/event-digest.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";

test("a crowd of strangers does not hide another server", () => {
  const digest = createEventDigest(() => false);
  for (let i = 0; i < 1_000; i++) digest.add({ kind: "dhcp-ignored", client: undefined }, 0);
  const address = "10.0.100.9" as Ipv4;
  digest.add({ kind: "foreign-dhcp-server", client: undefined, address, interface: "eth0" }, 0);
  const { sightings, counts } = digest.take();
  expect(counts).toEqual({ "dhcp-ignored": 1_000, "foreign-dhcp-server": 1 });
  expect(sightings).toHaveLength(21);
  expect(sightings.at(-1)).toMatchObject({ kind: "foreign-dhcp-server", interface: "eth0" });
});
