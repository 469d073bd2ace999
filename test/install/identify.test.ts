import { expect, test } from "vitest";
import { type Identification, judge } from "../../src/install/identify.ts";
import type { Mac } from "../../src/net/mac.ts";

const installer =
  'NAME=NixOS\nID=nixos\nVARIANT_ID="installer"\nPRETTY_NAME="NixOS 26.05 (Yarara)"\n';
const macs = "00:00:00:00:00:00\n52:54:00:12:34:56\n52:54:00:aa:34:56\n";
const disks = `{"blockdevices":[
  {"name":"loop0","size":1000,"serial":null,"type":"loop"},
  {"name":"vda","size":4294967296,"serial":null,"type":"disk"},
  {"name":"nvme0n1","size":"512110190592","serial":"S4EV ","type":"disk"}]}\n`;

const query = {
  address: "10.0.100.50",
  expectedMac: "52:54:00:12:34:56" as Mac,
  expectedDisk: "/dev/vda",
};

function report(over: { os?: string; macs?: string; disks?: string; disk?: string } = {}) {
  return [
    over.os ?? installer,
    over.macs ?? macs,
    "uefi\n",
    over.disks ?? disks,
    over.disk ?? "present\n",
  ].join("=== rackstrap\n");
}

test("the expected installer is recognised, with its facts", () => {
  expect(judge(query, report())).toEqual({
    kind: "installer",
    facts: {
      system: "NixOS 26.05 (Yarara)",
      macs: ["52:54:00:12:34:56", "52:54:00:aa:34:56"],
      firmware: "uefi",
      disks: [
        { name: "/dev/vda", sizeBytes: 4294967296, serial: undefined },
        { name: "/dev/nvme0n1", sizeBytes: 512110190592, serial: "S4EV" },
      ],
    },
  });
});

test.each<[string, Parameters<typeof report>[0], Identification["kind"], string]>([
  [
    "an installed NixOS",
    { os: 'ID=nixos\nPRETTY_NAME="NixOS 24.11"\n' },
    "not-installer",
    "NixOS 24.11, which is no NixOS installer",
  ],
  ["another system", { os: "ID=debian\n" }, "not-installer", "nothing was written"],
  [
    "another machine",
    { macs: "52:54:00:99:99:99\n" },
    "other-machine",
    "52:54:00:99:99:99, not 52:54:00:12:34:56",
  ],
  ["a machine without cards", { macs: "\n" }, "other-machine", "no network card"],
  [
    "an absent disk",
    { disk: "absent\n" },
    "disk-absent",
    "no disk /dev/vda; it has /dev/vda (4.3 GB), /dev/nvme0n1 (512.1 GB, serial S4EV)",
  ],
  [
    "a machine without disks",
    { disks: '{"blockdevices":[]}', disk: "absent\n" },
    "disk-absent",
    "none at all",
  ],
  [
    "a list of disks in no known form",
    { disks: "lsblk: unknown column\n" },
    "not-installer",
    "unknown column",
  ],
  ["nothing at all", { os: "", macs: "", disks: "" }, "not-installer", "an unnamed system"],
])("%s", (_, over, kind, why) => {
  const identification = judge(query, report(over));
  expect(identification).toMatchObject({ kind, why: expect.stringContaining(why) });
});
