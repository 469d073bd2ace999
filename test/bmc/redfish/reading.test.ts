// What is read out of resources, and what is chosen by it: no BMC takes part.

import { expect, test } from "vitest";
import { bootChange, overrideOf } from "../../../src/bmc/redfish/boot.ts";
import { inOrder, logEntryOf } from "../../../src/bmc/redfish/event-log.ts";
import { idOf, linkPath, locationPath } from "../../../src/bmc/redfish/path.ts";
import { resetTypeOf } from "../../../src/bmc/redfish/reset.ts";
import { powerReadings, thermalReadings } from "../../../src/bmc/redfish/sensors.ts";
import { boot, power, thermal } from "../../../src/bmc/redfish/shapes.ts";
import { vendorNamed, vendorOf } from "../../../src/bmc/redfish/vendors.ts";

test.each([
  ["/redfish/v1/Systems/1", "/redfish/v1/Systems/1"],
  ["/redfish/v1/Systems/1/", "/redfish/v1/Systems/1/"],
  ["/redfish/v1/Chassis/1/Thermal#/Fans/0", "/redfish/v1/Chassis/1/Thermal"],
  ["/redfish/v1/Entries?$skip=50", "/redfish/v1/Entries?$skip=50"],
  ["http://192.0.2.1/redfish/v1", undefined],
  ["//192.0.2.1/redfish/v1", undefined],
  ["/redfish/../etc/passwd", undefined],
  ["/redfish\\v1", undefined],
  ["/redfish/v1/a b", undefined],
  ["/redfish/v1/\r\nHost: x", undefined],
  ["redfish/v1", undefined],
  ["/api/power", undefined],
  [`/redfish/${"x".repeat(2000)}`, undefined],
  ["", undefined],
])("the link %j leads to %j", (link, path) => {
  expect(linkPath(link)).toBe(path);
});

test.each([
  ["/redfish/v1/Sessions/1", "/redfish/v1/Sessions/1"],
  ["https://bmc01/redfish/v1/Sessions/1", "/redfish/v1/Sessions/1"],
  ["https://192.0.2.1:8443/redfish/v1/Sessions/1", "/redfish/v1/Sessions/1"],
  ["https://192.0.2.1/elsewhere", undefined],
  ["", undefined],
])("of the location %j the path %j is used", (location, path) => {
  expect(locationPath(location)).toBe(path);
});

test("the id of a resource is the last part of its path, with a slash behind it or not", () => {
  expect([idOf("/redfish/v1/Systems/1"), idOf("/redfish/v1/Systems/Self/")]).toEqual(["1", "Self"]);
});

const dell = [
  "On",
  "ForceOff",
  "ForceRestart",
  "GracefulShutdown",
  "PushPowerButton",
  "PowerCycle",
];
test.each([
  ["on", dell, "On"],
  ["on", ["ForceOn"], "ForceOn"],
  ["off", dell, "ForceOff"],
  ["soft", dell, "GracefulShutdown"],
  ["soft", ["On", "PushPowerButton"], undefined],
  ["cycle", dell, "PowerCycle"],
  ["cycle", ["ForceRestart"], "ForceRestart"],
  ["cycle", ["On", "ForceOff"], undefined],
  ["reset", dell, "ForceRestart"],
  ["reset", ["PowerCycle"], undefined],
  ["reset", undefined, "ForceRestart"],
  ["cycle", undefined, "PowerCycle"],
] as const)("%s with %j is %s", (action, allowed, type) => {
  expect(resetTypeOf(action, allowed)).toBe(type);
});

const said = (enabled?: string, target?: string, mode?: string) =>
  boot.parse({
    BootSourceOverrideEnabled: enabled,
    BootSourceOverrideTarget: target,
    BootSourceOverrideMode: mode,
  });

test.each([
  [said("Once", "Pxe", "UEFI"), { device: "pxe", persistent: false, uefi: true }],
  [said("Continuous", "Hdd", "Legacy"), { device: "disk", persistent: true, uefi: false }],
  [said("Once", "UsbCd"), { device: "cdrom", persistent: false, uefi: false }],
  [said("Once", "UefiHttp", "UEFI"), { device: "other", persistent: false, uefi: true }],
  [said("Disabled", "Pxe", "UEFI"), { device: "none", persistent: false, uefi: true }],
  [said("Continuous", "None"), { device: "none", persistent: false, uefi: false }],
  [boot.parse({ BootSourceOverrideTarget: 7 }), { device: "none", persistent: false, uefi: false }],
  [undefined, { device: "none", persistent: false, uefi: false }],
])("the boot override %j is %j", (shown, override) => {
  expect(overrideOf(shown)).toEqual(override);
});

