import { expect, test } from "vitest";
import { diagnoseStranger, type StrangerEvidence } from "../../src/diagnose/stranger.ts";
import type { Mac } from "../../src/net/mac.ts";

const mac = "52:54:00:99:99:99" as Mac;
const found = {
  ...{ mac, firstSeenMs: 0, lastSeenMs: 60_000, address: "10.0.100.100", facts: {} },
  ...{ report: undefined, waitingMs: undefined },
};
const stranger = (changes: Partial<StrangerEvidence> = {}) =>
  diagnoseStranger({
    ...{ mac, nowMs: 90_000, found, retired: undefined, cardOf: undefined, dhcp: "running" },
    ...{ reason: "it is in no inventory", ...changes },
  });

test.each<[string, Partial<StrangerEvidence>, string, string, string]>([
  [
    "heard and declared nowhere",
    {},
    "declared",
    "undeclared",
    `rackstrap accept ${mac} --as NAME --profile PROFILE`,
  ],
  ["never heard", { found: undefined }, "dhcp", "never-heard", "rackstrap discovered"],
  ["DHCP is off", { dhcp: "stopped", found: undefined }, "dhcp", "dhcp-down", "journalctl"],
  ["retired", { retired: "node09" }, "declared", "retired", `rackstrap discovered ${mac}`],
  [
    "another card of a node",
    { cardOf: "node02" },
    "declared",
    "card-of-node",
    "rackstrap diagnose node02",
  ],
])("%s", (_what, changes, stage, cause, next) => {
  const { verdict } = stranger(changes);
  expect(verdict).toMatchObject({ stage, cause, next: expect.stringContaining(next) });
});

test("a stranger has two stages, and says when it was heard", () => {
  expect(stranger().stages).toMatchObject([
    { name: "dhcp", status: "ok", says: `${mac} was heard 30 s ago, address 10.0.100.100` },
    { name: "declared", status: "missing", says: "it is in no inventory" },
  ]);
});
