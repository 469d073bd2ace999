import { describe, expect, test } from "vitest";
import type { BootDevice } from "../../../src/bmc/bmc.ts";
import * as chassis from "../../../src/bmc/ipmi/chassis.ts";

const hex = (text: string) => Buffer.from(text, "hex");

// As ipmitool's `bootdev` writes them: octets 1 to 5 behind the parameter's number.
test.each<[BootDevice, boolean, boolean, string]>([
  ["pxe", false, false, "058004000000"],
  ["pxe", true, true, "05e004000000"],
  ["disk", false, false, "058008000000"],
  ["cdrom", false, true, "05a014000000"],
  ["bios", false, false, "058018000000"],
  ["none", true, true, "050000000000"],
])("%s, persistent %s, UEFI %s is %s", (device, persistent, uefi, expected) => {
  const { data } = chassis.setBootFlags({ device, persistent, uefi });
  expect(data?.toString("hex")).toBe(expected);
  const back = chassis.decodeBootFlags(Buffer.concat([hex("01"), data ?? hex("")]));
  const none = device === "none";
  expect(back).toEqual({
    ...{ device, persistent: persistent && !none, uefi: uefi && !none },
    valid: !none,
  });
});

describe("boot flags that were read", () => {
  test.each([
    ["with the valid bit off, as ipmi_sim says", "01050004000000", { device: "pxe", valid: false }],
    ["of an invalid parameter", "01858004000000", { device: "pxe", valid: false }],
    ["of a device without a name here", "0105803c000000", { device: "other", valid: true }],
  ])("%s", (_what, data, expected) => {
    expect(chassis.decodeBootFlags(hex(data))).toMatchObject(expected);
  });

  test.each(["", "01", "0105", "010580", "01048004"])("%s is not readable", (data) => {
    expect(chassis.decodeBootFlags(hex(data))).toBeUndefined();
  });
});

test.each([
  ["00000000", { power: "off", restorePolicy: "stay off" }],
  ["21100000", { power: "on", restorePolicy: "as before" }],
  ["41010000", { power: "on", restorePolicy: "switch on", lastOffBecause: "power failure" }],
  ["60080000", { power: "off", restorePolicy: "unknown", lastOffBecause: "fault" }],
])("chassis status %s", (data, expected) => {
  expect(chassis.decodeChassisStatus(hex(data))).toEqual(expected);
});

test("a chassis status that is cut short is none", () => {
  expect(chassis.decodeChassisStatus(hex("01"))).toBeUndefined();
});