const able = boot.parse({
  BootSourceOverrideMode: "UEFI",
  "BootSourceOverrideEnabled@Redfish.AllowableValues": ["Disabled", "Once"],
  "BootSourceOverrideTarget@Redfish.AllowableValues": ["None", "Pxe", "Cd", "UsbCd"],
  "BootSourceOverrideMode@Redfish.AllowableValues": ["UEFI"],
});
const silent = boot.parse({});
const pxe = { device: "pxe", persistent: false, uefi: true } as const;
const sent = (enabled: string, target: string, mode?: string) => ({
  BootSourceOverrideEnabled: enabled,
  BootSourceOverrideTarget: target,
  ...(mode === undefined ? {} : { BootSourceOverrideMode: mode }),
});

test.each([
  ["everything is sent", pxe, able, "standard", sent("Once", "Pxe", "UEFI")],
  ["to HPE without the mode", pxe, able, "hpe", sent("Once", "Pxe")],
  ["without a mode where there is none", pxe, silent, "standard", sent("Once", "Pxe")],
  [
    "none, with everything",
    { ...pxe, device: "none" },
    able,
    "dell",
    sent("Disabled", "None", "UEFI"),
  ],
  ["a CD", { ...pxe, device: "cdrom" }, able, "dell", sent("Once", "Cd", "UEFI")],
  [
    "Supermicro's CD",
    { ...pxe, device: "cdrom" },
    able,
    "supermicro",
    sent("Once", "UsbCd", "UEFI"),
  ],
  [
    "no disk",
    { ...pxe, device: "disk" },
    able,
    "dell",
    { refused: "it boots from None, Pxe, Cd, UsbCd, not from disk" },
  ],
  [
    "not for ever",
    { ...pxe, persistent: true },
    able,
    "dell",
    { refused: 'it has no override that is "Continuous"' },
  ],
  [
    "no BIOS",
    { ...pxe, uefi: false },
    able,
    "dell",
    { refused: "its boot modes are UEFI, not Legacy" },
  ],
] as const)("a boot change: %s", (_, wanted, shown, vendor, change) => {
  expect(bootChange(wanted, shown, vendorNamed(vendor))).toEqual(change);
});

test.each([
  ["Oem", ["Ami", undefined, "ASRockRack"], "ami"],
  ["Oem before the vendor", ["Ami", "", "Lenovo"], "ami"],
  ["Product", ["", "AMI Redfish Server", undefined], "ami"],
  ["Dell", ["Dell", "Integrated Dell Remote Access Controller", "Dell"], "dell"],
  ["HPE", ["Hpe", "ProLiant DL360 Gen10", "HPE"], "hpe"],
  ["HP", ["Hp", null, null], "hpe"],
  ["Supermicro", ["Supermicro", null, null, "Supermicro"], "supermicro"],
  ["the system's manufacturer", ["", null, null, "Lenovo"], "lenovo"],
  ["nothing known", ["OpenBMC", "bmcweb", null, "Example Graphics"], "standard"],
  ["nothing", [], "standard"],
] as const)("the maker by %s", (_, words, name) => {
  expect(vendorOf(words).name).toBe(name);
});

test("Thermal and Power are read as sensors, empty slots left out", () => {
  const heat = thermal.parse({
    Temperatures: [
      { Name: "Inlet", ReadingCelsius: 23.5, Status: { State: "Enabled", Health: "OK" } },
      { Name: "CPU2", ReadingCelsius: null, Status: { State: "Absent" } },
      { MemberId: "7", ReadingCelsius: null, Status: { State: "Enabled", Health: "Warning" } },
    ],
    Fans: [{ FanName: "Fan 1", Reading: 30, ReadingUnits: "Percent" }],
  });
  expect(thermalReadings(heat)).toEqual([
    { name: "Inlet", value: 23.5, unit: "degrees C", health: "ok" },
    { name: "7", value: undefined, unit: "degrees C", health: "warning" },
    { name: "Fan 1", value: 30, unit: "percent", health: "unknown" },
  ]);
  const current = power.parse({
    Voltages: "none",
    PowerControl: [{ Name: "System", PowerConsumedWatts: 212, Status: { Health: "Critical" } }],
  });
  expect(powerReadings(current)).toEqual([
    { name: "System", value: 212, unit: "Watts", health: "critical" },
  ]);
});

test.each([
  ["2026-01-02T03:04:05+01:00", "2026-01-02T02:04:05.000Z"],
  ["1970-01-01T00:01:40Z", undefined],
  ["never", undefined],
  [undefined, undefined],
])("an entry of %s is of %s", (Created, time) => {
  const entry = { Id: "1", Created, Severity: "Critical", Message: "fan\u0007" };
  expect(logEntryOf(entry)).toEqual({ id: "1", time, severity: "critical", message: "fan" });
});

test("a log that begins with the newest is turned, one without times is left", () => {
  const entry = (id: string, time?: string) => ({ id, time, severity: "ok" as const, message: "" });
  const newestFirst = [
    entry("3", "2026-01-02"),
    entry("2", "2026-01-01"),
    entry("1", "2026-01-01"),
  ];
  expect(inOrder(newestFirst).map(({ id }) => id)).toEqual(["2", "1", "3"]);
  expect(inOrder([entry("2", "2026-01-02"), entry("1")]).map(({ id }) => id)).toEqual(["2", "1"]);
});
