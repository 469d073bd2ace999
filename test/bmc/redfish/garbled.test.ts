// A BMC whose answers are damaged in ways that JSON allows: every verb ends, in a value or in a BmcError.

import { expect, test } from "vitest";
import { type Bmc, BmcError } from "../../../src/bmc/bmc.ts";
import { seededRandom } from "../../fakes/seeded-random.ts";
import { simulate } from "./simulated.ts";

const junk: readonly unknown[] = [
  null,
  true,
  -1,
  Number.MAX_VALUE,
  "",
  "x".repeat(3000),
  "\u001b[2J",
  [],
  {},
  [null],
  { "@odata.id": 7 },
  { "@odata.id": "http://192.0.2.1/" },
  { "@odata.id": "/redfish/v1" },
  "On",
  "/redfish/v1/",
];

/** The same with one value in twenty damaged, wherever it is. */
function damaged(value: unknown, random: (below: number) => number): unknown {
  if (random(20) === 0) return junk[random(junk.length)];
  if (Array.isArray(value)) return value.map((one: unknown) => damaged(one, random));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, damaged(one, random)]));
}

const verbs: readonly ((bmc: Bmc) => Promise<unknown>)[] = [
  (bmc) => bmc.powerState(),
  (bmc) => bmc.power("on"),
  (bmc) => bmc.power("cycle"),
  (bmc) => bmc.setBootOverride({ device: "pxe", persistent: false, uefi: true }),
  (bmc) => bmc.describe(),
  (bmc) => bmc.sensors(),
  (bmc) => bmc.events(),
  (bmc) => bmc.clearEvents(),
  (bmc) => bmc.firmwareVersions(),
  (bmc) => bmc.identify(0),
  (bmc) => bmc.openConsole({ takeOver: false }),
  async (bmc) => bmc.virtualMedia?.inserted(),
];

test.each(["plain", "ami", "dell"] as const)("a garbled %s harms nobody", async (maker) => {
  const random = seededRandom(maker.length);
  const { bmc, machine, server, close } = await simulate(maker);
  machine.log.push({ id: 1, timeMs: Date.UTC(2026, 0), severity: "ok", message: "on" });
  let values = 0;
  let errors = 0;
  server.faults.garble = (body) => damaged(body, random) as object;
  for (let round = 0; round < 20; round += 1)
    for (const verb of verbs) {
      const end = await verb(bmc).catch((error: unknown) => error);
      if (end instanceof Error) expect(end).toBeInstanceOf(BmcError);
      expect(`${end instanceof Error ? end.message : JSON.stringify(end)}`).not.toMatch(
        /\p{Cc}|\\u001b/u,
      );
      if (end instanceof Error) expect(end.message.length).toBeLessThan(600);
      if (end instanceof Error) errors += 1;
      else values += 1;
    }
  expect(values).toBeGreaterThan(20);
  expect(errors).toBeGreaterThan(20);
  await close();
});
