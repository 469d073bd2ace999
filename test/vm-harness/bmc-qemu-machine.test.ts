// What the program behind a QEMU machine is told for each action of its BMC.

import { expect, test } from "vitest";
import { settingsOf } from "../../vm-harness/bmc/qemu-machine.ts";

test.each([
  ["on", "off", "none", "boot none power 1"],
  ["on", "off", "disk", "boot default power 1"],
  ["on", "on", "pxe", ""],
  ["off", "on", "pxe", "power 0"],
  ["soft", "on", "pxe", "shutdown 1"],
  ["cycle", "on", "pxe", "power 0 boot pxe power 1"],
  ["cycle", "off", "pxe", ""],
  ["reset", "on", "cdrom", "boot cdrom reset 1"],
  ["reset", "off", "cdrom", ""],
] as const)("%s of a machine that is %s, with override %s", (action, power, device, expected) => {
  expect(settingsOf(action, power, device).join(" ")).toBe(expected);
});
